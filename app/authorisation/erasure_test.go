package authorisation

import (
	"context"
	"errors"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
			err := w.Purge(w.Ctx)
			assert.ErrorIs(t, err, full, "without a log")
			assert.Equal(t, 1, w.Number(`SELECT count(*) FROM authorisation_removal`), "without a log")
		}
		w.Tick(-UndoLife / 2) // a process whose clock is behind
		_, err = w.Undo(w.Ctx, w.anna, second2.ID)
		assert.Equal(t, "gone: authorisation.undone", complaint(err), "undone after it was decided")
		w.Tick(UndoLife)
		log.err = nil
		w.Must(w.Purge(w.Ctx))
		want := []erasure.Subject{{Kind: erasure.Access, ID: gone.ID}, {Kind: erasure.Account, ID: p.ID}}
		assert.Equal(t, want, log.noted, "noted")
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM authorisation_removal`))

		// Nobody can undo these removals, because the person who removed them was removed.
		log.noted = nil
		w.Must(second(w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID))))
		remove(kept.ID)
		w.Must(second(w.Remove(w.Ctx, w.clara, w.customer, Selection{Administrators: ids(w.anna.ID)}, true)))
		w.Must(w.Purge(w.Ctx))
		want = []erasure.Subject{{Kind: erasure.Access, ID: kept.ID}}
		assert.Equal(t, want, log.noted, "noted")
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
			require.Equal(t, kind, keepers[i].Kind)
		}
		found, err := keepers[0].IDs(w.Ctx)
		require.NoError(t, err)
		assert.Contains(t, found, gone.ID)
		assert.Contains(t, found, stays.ID)
		w.Must(keepers[0].Erase(w.Ctx, ids(gone.ID, newID())))
		assert.Equal(t, before-1, people(), "people")
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM access WHERE id = ?`, gone.ID))
		assert.Equal(t, 1, w.Number(`SELECT count(*) FROM access WHERE id = ?`, stays.ID))
		left, err := keepers[1].IDs(w.Ctx)
		require.NoError(t, err, "accounts that nothing keeps")
		assert.Empty(t, left, "accounts that nothing keeps")
		// This account lost its access in another way.
		w.Exec(`DELETE FROM access WHERE id = ?`, stays.ID)
		left, err = keepers[1].IDs(w.Ctx)
		w.Must(err)
		w.Must(keepers[1].Erase(w.Ctx, left))
		assert.Len(t, left, 1, "accounts")
		assert.Equal(t, before-2, people(), "people")
	})
}
