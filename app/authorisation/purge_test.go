package authorisation

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/audit"
	"kontor/policies"
)

// TestPurge: when a removal can't be undone any more, nothing of the account is left except the entries in the
// customer's log. Until then it can be undone, and the account gets its log back.
func TestPurge(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const email = "berta@kunde.example"
		a := w.invite(w.customer, email)
		w.register(email)
		_, _, err := w.Accounts.SignIn(w.Ctx, email, strong, here)
		w.Must(err)
		p, _, err := w.Accounts.ByEmail(w.Ctx, w.db, email)
		w.Must(err)
		own := func() int {
			return w.Number(`SELECT count(*) FROM audit WHERE customer_id IS NULL AND (actor_id = ? OR subject_id = ?)`, p.ID, p.ID)
		}
		from := func() int { return w.Number(`SELECT count(*) FROM audit WHERE actor_id = ? AND address <> ''`, p.ID) }
		ownBefore, fromBefore := own(), from()
		if ownBefore == 0 || fromBefore == 0 {
			t.Fatal("nothing in the log: what goes is not tested")
		}
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(a.ID)}, true)
		w.Must(err)
		if own() != 0 || from() != 0 {
			t.Errorf("after the removal: %d entries, %d addresses", own(), from())
		}
		w.Tick(UndoLife - time.Second)
		w.Must(w.Purge(w.Ctx))
		w.Must(second(w.Undo(w.Ctx, w.anna, out.ID)))
		if own() != ownBefore || from() != fromBefore {
			t.Errorf("undone: %d entries, %d addresses, want %d and %d", own(), from(), ownBefore, fromBefore)
		}

		_, err = w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(a.ID)}, true)
		w.Must(err)
		// somebody who was at work with the account at that moment notes it a little later
		late := audit.Record{Action: audit.AccountPasswordAsked, SubjectID: p.ID, Subject: p.Name}
		w.Must(w.audit.Write(w.Ctx, w.db, audit.Actor{Name: "Kontor", Address: here.Address}, late))
		w.Exec(`INSERT INTO authorisation_removal (id, customer_id, removed_by, expires_at, sealed) VALUES (?, ?, ?, ?, ?)`,
			newID(), w.customer, w.anna.ID, w.Now(), []byte("sealed with another key"))
		w.Tick(UndoLife)
		w.Must(w.Purge(w.Ctx))
		if n := w.Number(`SELECT count(*) FROM authorisation_removal`); n != 0 || own() != 0 || from() != 0 {
			t.Errorf("%d removals, %d entries, %d addresses are left", n, own(), from())
		}
		if n := w.Number(`SELECT count(*) FROM audit WHERE customer_id = ? AND action = ? AND subject = ?`, w.customer, audit.AccessRemoved, a.Name()); n != 2 {
			t.Errorf("the customer's log names who lost their access %d times, want 2", n)
		}
	})
}

// TestKeyIsGone: a removal that was encrypted with a lost key is offered to nobody and can't be undone; others can. It
// is deleted in time with a warning, because nothing says whom it removed.
func TestKeyIsGone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var said strings.Builder
		w.warn = slog.New(slog.NewTextHandler(&said, nil))
		lost, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(w.invite(w.customer, "berta@kunde.example").ID)}, true)
		w.Must(err)
		w.Exec(`UPDATE authorisation_removal SET sealed = ?`, []byte("sealed with another key"))
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Processors: ids(w.ben.ID)}, true)
		w.Must(err)
		if list, err := w.Undoable(w.Ctx, w.anna, w.customer); err != nil || len(list) != 1 || list[0].ID != out.ID {
			t.Errorf("offered: %+v, %v", list, err)
		}
		if n, err := w.Unreadable(w.Ctx); n != 1 || err != nil {
			t.Errorf("%d can't be read, %v", n, err)
		}
		if _, err := w.Undo(w.Ctx, w.anna, lost.ID); !errors.Is(err, ErrUndone) {
			t.Errorf("undoing what can't be read: %v", err)
		}
		w.Must(second(w.Undo(w.Ctx, w.anna, out.ID)))
		w.Must(w.Purge(w.Ctx))
		if said.Len() > 0 {
			t.Errorf("too early: %s", said.String())
		}
		w.Tick(UndoLife)
		w.Must(w.Purge(w.Ctx))
		if n := w.Number(`SELECT count(*) FROM authorisation_removal`); n != 0 || strings.Count(said.String(), "another SECRET_KEY") != 1 {
			t.Errorf("%d are left, the log says %q", n, said.String())
		}
	})
}

// TestUndoTakesTheRight: for each kind of authorisation, a person who has lost the permission since the removal can't
// undo it.
func TestUndoTakesTheRight(t *testing.T) {
	for name, c := range map[string]struct {
		sel  func(w *world, a access.Access) Selection
		deny string
	}{
		"access":        {func(_ *world, a access.Access) Selection { return Selection{Accesses: ids(a.ID)} }, "access, *, remove"},
		"administrator": {func(w *world, _ access.Access) Selection { return Selection{Administrators: ids(w.clara.ID)} }, "authorisation, *, manage"},
		"processor":     {func(w *world, _ access.Access) Selection { return Selection{Processors: ids(w.ben.ID)} }, "authorisation, *, manage"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				a := w.invite(w.customer, "berta@kunde.example")
				w.Must(second(w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))))
				out, err := w.Remove(w.Ctx, w.anna, w.customer, c.sel(w, a), true)
				w.Must(err)
				before := w.facts()
				w.policyIs("\np, specialist, *, " + c.deny + ", deny\n")
				if _, err := w.Undo(w.Ctx, w.anna, out.ID); complaint(err) != "forbidden: forbidden" || w.facts() != before {
					t.Errorf("%v: %s, want %s", err, w.facts(), before)
				}
				w.policyIs("")
				w.Must(second(w.Undo(w.Ctx, w.anna, out.ID))) // it was not used up
			})
		})
	}
}

// TestDeactivatedAccessIsNoReason: a person with a deactivated access has no relation to the customer, and is no end
// user.
func TestDeactivatedAccessIsNoReason(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const email = "berta@kunde.example"
		a := w.invite(w.customer, email)
		w.register(email)
		p, _, err := w.Accounts.ByEmail(w.Ctx, w.db, email)
		w.Must(err)
		person := func() *subject {
			k, err := w.circleOf(w.Ctx, w.anna, w.customer, transactionFilter{})
			w.Must(err)
			return k.people[p.ID]
		}
		if s := person(); s.to(w.contract.ID) != policies.Access || len(s.Roles) != 1 {
			t.Fatalf("before: %+v", s)
		}
		w.Must(w.accesses.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		if s := person(); s.to(w.contract.ID) != policies.None || len(s.Roles) != 0 {
			t.Errorf("deactivated: %v as %v", s.to(w.contract.ID), s.Roles)
		}
		w.Must(w.accesses.Reactivate(w.Ctx, w.anna, w.customer, a.ID))
		if s := person(); s.to(w.contract.ID) != policies.Access || len(s.Roles) != 1 {
			t.Errorf("reactivated: %+v", s)
		}
	})
}

// TestDismissingOneself: people who dismiss themselves can still undo their earlier removals; people who are dismissed
// by another can't.
func TestDismissingOneself(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Processors: ids(w.ben.ID)}, true)
		w.Must(err)
		then, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Administrators: ids(w.anna.ID)}, true)
		w.Must(err)
		w.Must(second(w.Undo(w.Ctx, w.anna, then.ID)))
		w.Must(second(w.Undo(w.Ctx, w.anna, first.ID)))

		w.Must(second(w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))))
		first, err = w.Remove(w.Ctx, w.anna, w.customer, Selection{Processors: ids(w.ben.ID)}, true)
		w.Must(err)
		then, err = w.Remove(w.Ctx, w.clara, w.customer, Selection{Administrators: ids(w.anna.ID)}, true)
		w.Must(err)
		w.Must(second(w.Undo(w.Ctx, w.clara, then.ID)))
		if _, err := w.Undo(w.Ctx, w.anna, first.ID); complaint(err) != "gone: authorisation.undone" {
			t.Errorf("what was taken from somebody who was dismissed: %v", err)
		}
	})
}

// TestUndoEndsExactly: after exactly ten minutes a removal can't be undone and is not offered any more.
func TestUndoEndsExactly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Processors: ids(w.ben.ID)}, false)
		w.Must(err)
		for _, c := range []struct {
			wait    time.Duration
			offered int
		}{{UndoLife - time.Microsecond, 1}, {time.Microsecond, 0}} {
			w.Tick(c.wait)
			if list, err := w.Undoable(w.Ctx, w.anna, w.customer); err != nil || len(list) != c.offered {
				t.Errorf("offered %v, %v; want %d", list, err, c.offered)
			}
		}
		if _, err := w.Undo(w.Ctx, w.anna, out.ID); complaint(err) != "gone: authorisation.undone" {
			t.Errorf("at the end: %v", err)
		}
	})
}

// TestOnlyActiveSpecialists: only active specialist users can be assigned: no end users, no deactivated and no unknown
// people.
func TestOnlyActiveSpecialists(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const email = "berta@kunde.example"
		w.invite(w.customer, email)
		w.register(email)
		p, _, err := w.Accounts.ByEmail(w.Ctx, w.db, email)
		w.Must(err)
		off := w.Specialist("Olaf Off")
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, off.ID)
		before := w.facts()
		for name, id := range map[string]uuid.UUID{"an end user": p.ID, "deactivated": off.ID, "unknown": newID()} {
			if _, err := w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID, id)); complaint(err) != "specialist: authorisation.not_active" {
				t.Errorf("%s is appointed: %v", name, err)
			}
			if _, err := w.EntrustProcessors(w.Ctx, w.anna, w.customer, ids(w.clara.ID, id), ids(w.contract.ID)); complaint(err) != "specialist: authorisation.not_active" {
				t.Errorf("%s is entrusted: %v", name, err)
			}
		}
		if w.facts() != before {
			t.Errorf("%s, want %s", w.facts(), before)
		}
		for _, query := range []string{"", "kühn", "olaf"} {
			if list, _, err := w.Candidates(w.Ctx, w.anna, w.customer, CandidateFilter{Query: query, Limit: 50}); err != nil || slices.ContainsFunc(list, func(c Candidate) bool { return c.ID == p.ID || c.ID == off.ID }) {
				t.Errorf("%q offers %+v, %v", query, list, err)
			}
		}
	})
}

// TestUndoOfWhatIsHidden: a person who may no longer see a transaction can't assign it to anybody by undoing.
func TestUndoOfWhatIsHidden(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Processors: ids(w.ben.ID)}, false)
		w.Must(err)
		before := w.facts()
		w.policyIs("\np, specialist, *, transaction, contract, read, deny\n")
		if _, err := w.Undo(w.Ctx, w.anna, out.ID); complaint(err) != "gone: authorisation.undone" || w.facts() != before {
			t.Errorf("%v: %s, want %s", err, w.facts(), before)
		}
		w.policyIs("")
		w.Must(second(w.Undo(w.Ctx, w.anna, out.ID)))
	})
}
