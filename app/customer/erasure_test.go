package customer

import (
	"context"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/audit"
	"kontor/app/erasure"
	"kontor/app/job"
)

// note is an erasure log in memory, which may be out of order.
type note struct {
	err   error
	noted []erasure.Subject
	at    func() // called with each
}

func (n *note) Record(_ context.Context, subjects ...erasure.Subject) error {
	if n.err != nil {
		return n.err
	}
	if n.at != nil {
		n.at()
	}
	n.noted = append(n.noted, subjects...)
	return nil
}

// TestDeletionIsNoted: a deletion that can't be recorded outside the database deletes nothing and continues when
// recording is possible. It is recorded before the first row is deleted, and only once, however often it is continued.
func TestDeletionIsNoted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		log := &note{err: errBoom}
		w.erased = log
		d, stays := w.fill(25)
		rows := func() int {
			return w.Number(`SELECT (SELECT count(*) FROM access) + (SELECT count(*) FROM transactions) + (SELECT count(*) FROM message) + (SELECT count(*) FROM customer)`)
		}
		before := rows()
		got, err := w.Delete(ctx, w.anna, d.ID, d.Label())
		require.NoError(t, err, "without a log")
		assert.Nil(t, got.FinishedAt, "without a log: finished")
		assert.Equal(t, before, rows(), "without a log: rows")
		j, err := w.jobs.Of(ctx, job.CustomerDeletion, got.ID)
		require.NoError(t, err, "its job")
		assert.Equal(t, job.Waiting, j.State, "its job")
		assert.Equal(t, job.ErasureLog, j.Reason, "its job")
		_, err = w.Get(ctx, w.anna, d.ID)
		assert.ErrorIs(t, err, ErrNotFound, "somebody can see the customer")
		_, err = w.continueDeletions(ctx, 10)
		assert.ErrorIs(t, err, errBoom, "the worker")
		assert.Equal(t, before, rows(), "the worker: rows")
		log.err = nil
		log.at = func() {
			assert.Equal(t, before, rows(), "it is noted when %d rows have gone", before-rows())
		}
		steps := 0
		w.step = func() error {
			if steps++; steps == 3 {
				return errBoom
			}
			return nil
		}
		_, err = w.continueDeletions(ctx, 10)
		require.ErrorIs(t, err, errBoom)
		w.step = func() error { return nil }
		n, err := w.continueDeletions(ctx, 10)
		require.NoError(t, err, "finished")
		require.Equal(t, 1, n)
		require.Len(t, log.noted, 1, "noted")
		assert.Equal(t, (erasure.Subject{Kind: erasure.Customer, ID: d.ID}), log.noted[0], "noted")
		w.gone(d, stays)
	})
}

// TestErasedAgain: a deleted customer that is in the database again after a restore is deleted again without a request.
func TestErasedAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		log := &note{}
		w.erased = log
		d, stays := w.fill(3)
		k := w.Erasable()
		ids, err := k.IDs(ctx)
		require.NoError(t, err)
		assert.Equal(t, erasure.Customer, k.Kind)
		assert.Len(t, ids, w.Number(`SELECT count(*) FROM customer`), "customers")
		require.NoError(t, k.Erase(ctx, []uuid.UUID{d.ID, newID()}))
		w.gone(d, stays)
		assert.Empty(t, log.noted, "noted again")
		page, err := w.audit.Page(ctx, audit.Filter{})
		list := page.Entries
		require.NoError(t, err, "receipt")
		assert.Equal(t, audit.CustomerDeleted, list[0].Action, "receipt")
		assert.Equal(t, d.Label(), list[0].Subject, "receipt")
		assert.False(t, list[0].ActorID.Valid, "receipt")
	})
}
