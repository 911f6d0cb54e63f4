package authorisation

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		require.NotEqual(t, 0, ownBefore, "nothing in the log: what goes is not tested")
		require.NotEqual(t, 0, fromBefore, "nothing in the log: what goes is not tested")
		out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(a.ID)}, true)
		w.Must(err)
		assert.Equal(t, 0, own(), "after the removal: entries")
		assert.Equal(t, 0, from(), "after the removal: addresses")
		w.Tick(UndoLife - time.Second)
		w.Must(w.Purge(w.Ctx))
		w.Must(second(w.Undo(w.Ctx, w.anna, out.ID)))
		assert.Equal(t, ownBefore, own(), "undone: entries, want %d and %d", ownBefore, fromBefore)
		assert.Equal(t, fromBefore, from(), "undone: addresses")

		_, err = w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(a.ID)}, true)
		w.Must(err)
		// A concurrent request writes an entry about the account a little later.
		late := audit.Record{Action: audit.AccountPasswordAsked, SubjectID: p.ID, Subject: p.Name}
		w.Must(w.audit.Write(w.Ctx, w.db, audit.Actor{Name: "Kontor", Address: here.Address}, late))
		w.Exec(`INSERT INTO authorisation_removal (id, customer_id, removed_by, expires_at, sealed) VALUES (?, ?, ?, ?, ?)`,
			newID(), w.customer, w.anna.ID, w.Now(), []byte("sealed with another key"))
		w.Tick(UndoLife)
		w.Must(w.Purge(w.Ctx))
		n := w.Number(`SELECT count(*) FROM authorisation_removal`)
		assert.Equal(t, 0, n, "removals")
		assert.Equal(t, 0, own(), "entries")
		assert.Equal(t, 0, from(), "addresses are left")
		n = w.Number(`SELECT count(*) FROM audit WHERE customer_id = ? AND action = ? AND subject = ?`, w.customer, audit.AccessRemoved, a.Name())
		assert.Equal(t, 2, n, "the customer's log names who lost their access %d times", n)
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
		list, err := w.Undoable(w.Ctx, w.anna, w.customer)
		require.NoError(t, err, "offered")
		require.Len(t, list, 1, "offered")
		assert.Equal(t, out.ID, list[0].ID, "offered")
		n, err := w.Unreadable(w.Ctx)
		assert.NoError(t, err)
		assert.Equal(t, 1, n, "can't be read")
		_, err = w.Undo(w.Ctx, w.anna, lost.ID)
		assert.ErrorIs(t, err, ErrUndone, "undoing what can't be read")
		w.Must(second(w.Undo(w.Ctx, w.anna, out.ID)))
		w.Must(w.Purge(w.Ctx))
		assert.Zero(t, said.Len(), "too early: %s", said.String())
		w.Tick(UndoLife)
		w.Must(w.Purge(w.Ctx))
		n = w.Number(`SELECT count(*) FROM authorisation_removal`)
		assert.Equal(t, 0, n, "are left")
		assert.Equal(t, 1, strings.Count(said.String(), "another SECRET_KEY"), "the log says")
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
				w.Must(second(w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))))
				out, err := w.Remove(w.Ctx, w.anna, w.customer, c.sel(w, a), true)
				w.Must(err)
				before := w.facts()
				w.policyIs("\np, specialist, *, " + c.deny + ", deny\n")
				_, err = w.Undo(w.Ctx, w.anna, out.ID)
				assert.Equal(t, "forbidden: forbidden", complaint(err))
				assert.Equal(t, before, w.facts())
				w.policyIs("")
				w.Must(second(w.Undo(w.Ctx, w.anna, out.ID))) // the undo was not used up
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
			k, err := w.relatedTo(w.Ctx, w.anna, w.customer, transactionFilter{})
			w.Must(err)
			return k.people[p.ID]
		}
		s := person()
		require.Equal(t, policies.Access, s.to(w.contract.ID))
		require.Len(t, s.Roles, 1)
		w.Must(w.accesses.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		s = person()
		assert.Equal(t, policies.None, s.to(w.contract.ID), "deactivated: as")
		assert.Empty(t, s.Roles, "deactivated")
		w.Must(w.accesses.Reactivate(w.Ctx, w.anna, w.customer, a.ID))
		s = person()
		assert.Equal(t, policies.Access, s.to(w.contract.ID), "reactivated")
		assert.Len(t, s.Roles, 1, "reactivated")
	})
}

// TestRemovingOneself: people who remove themselves can still undo their earlier removals; people whom others remove
// can't.
func TestRemovingOneself(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Processors: ids(w.ben.ID)}, true)
		w.Must(err)
		then, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Administrators: ids(w.anna.ID)}, true)
		w.Must(err)
		w.Must(second(w.Undo(w.Ctx, w.anna, then.ID)))
		w.Must(second(w.Undo(w.Ctx, w.anna, first.ID)))

		w.Must(second(w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))))
		first, err = w.Remove(w.Ctx, w.anna, w.customer, Selection{Processors: ids(w.ben.ID)}, true)
		w.Must(err)
		then, err = w.Remove(w.Ctx, w.clara, w.customer, Selection{Administrators: ids(w.anna.ID)}, true)
		w.Must(err)
		w.Must(second(w.Undo(w.Ctx, w.clara, then.ID)))
		_, err = w.Undo(w.Ctx, w.anna, first.ID)
		assert.Equal(t, "gone: authorisation.undone", complaint(err), "what was taken from somebody who was removed")
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
			list, err := w.Undoable(w.Ctx, w.anna, w.customer)
			require.NoError(t, err)
			assert.Len(t, list, c.offered, "offered")
		}
		_, err = w.Undo(w.Ctx, w.anna, out.ID)
		assert.Equal(t, "gone: authorisation.undone", complaint(err), "at the end")
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
			_, err := w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID, id))
			assert.Equal(t, "specialist: authorisation.not_active", complaint(err), "%s becomes an administrator", name)
			_, err = w.AddProcessors(w.Ctx, w.anna, w.customer, ids(w.clara.ID, id), ids(w.contract.ID))
			assert.Equal(t, "specialist: authorisation.not_active", complaint(err), "%s becomes a processor", name)
		}
		assert.Equal(t, before, w.facts())
		for _, query := range []string{"", "kühn", "olaf"} {
			list, _, err := w.Candidates(w.Ctx, w.anna, w.customer, CandidateFilter{Query: query, Limit: 50})
			require.NoError(t, err)
			assert.False(t, slices.ContainsFunc(list, func(c Candidate) bool { return c.ID == p.ID || c.ID == off.ID }), "%q offers %+v", query, list)
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
		_, err = w.Undo(w.Ctx, w.anna, out.ID)
		assert.Equal(t, "gone: authorisation.undone", complaint(err))
		assert.Equal(t, before, w.facts())
		w.policyIs("")
		w.Must(second(w.Undo(w.Ctx, w.anna, out.ID)))
	})
}
