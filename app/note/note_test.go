package note

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/document/documenttest"
	"kontor/app/fault"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// world is a firm with a customer; anna has added it, ben has nothing to do with it.
type world struct {
	*accounttest.Firm
	*Service
	customers *customer.Service

	anna, ben, rita, dora, end account.Caller
	customer                   customer.Customer
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
		w.customers = customer.New(customer.Options{
			DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Accounts: w.Accounts, Jobs: w.Jobs,
		})
		access.New(access.Options{DB: db, Now: w.Now, Customers: w.customers, Accounts: w.Accounts, Courier: w.Post, Approvals: w.Approvals})
		documenttest.New(t, w.Firm, w.customers, transaction.New(transaction.Options{DB: db, Now: w.Now, Customers: w.customers}))
		w.Service = New(Options{DB: db, Now: w.Now, Audit: w.Audit, Customers: w.customers})
		w.anna = w.Specialist("Anna Amt")
		w.ben = w.Specialist("Ben Büro")
		w.dora = w.Specialist("Dora Daten", policies.DataAdministrator)
		w.rita = w.Person("Rita Revision", true, policies.Auditor)
		w.end = w.Person("Eva Ende", false, policies.EndUser)
		w.customer = w.addCustomer("Kühn")
		test(t, w)
	})
}

func (w *world) addCustomer(name string) customer.Customer {
	w.Helper()
	cu, _, err := w.customers.Add(w.Ctx, w.anna, customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: name, Locale: "de"}}, nil)
	w.Must(err)
	return cu
}

// now returns the service's clock, of which there are two.
func (w *world) Now() time.Time { return w.Clock.Now() }

// all lists the notes of the customer with the words, newest first.
func (w *world) all(query string) (list []Note) {
	w.Helper()
	found, err := w.Find(w.Ctx, w.customer.ID, query, listing.Reading[listing.Moment]{Limit: 1000})
	w.Must(err)
	var ids []uuid.UUID
	for _, m := range found.Hits {
		ids = append(ids, m.ID)
	}
	notes, err := w.Load(w.Ctx, ids)
	w.Must(err)
	return listing.InOrder(ids, notes)
}

// write writes a note and returns it.
func (w *world) write(c account.Caller, text string) Note {
	w.Helper()
	w.Must(w.Write(w.Ctx, c, w.customer.ID, text, ""))
	return w.all("")[0]
}

func (w *world) logged() (actions []audit.Action) {
	w.Helper()
	page, err := w.Audit.Page(w.Ctx, audit.Filter{Actions: logged})
	w.Must(err)
	for _, e := range page.Entries {
		actions = append(actions, e.Action)
		assert.Empty(w, e.Subject+e.Detail, "the log has no text")
		assert.Equal(w, w.customer.ID, e.CustomerID.UUID)
	}
	return actions
}

// TestWrite: a note has its author and its time, and the log says that it was written, without the text.
func TestWrite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Must(w.Write(w.Ctx, w.anna, w.customer.ID, "  Ruft gern\r\nzurück. A\u0308\u200b ", "a"))
		w.Must(w.Write(w.Ctx, w.anna, w.customer.ID, "Noch einmal", "a"))
		list := w.all("")
		require.Len(t, list, 1, "sent twice")
		n := list[0]
		assert.Equal(t, "Ruft gern\nzurück. Ä", n.Text, "composed, cleaned")
		assert.Equal(t, w.anna.ID, n.AuthorID)
		assert.Equal(t, "Anna Amt", n.Author)
		assert.WithinDuration(t, w.Now(), n.CreatedAt, 0)
		assert.Nil(t, n.ChangedAt)
		w.Must(w.Write(w.Ctx, w.ben, w.customer.ID, "Von Ben", "a"))
		assert.Len(t, w.all(""), 2, "somebody else's form")
		assert.Equal(t, []audit.Action{audit.NoteWritten, audit.NoteWritten}, w.logged())
	})
}

// TestTexts: what a note may be.
func TestTexts(t *testing.T) {
	for name, c := range map[string]struct{ typed, text, complaint string }{
		"one line":     {" a ", "a", ""},
		"several":      {"a\r\n\r\nb\tc", "a\n\nb\tc", ""},
		"as long":      {strings.Repeat("ä", MaxText), strings.Repeat("ä", MaxText), ""},
		"too long":     {strings.Repeat("ä", MaxText+1), "", "too_long"},
		"nothing":      {"", "", "required"},
		"blanks":       {" \n\u200b ", "", "required"},
		"a control":    {"a\x00b", "", "control_characters"},
		"no UTF-8":     {"a\xff", "", "control_characters"},
		"punctuation":  {"!", "!", ""},
		"what is HTML": {"<script>alert(1)</script>", "<script>alert(1)</script>", ""},
	} {
		text, err := checkText(c.typed)
		if c.complaint != "" {
			var wrong *fault.Error
			require.ErrorAs(t, err, &wrong, name)
			assert.Equal(t, "note "+c.complaint, wrong.Field+" "+wrong.Message, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, c.text, text, name)
	}
}

// TestWhoMay: who may read the customer's notes reads them; only the author changes, removes and restores.
func TestWhoMay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.write(w.anna, "Von Anna")
		id := w.customer.ID
		acts := map[string]func(c account.Caller) error{
			"read":    func(c account.Caller) error { _, err := w.Get(w.Ctx, c, id, n.ID); return err },
			"write":   func(c account.Caller) error { return w.Write(w.Ctx, c, id, "Noch eine", "") },
			"change":  func(c account.Caller) error { _, err := w.Change(w.Ctx, c, id, n.ID, Edit{"Von Anna", 1}); return err },
			"remove":  func(c account.Caller) error { return w.Remove(w.Ctx, c, id, n.ID) },
			"restore": func(c account.Caller) error { return w.Restore(w.Ctx, c, id, n.ID) },
		}
		no, hidden := policies.ErrForbidden, customer.ErrNotFound
		for _, c := range []struct {
			name                         string
			caller                       account.Caller
			read, write, change, restore error
		}{
			{"another specialist user", w.ben, nil, nil, no, no},
			{"an auditor", w.rita, nil, no, no, no},
			{"an end user", w.end, hidden, hidden, hidden, hidden},
			{"nobody", account.Caller{}, hidden, hidden, hidden, hidden},
			{"the author", w.anna, nil, nil, nil, ErrUndone},
		} {
			for act, want := range map[string]error{"read": c.read, "write": c.write, "change": c.change, "restore": c.restore} {
				w.Want(c.name+": "+act, acts[act](c.caller), want)
			}
			if c.change != nil {
				w.Want(c.name+": remove", acts["remove"](c.caller), c.change)
			}
		}
		other := w.addCustomer("Lang")
		_, err := w.Get(w.Ctx, w.anna, other.ID, n.ID)
		w.Want("through another customer", err, ErrNotFound)
		w.Want("remove through another customer", w.Remove(w.Ctx, w.anna, other.ID, n.ID), ErrNotFound)
		w.Must(acts["remove"](w.anna))
		w.Want("restore through another customer", w.Restore(w.Ctx, w.anna, other.ID, n.ID), ErrUndone)
		w.adopt(strings.ReplaceAll(policies.Default, "p, specialist, *, note, *, create, allow\n", ""))
		w.Want("without the right", acts["restore"](w.anna), no)
	})
}

// adopt puts another policy in force.
func (w *world) adopt(text string) {
	w.Helper()
	d, err := policies.New(text)
	w.Must(err)
	w.Decider.Adopt(w.Decider.Version()+1, d)
}

// TestChange: a change keeps the time of the note and says when it was; who has seen an older version is told.
func TestChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.write(w.anna, "Eins")
		w.Tick(time.Hour)
		same, err := w.Change(w.Ctx, w.anna, w.customer.ID, n.ID, Edit{" Eins ", 1})
		require.NoError(t, err)
		assert.Equal(t, 1, same.Version, "nothing changed")
		two, err := w.Change(w.Ctx, w.anna, w.customer.ID, n.ID, Edit{"Zwei", 1})
		require.NoError(t, err)
		assert.Equal(t, "Zwei", two.Text)
		assert.Equal(t, n.CreatedAt, two.CreatedAt)
		require.NotNil(t, two.ChangedAt)
		assert.WithinDuration(t, w.Now(), *two.ChangedAt, 0)
		now, err := w.Change(w.Ctx, w.anna, w.customer.ID, n.ID, Edit{"Drei", 1})
		w.Want("an older version", err, ErrVersion)
		assert.Equal(t, "Zwei", now.Text, "what it is now")
		_, err = w.Change(w.Ctx, w.anna, w.customer.ID, n.ID, Edit{" ", 2})
		assert.Error(t, err, "nothing")
		assert.Len(t, w.all("zwei"), 1)
		assert.Empty(t, w.all("eins"), "what was replaced is not found")
		assert.Equal(t, []audit.Action{audit.NoteChanged, audit.NoteWritten}, w.logged())
	})
}

// TestRemove: a note that was removed comes back as it was for ten minutes, then nothing is left of it.
func TestRemove(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		n := w.write(w.anna, "Zwergpudel")
		id := w.customer.ID
		w.Must(w.Remove(w.Ctx, w.anna, id, n.ID))
		assert.Empty(t, w.all(""))
		_, err := w.Get(w.Ctx, w.anna, id, n.ID)
		w.Want("read", err, ErrNotFound)
		w.Want("remove again", w.Remove(w.Ctx, w.anna, id, n.ID), ErrNotFound)
		_, err = w.Change(w.Ctx, w.anna, id, n.ID, Edit{"x", 1})
		w.Want("change", err, ErrNotFound)
		w.Tick(UndoLife - time.Second)
		w.Must(w.Purge(w.Ctx))
		w.Must(w.Restore(w.Ctx, w.anna, id, n.ID))
		assert.Equal(t, []Note{n}, w.all(""))
		w.Want("restore again", w.Restore(w.Ctx, w.anna, id, n.ID), ErrUndone)
		w.Must(w.Remove(w.Ctx, w.anna, id, n.ID))
		w.Tick(UndoLife)
		w.Want("too late", w.Restore(w.Ctx, w.anna, id, n.ID), ErrUndone)
		w.Must(w.Purge(w.Ctx))
		assert.Zero(t, w.Number(`SELECT count(*) FROM note`))
		assert.Equal(t, []audit.Action{audit.NoteRemoved, audit.NoteRestored, audit.NoteRemoved, audit.NoteWritten}, w.logged())
	})
}

// TestFind: pages of a customer's notes, with words and without, in both directions, are those of a plain model; some notes
// have the same time.
func TestFind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		texts := []string{"Ruft zurück", "RÜCKRUF Straße", "nichts", "100% sicher_", "strasse"}
		for range 60 {
			w.Tick(time.Duration(random.IntN(2)) * time.Second)
			w.Must(w.Write(w.Ctx, w.anna, w.customer.ID, texts[random.IntN(len(texts))], ""))
		}
		other := w.addCustomer("Lang")
		w.Must(w.Write(w.Ctx, w.anna, other.ID, "Ruft zurück, woanders", ""))
		list := w.all("")
		require.Len(t, list, 60)
		gone := list[7]
		w.Must(w.Remove(w.Ctx, w.anna, w.customer.ID, gone.ID))
		list = slices.Delete(list, 7, 8)
		for query, has := range map[string][]string{
			"": texts, "zuruck": {"Ruft zurück"}, "STRASSE": {"RÜCKRUF Straße", "strasse"}, "ruck straße": {"RÜCKRUF Straße"},
			"100%": {"100% sicher_"}, "a%b": nil, "qwertz": nil,
		} {
			var want []uuid.UUID
			for _, n := range list {
				if slices.Contains(has, n.Text) {
					want = append(want, n.ID)
				}
			}
			for _, back := range []bool{false, true} {
				var got []uuid.UUID
				r := listing.Reading[listing.Moment]{Limit: 7, Back: back}
				for {
					found, err := w.Find(w.Ctx, w.customer.ID, query, r)
					require.NoError(t, err)
					if len(found.Hits) == 0 {
						break
					}
					for _, m := range found.Hits {
						got = append(got, m.ID)
					}
					r.From = &found.Hits[len(found.Hits)-1]
				}
				if back {
					slices.Reverse(got)
				}
				assert.Equal(t, want, got, "%q, back: %v", query, back)
			}
		}
	})
}

// TestLogged: who may not read the notes of a customer does not read in the log that there are any.
func TestLogged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.write(w.anna, "Eins")
		company, _, err := w.customers.Add(w.Ctx, w.anna, customer.Draft{Type: customer.Company, Data: customer.Data{
			CompanyName: "Lang GmbH", FirstName: "Berta", LastName: "Lang", Locale: "de",
		}}, nil)
		w.Must(err)
		w.Must(w.Write(w.Ctx, w.anna, company.ID, "Zwei", ""))
		base := strings.ReplaceAll(policies.Default, "p, specialist, *, note, *, read, allow\n", "%s")
		for rule, want := range map[string][2]int{ // entries that anna and ben read
			"p, specialist, *, note, *, read, allow\n":             {2, 2},
			"p, specialist, *, note, company, read, allow\n":       {1, 1},
			"p, specialist, administrator, note, *, read, allow\n": {2, 0},
			"": {0, 0},
		} {
			w.adopt(fmt.Sprintf(base, rule))
			for i, c := range []account.Caller{w.anna, w.ben} {
				only, err := w.Logged(c, "entry")
				w.Must(err)
				page, err := w.Audit.Page(w.Ctx, audit.Filter{Only: only})
				w.Must(err)
				n := 0
				for _, e := range page.Entries {
					if slices.Contains(logged, e.Action) {
						n++
					}
				}
				assert.Equal(t, want[i], n, "%s: %s", c.Name, rule)
				assert.Equal(t, 2, len(page.Entries)-n, "%s: %s: the other entries", c.Name, rule)
			}
		}
	})
}

// TestDeletedWithCustomer: nothing is left of a customer's notes, whether they were removed or not.
func TestDeletedWithCustomer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.write(w.anna, "Eins")
		n := w.write(w.anna, "Zwei")
		w.Must(w.Remove(w.Ctx, w.anna, w.customer.ID, n.ID))
		_, counts, err := w.customers.WillDelete(w.Ctx, w.dora, w.customer.ID)
		w.Must(err)
		assert.EqualValues(t, 2, counts.Notes)
		_, err = w.customers.Delete(w.Ctx, w.dora, w.customer.ID, w.customer.Label())
		w.Must(err)
		assert.Zero(t, w.Number(`SELECT count(*) FROM note`))
		w.Want("write afterwards", w.Write(w.Ctx, w.anna, w.customer.ID, "Drei", ""), customer.ErrNotFound)
	})
}
