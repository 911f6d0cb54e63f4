package authorisation

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/erasure"
)

// note is an erasure log in memory, which may be out of order.
type note struct {
	err   error
	noted []erasure.Subject
}

func (n *note) Record(_ context.Context, subjects ...erasure.Subject) error {
	if n.err == nil {
		n.noted = append(n.noted, subjects...)
	}
	return n.err
}

// TestRemovalIsNoted: who was removed is recorded outside the database when nobody can undo it any more, and not
// before. While recording fails, nothing is deleted, and nothing can be undone either.
func TestRemovalIsNoted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		full := errors.New("no space left")
		log := &note{err: full}
		w.erasures = log
		undone, gone, kept := w.invite(w.customer, "una@kunde.example"), w.invite(w.customer, "berta@kunde.example"), w.invite(w.customer, "carl@kunde.example")
		w.register("berta@kunde.example")
		p, _, err := w.Accounts.ByEmail(w.Ctx, w.db, "berta@kunde.example")
		w.Must(err)
		remove := func(id uuid.UUID) Removal {
			out, err := w.Remove(w.Ctx, w.anna, w.customer, Selection{Accesses: ids(id)}, true)
			w.Must(err)
			return out
		}
		first, second2 := remove(undone.ID), remove(gone.ID)
		w.Must(second(w.Undo(w.Ctx, w.anna, first.ID)))
		w.Must(w.Purge(w.Ctx))
		w.Tick(UndoLife)
		for range 2 {
			if err := w.Purge(w.Ctx); !errors.Is(err, full) || w.Number(`SELECT count(*) FROM authorisation_removal`) != 1 {
				t.Errorf("without a log: %v", err)
			}
		}
		w.Tick(-UndoLife / 2) // a process whose clock is behind
		if _, err := w.Undo(w.Ctx, w.anna, second2.ID); complaint(err) != "gone: authorisation.undone" {
			t.Errorf("undone after it was decided: %v", err)
		}
		w.Tick(UndoLife)
		log.err = nil
		w.Must(w.Purge(w.Ctx))
		want := []erasure.Subject{{Kind: erasure.Access, ID: gone.ID}, {Kind: erasure.Account, ID: p.ID}}
		if !slices.Equal(log.noted, want) || w.Number(`SELECT count(*) FROM authorisation_removal`) != 0 {
			t.Errorf("noted %v, want %v", log.noted, want)
		}

		// what nobody can undo since who removed it was dismissed
		log.noted = nil
		w.Must(second(w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))))
		remove(kept.ID)
		w.Must(second(w.Remove(w.Ctx, w.clara, w.customer, Selection{Administrators: ids(w.anna.ID)}, true)))
		w.Must(w.Purge(w.Ctx))
		if want := []erasure.Subject{{Kind: erasure.Access, ID: kept.ID}}; !slices.Equal(log.noted, want) {
			t.Errorf("noted %v, want %v", log.noted, want)
		}
	})
}

// TestRemovedAgain: a removed access that is in the database again after a restore is removed again, together with its
// account if nothing else needs it.
func TestRemovedAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		gone, stays := w.invite(w.customer, "berta@kunde.example"), w.invite(w.customer, "carl@kunde.example")
		w.register("berta@kunde.example")
		w.register("carl@kunde.example")
		people := func() int { return w.Number(`SELECT count(*) FROM account WHERE NOT specialist`) }
		before := people()
		keepers := w.accesses.Erasable()
		for i, kind := range []erasure.Kind{erasure.Access, erasure.Account} {
			if keepers[i].Kind != kind {
				t.Fatalf("%d: %s", i, keepers[i].Kind)
			}
		}
		found, err := keepers[0].IDs(w.Ctx)
		if err != nil || !slices.Contains(found, gone.ID) || !slices.Contains(found, stays.ID) {
			t.Errorf("%v, %v", found, err)
		}
		w.Must(keepers[0].Erase(w.Ctx, ids(gone.ID, newID())))
		if people() != before-1 || w.Number(`SELECT count(*) FROM access WHERE id = ?`, gone.ID) != 0 || w.Number(`SELECT count(*) FROM access WHERE id = ?`, stays.ID) != 1 {
			t.Errorf("%d people, want %d", people(), before-1)
		}
		if left, err := keepers[1].IDs(w.Ctx); err != nil || len(left) != 0 {
			t.Errorf("accounts that nothing keeps: %v, %v", left, err)
		}
		// an account that lost its access on another way
		w.Exec(`DELETE FROM access WHERE id = ?`, stays.ID)
		left, err := keepers[1].IDs(w.Ctx)
		w.Must(err)
		w.Must(keepers[1].Erase(w.Ctx, left))
		if len(left) != 1 || people() != before-2 {
			t.Errorf("%d accounts, %d people", len(left), people())
		}
	})
}
