package template

import (
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
	"kontor/policies/policytest"
)

// world is a firm: tina keeps templates, anna does not, rita may only read them, eva is an end user.
type world struct {
	*accounttest.Firm
	*Service

	tina, anna, rita, eva account.Caller
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC))}
		w.Service = New(Options{DB: db, Now: w.Clock.Now, Decider: w.Decider, Audit: w.Audit})
		w.tina = w.Specialist("Tina Technik", policies.TemplateAdministrator)
		w.anna = w.Specialist("Anna Amt")
		w.rita = w.Person("Rita Revision", true, policies.Auditor)
		w.eva = w.Person("Eva Ende", false, policies.EndUser)
		w.Must(policytest.Publish(w.Decider, w.Decider.Version()+1, policies.Default+"\np, auditor, *, template, *, read, allow\n"))
		test(t, w)
	})
}

func (w *world) add(name string) Template {
	w.Helper()
	t, err := w.Add(w.Ctx, w.tina, Settings{Name: name, Kind: "contract"}, "")
	w.Must(err)
	return t
}

func (w *world) act(id uuid.UUID, a Act) Done {
	w.Helper()
	done, err := w.Act(w.Ctx, w.tina, id, a, 0)
	w.Must(err)
	return done
}

func (w *world) get(id uuid.UUID) (Template, string) {
	w.Helper()
	t, tree, err := w.Get(w.Ctx, w.tina, id)
	w.Must(err)
	return t, drawn(tree.Elements)
}

func (w *world) publish(id uuid.UUID, comment string) Template {
	w.Helper()
	t, _ := w.get(id)
	t, err := w.Publish(w.Ctx, w.tina, id, Publication{comment, Seen(t.Revision)})
	w.Must(err)
	return t
}

// wrong expects a complaint about one field.
func (w *world) wrong(what string, err error, want string) {
	w.Helper()
	assert.EqualError(w, err, want, what)
}

func (w *world) logged() (actions []audit.Action) {
	w.Helper()
	page, err := w.Audit.Page(w.Ctx, audit.Filter{Actions: audit.ActionsOf("templates")})
	w.Must(err)
	for _, e := range page.Entries {
		actions = append(actions, e.Action)
	}
	return actions
}

// TestLife: a template is added, drawn, published, changed, compared, copied, retired and taken back; the log says each.
func TestLife(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tpl := w.add("Steuer")
		assert.Equal(t, Draft, tpl.State())
		assert.Equal(t, "Steuer", tpl.Preset())
		w.act(tpl.ID, Add{0, folder("A")})
		w.act(tpl.ID, Add{1, slot("b")})
		first := w.publish(tpl.ID, " the  first ")
		assert.Equal(t, Active, first.State())
		assert.False(t, first.Changed)
		_, err := w.Publish(w.Ctx, w.tina, tpl.ID, Publication{"again", Seen(first.Revision)})
		w.Want("nothing has changed", err, fault.New(fault.Conflict, "template.unchanged"))

		done := w.act(tpl.ID, Add{0, slot("c")})
		assert.True(t, done.Template.Changed)
		_, err = w.Publish(w.Ctx, w.tina, tpl.ID, Publication{"", Seen(first.Revision)})
		w.Want("an old page", err, ErrVersion)
		removed := w.act(tpl.ID, Remove{3})
		assert.False(t, removed.Template.Changed, "as it was published")
		w.act(tpl.ID, Add{0, slot("d")})
		second := w.publish(tpl.ID, "")
		assert.Equal(t, 2, second.Version)

		list, err := w.Versions(w.Ctx, w.tina, tpl.ID)
		w.Must(err)
		require.Len(t, list, 2)
		assert.Equal(t, "the first", list[1].Comment)
		assert.Equal(t, "Tina Technik", list[1].Author)
		_, old, err := w.VersionAt(w.Ctx, w.tina, tpl.ID, 1)
		w.Must(err)
		assert.Equal(t, "A[b]", drawn(old.Elements))
		diff, err := w.Diff(w.Ctx, w.tina, tpl.ID, 1, 2)
		w.Must(err)
		require.Len(t, diff, 1)
		assert.Equal(t, "added d", said(diff[0]))
		_, _, err = w.VersionAt(w.Ctx, w.tina, tpl.ID, 3)
		w.Want("no such version", err, ErrNoVersion)

		copied, err := w.Duplicate(w.Ctx, w.tina, tpl.ID)
		w.Must(err)
		got, shape := w.get(copied.ID)
		assert.Equal(t, "Steuer (2)", got.Name)
		assert.Equal(t, "A[b] d", shape)
		assert.Equal(t, Draft, got.State())

		retired, err := w.Retire(w.Ctx, w.tina, tpl.ID)
		w.Must(err)
		assert.Equal(t, Retired, retired.State())
		other := w.add("STEUER")
		_, err = w.Reactivate(w.Ctx, w.tina, tpl.ID)
		w.wrong("the name is taken", err, "invalid name: template.name_taken")
		_, err = w.Retire(w.Ctx, w.tina, other.ID)
		w.Must(err)
		_, err = w.Reactivate(w.Ctx, w.tina, tpl.ID)
		w.Must(err)
		assert.Equal(t, []audit.Action{
			audit.TemplateReactivated, audit.TemplateRetired, audit.TemplateAdded, audit.TemplateRetired, audit.TemplateDuplicated,
			audit.TemplatePublished, audit.TemplatePublished, audit.TemplateAdded,
		}, w.logged())
	})
}

// TestUndo: the last change of a draft is taken back, but not what was done before something else; discarding, too.
func TestUndo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tpl := w.add("Steuer")
		w.act(tpl.ID, Add{0, slot("a")})
		w.publish(tpl.ID, "")
		one := w.act(tpl.ID, Add{0, slot("b")})
		two := w.act(tpl.ID, Remove{1})
		_, err := w.Undo(w.Ctx, w.tina, tpl.ID, Seen(one.Template.Revision))
		w.Want("an older change", err, ErrUndone)
		back, err := w.Undo(w.Ctx, w.tina, tpl.ID, Seen(two.Template.Revision))
		w.Must(err)
		_, shape := w.get(tpl.ID)
		assert.Equal(t, "a b", shape)
		_, err = w.Undo(w.Ctx, w.tina, tpl.ID, Seen(back.Revision))
		w.Want("twice", err, ErrUndone)
		discarded, err := w.Discard(w.Ctx, w.tina, tpl.ID, Seen(back.Revision))
		w.Must(err)
		assert.False(t, discarded.Changed)
		_, shape = w.get(tpl.ID)
		assert.Equal(t, "a", shape)
		undone, err := w.Undo(w.Ctx, w.tina, tpl.ID, Seen(discarded.Revision))
		w.Must(err)
		assert.True(t, undone.Changed)
		_, shape = w.get(tpl.ID)
		assert.Equal(t, "a b", shape)
		assert.Equal(t, 3, w.act(tpl.ID, Add{0, slot("c")}).Key, "a key is never given twice")
	})
}

// TestSave: settings hold at once; of two who save, the second is told. What is wrong is said at its field.
func TestSave(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tpl := w.add("Steuer")
		w.add("Bau")
		saved, err := w.Save(w.Ctx, w.tina, tpl.ID, Settings{Name: "Steuern", Kind: "tax_return", Public: true, TransactionName: "Ihre Steuer"}, tpl.Revision)
		w.Must(err)
		assert.Equal(t, "Ihre Steuer", saved.Preset())
		now, err := w.Save(w.Ctx, w.tina, tpl.ID, Settings{Name: "Zoll", Kind: "contract"}, tpl.Revision)
		w.Want("an old page", err, ErrVersion)
		assert.Equal(t, "Steuern", now.Name)
		_, err = w.Save(w.Ctx, w.tina, tpl.ID, Settings{Name: "bau", Kind: "tax_return"}, saved.Revision)
		w.wrong("another's name", err, "invalid name: template.name_taken")
		_, err = w.Save(w.Ctx, w.tina, tpl.ID, Settings{Name: "", Kind: "tax_return", Description: "\a"}, saved.Revision)
		w.WantComplaints("no name", err, "name required, description control_characters")
		_, err = w.Save(w.Ctx, w.tina, tpl.ID, Settings{Name: "x", Kind: "nonsense"}, saved.Revision)
		w.wrong("no such kind", err, "invalid kind: template.kind_unknown")
		w.Exec(`UPDATE transaction_kind SET active = ? WHERE key IN ('tax_return', 'contract')`, false)
		_, err = w.Save(w.Ctx, w.tina, tpl.ID, Settings{Name: "Steuer", Kind: "tax_return"}, saved.Revision)
		w.Must(err)
		_, err = w.Add(w.Ctx, w.tina, Settings{Name: "Neu", Kind: "tax_return"}, "")
		w.wrong("a retired kind", err, "invalid kind: template.kind_unknown")
	})
}

// TestRights: who may not read templates sees none, who may only read them changes none.
func TestRights(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tpl := w.add("Steuer")
		for name, act := range map[string]func(c account.Caller) error{
			"list":     func(c account.Caller) error { _, err := w.List(w.Ctx, c, Filter{}); return err },
			"get":      func(c account.Caller) error { _, _, err := w.Get(w.Ctx, c, tpl.ID); return err },
			"versions": func(c account.Caller) error { _, err := w.Versions(w.Ctx, c, tpl.ID); return err },
			"diff":     func(c account.Caller) error { _, err := w.Diff(w.Ctx, c, tpl.ID, 0, 0); return err },
			"gallery":  func(c account.Caller) error { _, err := w.Gallery(c, lang.German); return err },
			"export":   func(c account.Caller) error { _, _, err := w.Export(w.Ctx, c, tpl.ID); return err },
		} {
			w.Want(name, act(w.anna), policies.ErrForbidden)
			w.Want(name, act(w.eva), policies.ErrForbidden)
			assert.NoError(t, act(w.rita), name)
		}
		for name, act := range map[string]func(c account.Caller) error{
			"add": func(c account.Caller) error {
				_, err := w.Add(w.Ctx, c, Settings{Name: "x", Kind: "contract"}, "")
				return err
			},
			"save":       func(c account.Caller) error { _, err := w.Save(w.Ctx, c, tpl.ID, Settings{}, 1); return err },
			"act":        func(c account.Caller) error { _, err := w.Act(w.Ctx, c, tpl.ID, Add{0, slot("x")}, 0); return err },
			"undo":       func(c account.Caller) error { _, err := w.Undo(w.Ctx, c, tpl.ID, 1); return err },
			"discard":    func(c account.Caller) error { _, err := w.Discard(w.Ctx, c, tpl.ID, 1); return err },
			"publish":    func(c account.Caller) error { _, err := w.Publish(w.Ctx, c, tpl.ID, Publication{}); return err },
			"duplicate":  func(c account.Caller) error { _, err := w.Duplicate(w.Ctx, c, tpl.ID); return err },
			"retire":     func(c account.Caller) error { _, err := w.Retire(w.Ctx, c, tpl.ID); return err },
			"reactivate": func(c account.Caller) error { _, err := w.Reactivate(w.Ctx, c, tpl.ID); return err },
			"use":        func(c account.Caller) error { _, err := w.Use(w.Ctx, c, lang.German, "bank_mortgage"); return err },
			"import": func(c account.Caller) error {
				_, _, err := w.Import(w.Ctx, c, Importing{File: []byte(small)})
				return err
			},
			"dry run": func(c account.Caller) error {
				_, _, err := w.Import(w.Ctx, c, Importing{File: []byte(small), DryRun: true})
				return err
			},
		} {
			w.Want(name, act(w.anna), policies.ErrForbidden)
			w.Want(name, act(w.rita), policies.ErrForbidden)
		}
		assert.Equal(t, 1, w.Number(`SELECT count(*) FROM template`))
		got, _ := w.get(tpl.ID)
		assert.Equal(t, 1, got.Revision)
	})
}

// TestList: filters by kind, state and words, alone and together.
func TestList(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		steuer, bau := w.add("Steuererklärung"), w.add("Bau")
		_, err := w.Save(w.Ctx, w.tina, bau.ID, Settings{Name: "Bau", Kind: "application", Description: "Für Häuser"}, bau.Revision)
		w.Must(err)
		w.act(steuer.ID, Add{0, slot("a")})
		w.publish(steuer.ID, "")
		old := w.add("Alt")
		_, err = w.Retire(w.Ctx, w.tina, old.ID)
		w.Must(err)
		for _, c := range []struct {
			filter Filter
			want   []string
		}{
			{Filter{}, []string{"Alt", "Bau", "Steuererklärung"}},
			{Filter{State: Active}, []string{"Steuererklärung"}},
			{Filter{State: Draft}, []string{"Bau"}},
			{Filter{State: Retired}, []string{"Alt"}},
			{Filter{Kind: "application"}, []string{"Bau"}},
			{Filter{Query: "erklaerung"}, []string{"Steuererklärung"}},
			{Filter{Query: "hauser bau"}, []string{"Bau"}},
			{Filter{Query: "bau", Kind: "contract"}, nil},
		} {
			list, err := w.List(w.Ctx, w.rita, c.filter)
			w.Must(err)
			var names []string
			for _, x := range list {
				names = append(names, x.Name)
			}
			assert.Equal(t, c.want, names, "%+v", c.filter)
		}
	})
}

// TestOffered: only what is published and active, of the kinds given, as it was published; end users get the public ones.
func TestOffered(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		own, public, draft, retired := w.add("Own"), w.add("Public"), w.add("Draft"), w.add("Retired")
		_, err := w.Save(w.Ctx, w.tina, public.ID, Settings{Name: "Public", Kind: "contract", Public: true}, public.Revision)
		w.Must(err)
		for _, x := range []Template{own, public, retired} {
			w.act(x.ID, Add{0, slot("a")})
			w.publish(x.ID, "")
		}
		w.act(own.ID, Add{0, slot("not yet")})
		w.act(draft.ID, Add{0, slot("a")})
		_, err = w.Retire(w.Ctx, w.tina, retired.ID)
		w.Must(err)
		names := func(c account.Caller, kinds ...string) (list []string) {
			t.Helper()
			offers, err := w.Offered(w.Ctx, c, kinds)
			w.Must(err)
			for _, o := range offers {
				list = append(list, o.Name)
				assert.Len(t, o.Outline.Elements, 1)
			}
			return list
		}
		assert.Equal(t, []string{"Own", "Public"}, names(w.anna, "contract", "other"))
		assert.Equal(t, []string{"Public"}, names(w.eva, "contract"))
		assert.Empty(t, names(w.anna, "other"))
		assert.Empty(t, names(w.anna))
	})
}

// TestImport: a dry run adds nothing and says what is wrong; what is exported can be imported; a double click adds one.
func TestImport(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		try := func(i Importing) []string {
			t.Helper()
			i.DryRun = true
			c, _, err := w.Import(w.Ctx, w.tina, i)
			w.Must(err)
			return problems(c)
		}
		assert.Empty(t, try(Importing{File: []byte(small)}))
		assert.Equal(t, []string{"0 template.kind_unknown"}, try(Importing{File: []byte(small), Kind: "nonsense"}))
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM template`), "by dry runs")
		for range 2 {
			_, made, err := w.Import(w.Ctx, w.tina, Importing{File: []byte(small), Submission: "one"})
			w.Must(err)
			got, shape := w.get(made.ID)
			assert.Equal(t, "Ausgaben[Quittungen]", shape)
			assert.True(t, got.Public)
		}
		assert.Equal(t, 1, w.Number(`SELECT count(*) FROM template`))
		assert.Equal(t, []string{"0 template.name_taken"}, try(Importing{File: []byte(small)}))
		_, _, err := w.Import(w.Ctx, w.tina, Importing{File: []byte(small)})
		w.wrong("a taken name", err, "invalid name: template.name_taken")
		_, _, err = w.Import(w.Ctx, w.tina, Importing{File: []byte("x")})
		w.wrong("no template", err, "invalid file: template.file_wrong")
		made, _, err := w.Import(w.Ctx, w.tina, Importing{File: []byte(small), Name: "Another"})
		w.Must(err)
		assert.Equal(t, "Another", made.Settings.Name)
		list, err := w.List(w.Ctx, w.tina, Filter{Query: "Another"})
		w.Must(err)
		_, packed, err := w.Export(w.Ctx, w.rita, list[0].ID)
		w.Must(err)
		assert.Equal(t, made, Read(packed))
		assert.Equal(t, []audit.Action{audit.TemplateExported, audit.TemplateImported, audit.TemplateImported}, w.logged())
	})
}

// TestUse: a ready template is copied as often as somebody wants it, each time under a free name; a kind that can't be
// chosen becomes OtherKind.
func TestUse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Exec(`UPDATE transaction_kind SET active = ? WHERE key = 'loan_application'`, false)
		for _, want := range []string{"Baufinanzierung", "Baufinanzierung (2)"} {
			made, err := w.Use(w.Ctx, w.tina, lang.German, "bank_mortgage")
			w.Must(err)
			assert.Equal(t, want, made.Name)
			assert.Equal(t, "other", made.Kind)
		}
		_, err := w.Use(w.Ctx, w.tina, "fr", "bank_mortgage")
		w.Want("another language", err, ErrNotReady)
	})
}

// TestAddAtOnce: a form that is sent several times at once adds one template, and each answer is this one.
func TestAddAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var all sync.WaitGroup
		var ids [8]uuid.UUID
		for i := range ids {
			all.Go(func() {
				made, err := w.Add(w.Ctx, w.tina, Settings{Name: "Steuer", Kind: "contract"}, "once")
				assert.NoError(t, err)
				ids[i] = made.ID
			})
		}
		all.Wait()
		assert.Equal(t, 1, w.Number(`SELECT count(*) FROM template`))
		for _, id := range ids {
			assert.Equal(t, ids[0], id)
		}
		assert.Equal(t, []audit.Action{audit.TemplateAdded}, w.logged())
	})
}

// TestActsAtOnce: of acts at the same time none is lost.
func TestActsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tpl := w.add("Steuer")
		var all sync.WaitGroup
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			all.Go(func() {
				_, err := w.Act(w.Ctx, w.tina, tpl.ID, Add{0, slot(name)}, 0)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		_, tree, err := w.Get(w.Ctx, w.tina, tpl.ID)
		w.Must(err)
		assert.Len(t, tree.Elements, 8)
		assert.Equal(t, 9, tree.Next)
	})
}
