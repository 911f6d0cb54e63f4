package document

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/blob"
	"kontor/app/fault"
	"kontor/app/transaction"
	"kontor/policies"
)

// TestBuild: a transaction copies an outline. Both sides see the same counts; end users see nothing internal.
func TestBuild(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tree := w.build(taxes())
		all := []string{"Income", ".Payslip", ".Rent", "Children", ".Number of children", "Notes of the firm", ".Checklist", "Account"}
		assert.Equal(t, all, w.names(w.anna))
		assert.Equal(t, all, w.names(w.ben))
		assert.Equal(t, all, w.names(w.rita))
		assert.Equal(t, []string{"Income", ".Payslip", ".Rent", "Children", ".Number of children", "Account"}, w.names(w.eva))
		for _, c := range []account.Caller{w.anna, w.eva} {
			assert.Equal(t, Progress{Asked: 3}, w.tree(c).Progress, "without what is internal")
		}
		assert.Equal(t, Progress{Asked: 3}, w.progress())
		assert.Equal(t, Progress{Asked: 1}, tree.Elements[0].Inside)
		slip := w.named("Payslip")
		assert.Equal(t, "2026-12-15", slip.Due)
		assert.Equal(t, "The one of December", slip.Help)
		assert.Equal(t, Open, slip.State)
		for _, c := range []account.Caller{w.clara, w.otto} {
			_, err := w.Tree(w.Ctx, c, w.of.ID)
			w.Want(c.Name, err, transaction.ErrNotFound)
			_, _, err = w.ElementOf(w.Ctx, c, slip.ID)
			w.Want(c.Name, err, ErrNotFound)
		}
		_, _, err := w.ElementOf(w.Ctx, w.eva, w.named("Checklist").ID)
		w.Want("internal", err, ErrNotFound)
	})
}

// TestAnswering: a document answers a slot, the firm rejects it with a reason, it is answered again and accepted; then the end user
// can't change it any more.
func TestAnswering(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.build(taxes())
		id := w.named("Payslip").ID
		a := w.uploaded(w.eva, id, "slip.txt", "1234 Euro")
		assert.Equal(t, id, a.Element.ID)
		assert.Nil(t, a.Before)
		assert.Equal(t, Progress{Asked: 3, Answered: 1, ToReview: 1}, w.progress())
		e := w.named("Payslip")
		assert.Equal(t, Answered, e.State)
		assert.Equal(t, "Eva Ende slip.txt", e.Latest.By+" "+e.Latest.File)
		for _, c := range []account.Caller{w.anna, w.ben, w.eva, w.emil} {
			text, err := w.content(c, id, 0)
			w.Must(err)
			assert.Equal(t, "1234 Euro", text)
		}
		_, err := w.content(w.rita, id, 0)
		w.Want("auditors get names, not contents", err, policies.ErrForbidden)

		_, err = w.Reject(w.Ctx, w.ben, id, 1, " ")
		w.WantComplaints("without a reason", err, "invalid: required")
		_, err = w.Reject(w.Ctx, w.eva, id, 1, "no")
		w.Want("by an end user", err, policies.ErrForbidden)
		_, err = w.Reject(w.Ctx, w.ben, id, 1, "Page 2 is missing.")
		w.Must(err)
		assert.Equal(t, Progress{Asked: 3}, w.progress())
		e = w.named("Payslip")
		assert.Equal(t, Rejected, e.State)
		assert.Equal(t, "Page 2 is missing. Ben Büro", e.Reason+" "+e.Reviewer)

		again := w.uploaded(w.emil, id, "slip again.txt", "1234 Euro")
		require.NotNil(t, again.Before, "the same content was sent before")
		_, err = w.Accept(w.Ctx, w.ben, id, 1)
		w.Want("another version was looked at", err, ErrVersion)
		_, err = w.Accept(w.Ctx, w.ben, id, 2)
		w.Must(err)
		_, err = w.Accept(w.Ctx, w.ben, id, 2)
		w.Want("accepted meanwhile", err, ErrNothing)
		assert.Equal(t, Progress{Asked: 3, Answered: 1}, w.progress())
		_, err = w.upload(w.eva, id, "late.txt", "x")
		w.Want("accepted", err, ErrAccepted)
		w.uploaded(w.anna, id, "by post.txt", "from the firm")
		assert.Equal(t, Progress{Asked: 3, Answered: 1}, w.progress(), "what the firm gives waits for nobody")
		assert.Equal(t, []string{
			"Eva Ende document.uploaded Payslip", "Ben Büro slot.rejected Payslip", "Emil Ende document.replaced Payslip",
			"Ben Büro slot.accepted Payslip", "Anna Amt document.replaced Payslip",
		}, w.logged())
		tree, e, err := w.ElementOf(w.Ctx, w.eva, id)
		w.Must(err)
		list, err := w.Versions(w.Ctx, tree, e)
		w.Must(err)
		require.Len(t, list, 3)
		assert.Equal(t, "by post.txt", list[0].File)
		text, err := w.content(w.eva, id, 1)
		w.Must(err)
		assert.Equal(t, "1234 Euro", text)
		_, err = w.RestoreVersion(w.Ctx, w.anna, id, 1)
		w.Must(err)
		assert.Equal(t, "slip.txt", w.named("Payslip").Latest.File)
		assert.Equal(t, 4, w.named("Payslip").Versions)
	})
}

// TestAnswers: answers that are no documents, and slots that do not apply.
func TestAnswers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.build(taxes())
		slot, children := w.named("Account").ID, w.named("Number of children").ID
		_, err := w.Answer(w.Ctx, w.eva, slot, Given{Value: "DE02 1203 0000 0000 2020 52"})
		w.WantComplaints("a wrong check digit", err, "invalid: answer.iban")
		_, err = w.Answer(w.Ctx, w.eva, slot, Given{Value: "de02 1203 0000 0000 2020 51"})
		w.Must(err)
		assert.Equal(t, "DE02120300000000202051", w.named("Account").Latest.Text)
		for _, e := range w.tree(w.rita).Elements {
			if e.Latest != nil {
				assert.Empty(t, e.Latest.Text, "auditors don't read answers")
			}
		}
		assert.Zero(t, w.Number(`SELECT count(*) FROM element_version WHERE CAST(answer AS TEXT) LIKE '%2020%'`))
		_, err = w.Answer(w.Ctx, w.eva, children, Given{NotApplicable: true, Comment: "Keine Kinder"})
		w.Must(err)
		e := w.named("Number of children")
		assert.True(t, e.Latest.NotApplicable)
		assert.Equal(t, 1, e.Comments)
		assert.Equal(t, Progress{Asked: 3, Answered: 2, ToReview: 2}, w.progress())
		list, err := w.Comments(w.Ctx, w.tree(w.ben), e)
		w.Must(err)
		require.Len(t, list, 1)
		assert.Equal(t, "Keine Kinder Eva Ende", list[0].Text+" "+list[0].By)
		_, err = w.Answer(w.Ctx, w.eva, w.named("Income").ID, Given{NotApplicable: true})
		w.Want("a folder", err, policies.ErrForbidden)
		_, err = w.Answer(w.Ctx, w.rita, slot, Given{NotApplicable: true})
		w.Want("an auditor", err, policies.ErrForbidden)
		w.close(transaction.Closed)
		_, err = w.Answer(w.Ctx, w.eva, slot, Given{NotApplicable: true})
		w.Want("closed", err, ErrClosed)
	})
}

// TestComments: internal comments are for the firm alone, in lists and counts.
func TestComments(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.build(taxes())
		id := w.named("Account").ID
		for _, c := range []struct {
			by   account.Caller
			r    Remark
			want error
		}{
			{w.anna, Remark{"For both", false}, nil}, {w.anna, Remark{"For us", true}, nil}, {w.eva, Remark{"From me", false}, nil},
			{w.eva, Remark{"Hidden", true}, policies.ErrForbidden}, {w.rita, Remark{"x", false}, policies.ErrForbidden},
			{w.otto, Remark{"x", false}, ErrNotFound},
		} {
			_, err := w.Comment(w.Ctx, c.by, id, c.r)
			w.Want(c.by.Name+" "+c.r.Text, err, c.want)
		}
		for _, c := range []struct {
			by    account.Caller
			texts string
		}{{w.ben, "For both, For us, From me"}, {w.eva, "For both, From me"}} {
			tree, e, err := w.ElementOf(w.Ctx, c.by, id)
			w.Must(err)
			list, err := w.Comments(w.Ctx, tree, e)
			w.Must(err)
			var texts []string
			for _, one := range list {
				texts = append(texts, one.Text)
			}
			assert.Equal(t, c.texts, strings.Join(texts, ", "))
			assert.Len(t, texts, e.Comments)
		}
	})
}

// TestStructure: what may be added, moved, renamed, duplicated and removed follows the options of the template.
func TestStructure(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.build(taxes())
		income, children, slip := w.named("Income").ID, w.named("Children").ID, w.named("Payslip").ID
		at := func(parent uuid.UUID) Place { return Place{w.of.ID, parent} }
		_, err := w.Add(w.Ctx, w.anna, at(children), Slot, Form{Name: "More", Answer: AnswerText})
		w.Want("not extensible", err, ErrFixed)
		_, err = w.Add(w.Ctx, w.eva, at(income), Folder, Form{Name: "Mine"})
		w.Want("an end user", err, policies.ErrForbidden)
		_, err = w.Add(w.Ctx, w.anna, at(income), Slot, Form{Name: "payslip!", Answer: AnswerText})
		w.Want("the same name", err, ErrNameTaken)
		_, err = w.Add(w.Ctx, w.anna, at(income), Slot, Form{Name: " ", Answer: "x", Due: "31.12.2026"})
		w.WantComplaints("nothing", err, "name required, answer element.answer_unknown, due date.malformed")
		bonus, err := w.Add(w.Ctx, w.ben, at(income), Slot, Form{Name: "Bonus", Answer: AnswerDocument, Required: true})
		w.Must(err)
		extra, err := w.Add(w.Ctx, w.anna, at(uuid.Nil), Folder, Form{Name: "Extra"})
		w.Must(err)
		assert.Equal(t, 4, w.progress().Asked)

		w.Want("planned", w.Move(w.Ctx, w.anna, slip, extra, 0), ErrFixed)
		w.Must(w.Move(w.Ctx, w.anna, slip, income, 1))
		w.Must(w.Move(w.Ctx, w.anna, bonus, extra, 0))
		w.Want("into itself", w.Move(w.Ctx, w.anna, extra, extra, 0), ErrFixed)
		w.Must(w.Move(w.Ctx, w.anna, extra, uuid.Nil, 0))
		assert.Equal(t, []string{
			"Extra", ".Bonus", "Income", ".Rent", ".Payslip", "Children", ".Number of children", "Notes of the firm", ".Checklist", "Account",
		}, w.names(w.anna))

		_, err = w.Edit(w.Ctx, w.anna, extra, 2, Form{Name: "Extras"})
		w.Want("another version", err, ErrVersion)
		e, err := w.Edit(w.Ctx, w.anna, extra, w.named("Extra").Version, Form{Name: "Extras"})
		w.Must(err)
		assert.Equal(t, "Extras", e.Name)
		e, err = w.Edit(w.Ctx, w.anna, slip, w.named("Payslip").Version, Form{Name: "Other", Due: "2027-01-31"})
		w.Must(err)
		assert.Equal(t, "Payslip 2027-01-31 false", e.Name+" "+e.Due+" "+yes(e.Required)+"false", "a planned slot keeps its name")
		_, err = w.Edit(w.Ctx, w.anna, income, 1, Form{Name: "Other"})
		w.Want("a planned folder", err, ErrFixed)

		copied, err := w.Duplicate(w.Ctx, w.anna, income)
		w.Must(err)
		assert.Contains(t, w.names(w.anna), "Income (2)")
		assert.Len(t, w.tree(w.anna).Inside(copied), 2)
		_, err = w.Duplicate(w.Ctx, w.anna, children)
		w.Want("not duplicable", err, ErrFixed)
		for name, want := range map[string]error{"Payslip": ErrFixed, "Account": ErrFixed, "Children": nil, "Income (2)": nil, "Extras": nil} {
			_, err = w.Trash(w.Ctx, w.anna, w.named(name).ID)
			w.Want(name, err, want)
		}
		assert.Equal(t, []string{"Income", ".Rent", ".Payslip", "Notes of the firm", ".Checklist", "Account"}, w.names(w.anna))
	})
}

// TestTrash: what was moved to the trash comes back with all that was in it, for thirty days; then nothing is left of it.
func TestTrash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		folder, err := w.Add(w.Ctx, w.anna, Place{TransactionID: w.of.ID}, Folder, Form{Name: "Old"})
		w.Must(err)
		w.uploaded(w.eva, folder, "a.txt", "first")
		mine := w.uploaded(w.eva, uuid.Nil, "mine.txt", "second").Element.ID
		theirs := w.uploaded(w.anna, uuid.Nil, "theirs.txt", "third").Element.ID
		_, err = w.Trash(w.Ctx, w.eva, theirs)
		w.Want("of somebody else", err, policies.ErrForbidden)
		_, err = w.Trash(w.Ctx, w.eva, mine)
		w.Must(err)
		_, err = w.Trash(w.Ctx, w.ben, folder)
		w.Must(err)
		assert.Equal(t, []string{"theirs.txt"}, w.names(w.anna))
		_, err = w.content(w.anna, mine, 0)
		w.Want("in the trash", err, ErrNotFound)
		_, err = w.upload(w.eva, folder, "late.txt", "x")
		w.Want("into what is in the trash", err, ErrNotFound)
		for _, c := range []struct {
			by   account.Caller
			want int
		}{{w.anna, 2}, {w.eva, 1}, {w.emil, 0}} {
			list, err := w.TrashOf(w.Ctx, c.by, w.tree(c.by))
			w.Must(err)
			assert.Len(t, list, c.want, c.by.Name)
		}
		w.uploaded(w.emil, uuid.Nil, "mine.txt", "another one")
		_, err = w.Restore(w.Ctx, w.emil, mine)
		w.Want("by somebody else", err, ErrNotFound)
		e, err := w.Restore(w.Ctx, w.eva, mine)
		w.Must(err)
		assert.Equal(t, "mine (2).txt", e.Name)
		_, err = w.Restore(w.Ctx, w.anna, folder)
		w.Must(err)
		assert.Equal(t, []string{"theirs.txt", "mine.txt", "mine (2).txt", "Old", ".a.txt"}, w.names(w.anna))
		_, err = w.Trash(w.Ctx, w.ben, folder)
		w.Must(err)
		before := w.objects()
		w.Tick(TrashLife)
		_, err = w.Restore(w.Ctx, w.anna, folder)
		w.Want("too late", err, ErrNotFound)
		w.Must(w.Purge(w.Ctx))
		assert.Equal(t, 3, w.Number(`SELECT count(*) FROM element`))
		assert.Equal(t, 3, w.Number(`SELECT count(*) FROM blob`))
		assert.Less(t, w.objects(), before)
		text, err := w.content(w.anna, mine, 0)
		w.Must(err)
		assert.Equal(t, "second", text)
	})
}

// objects counts the files in the store.
func (w *world) objects() (n int) {
	w.Helper()
	w.Must(filepath.WalkDir(w.folder, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	}))
	return n
}

// TestUploads: who may upload where, and that nothing is there when it is refused.
func TestUploads(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.build(taxes())
		income, children := w.named("Income").ID, w.named("Children").ID
		for _, c := range []struct {
			name string
			by   account.Caller
			to   uuid.UUID
			want error
		}{
			{"an extensible folder", w.eva, income, nil}, {"the root", w.eva, uuid.Nil, nil}, {"a folder that is not extensible", w.eva, children, ErrFixed},
			{"an internal folder", w.eva, w.named("Notes of the firm").ID, ErrNotFound}, {"an internal one, by the firm", w.ben, w.named("Notes of the firm").ID, nil},
			{"a slot for something else", w.eva, w.named("Account").ID, ErrFixed}, {"by an auditor", w.rita, uuid.Nil, policies.ErrForbidden},
			{"another customer's end user", w.otto, uuid.Nil, transaction.ErrNotFound}, {"another customer's end user, a slot", w.otto, w.named("Payslip").ID, ErrNotFound},
			{"a stranger of the firm", w.clara, uuid.Nil, transaction.ErrNotFound}, {"nothing", w.anna, accounttest.ID(), ErrNotFound},
		} {
			before := w.Number(`SELECT count(*) FROM element_version`)
			_, err := w.upload(c.by, c.to, "a.txt", "text of "+c.name)
			w.Want(c.name, err, c.want)
			if c.want != nil {
				assert.Equal(t, before, w.Number(`SELECT count(*) FROM element_version`), c.name)
			}
		}
		assert.Contains(t, w.names(w.anna), "a.txt")
		w.uploaded(w.eva, uuid.Nil, "a.txt", "another")
		assert.Contains(t, w.names(w.anna), "a (2).txt")
		doc := w.named("a (2).txt").ID
		_, err := w.upload(w.emil, doc, "b.txt", "x")
		w.Want("the document of somebody else", err, ErrFixed)
		w.uploaded(w.eva, doc, "b.txt", "newer")
		text, err := w.content(w.emil, doc, 0)
		w.Must(err)
		assert.Equal(t, "newer", text)
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM upload WHERE blob_id IS NULL`))
	})
}

// TestMeanwhile: what becomes of an upload under way when the world around it changes: it is refused, and begins to exist in no
// place.
func TestMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, slot Element)
		want   error
	}{
		"closed": {func(w *world, _ Element) { w.close(transaction.Closed) }, ErrClosed},
		"trashed": {func(w *world, e Element) {
			w.Exec(`UPDATE element SET trashed_at = ? WHERE id = ?`, w.Clock.Now(), e.ID)
		}, ErrNotFound},
		"accepted": {func(w *world, e Element) {
			w.uploaded(w.emil, e.ID, "b.txt", "other")
			_, err := w.Accept(w.Ctx, w.anna, e.ID, 1)
			w.Must(err)
		}, ErrAccepted},
		"removed":                 {func(w *world, _ Element) { w.Exec(`DELETE FROM access WHERE account_id = ?`, w.eva.ID) }, ErrNotFound},
		"internal now":            {func(w *world, e Element) { w.Exec(`UPDATE element SET internal = TRUE WHERE id = ?`, e.ID) }, ErrNotFound},
		"answered by another one": {func(w *world, e Element) { w.uploaded(w.emil, e.ID, "b.txt", "other") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.build(taxes())
				slot := w.named("Payslip")
				u, err := w.Announce(w.Ctx, w.eva, Announced{Target: Target{ElementID: slot.ID}, File: "a.txt", Size: 10})
				w.Must(err)
				u, _, err = w.Append(w.Ctx, w.eva, u, 0, []byte("12345"))
				w.Must(err)
				c.change(w, slot)
				before := w.Number(`SELECT count(*) FROM element_version`)
				_, arrived, err := w.Append(w.Ctx, w.eva, u, 5, []byte("67890"))
				requireSame(t, err, c.want, name)
				if c.want == nil {
					assert.Equal(t, slot.ID, arrived.Element.ID)
					assert.Equal(t, 2, w.named("Payslip").Versions, "both are there")
					return
				}
				assert.Nil(t, arrived)
				assert.Equal(t, before, w.Number(`SELECT count(*) FROM element_version`))
				again, err := w.UploadOf(w.Ctx, w.eva, u.ID)
				w.Must(err)
				assert.EqualValues(t, 5, again.Received, "nobody believes that it arrived")
				_, err = w.UploadOf(w.Ctx, w.emil, u.ID)
				w.Want("somebody else", err, fault.New(fault.NotFound, "upload.not_found"))
			})
		})
	}
}

// TestDeletedWithCustomer: a deleted customer leaves no row, no object and no readable byte; a template's and another customer's stay.
func TestDeletedWithCustomer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.build(taxes())
		w.uploaded(w.eva, w.named("Payslip").ID, "a.txt", "a")
		w.uploaded(w.eva, uuid.Nil, "b.txt", "b")
		_, err := w.Answer(w.Ctx, w.eva, w.named("Account").ID, Given{NotApplicable: true, Comment: "c"})
		w.Must(err)
		_, err = w.Trash(w.Ctx, w.anna, w.named("b.txt").ID)
		w.Must(err)
		u, err := w.Announce(w.Ctx, w.eva, Announced{Target: Target{TransactionID: w.of.ID}, File: "c.txt", Size: 10})
		w.Must(err)
		_, _, err = w.Append(w.Ctx, w.eva, u, 0, []byte("12345"))
		w.Must(err)
		require.Positive(t, w.objects())
		_, counts, err := w.customers.WillDelete(w.Ctx, w.anna, w.customer.ID)
		w.Must(err)
		assert.EqualValues(t, 2, counts.Documents)
		d, err := w.customers.Delete(w.Ctx, w.anna, w.customer.ID, w.customer.Label())
		w.Must(err)
		assert.NotNil(t, d.FinishedAt)
		assert.EqualValues(t, 2, d.Took().Documents)
		assert.Zero(t, w.objects())
		for _, table := range []string{"element", "element_version", "element_comment", "blob", "blob_key", "upload"} {
			assert.Zero(t, w.Number(`SELECT count(*) FROM `+table), table)
		}
		w.Tick(2 * blob.Grace)
		w.Must(w.blobs.Sweep(w.Ctx))
		assert.Zero(t, w.Number(`SELECT count(*) FROM blob_garbage`))
	})
}

// TestViewed: the log says when the customer has first seen a transaction, once.
func TestViewed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []account.Caller{w.anna, w.eva, w.emil, w.eva} {
			w.Must(w.Viewed(w.Ctx, c, w.tree(c)))
		}
		require.Len(t, w.logged(), 1)
		assert.True(t, strings.HasPrefix(w.logged()[0], "Eva Ende transaction.viewed "))
	})
}

// TestOneAfterTheOther: changes of one transaction at the same time all happen, and its counts are right.
func TestOneAfterTheOther(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		done := make(chan error)
		const n = 12
		for i := range n {
			go func() {
				_, err := w.Add(context.Background(), w.anna, Place{TransactionID: w.of.ID}, Slot, Form{Name: strings.Repeat("x", i+1), Answer: AnswerText, Required: true})
				done <- err
			}()
		}
		for range n {
			require.NoError(t, <-done)
		}
		assert.Equal(t, n, w.progress().Asked)
		positions := map[int]bool{}
		for _, e := range w.tree(w.anna).Elements {
			positions[e.Position] = true
		}
		assert.Len(t, positions, n)
	})
}
