package customer

import (
	"context"
	"errors"
	"testing"

	"github.com/gofrs/uuid/v5"

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
		if err != nil || got.FinishedAt != nil || rows() != before {
			t.Errorf("without a log: finished %v, %v; %d rows, want %d", got.FinishedAt, err, rows(), before)
		}
		if j, err := w.jobs.Of(ctx, job.CustomerDeletion, got.ID); err != nil || j.State != job.Waiting || j.Reason != job.ErasureLog {
			t.Errorf("its job: %+v, %v", j, err)
		}
		if _, err := w.Get(ctx, w.anna, d.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("somebody can see the customer: %v", err)
		}
		if _, err := w.continueDeletions(ctx, 10); !errors.Is(err, errBoom) || rows() != before {
			t.Errorf("the worker: %v; %d rows, want %d", err, rows(), before)
		}
		log.err = nil
		log.at = func() {
			if rows() != before {
				t.Errorf("it is noted when %d rows have gone", before-rows())
			}
		}
		steps := 0
		w.step = func() error {
			if steps++; steps == 3 {
				return errBoom
			}
			return nil
		}
		if _, err := w.continueDeletions(ctx, 10); !errors.Is(err, errBoom) {
			t.Fatal(err)
		}
		w.step = func() error { return nil }
		if n, err := w.continueDeletions(ctx, 10); err != nil || n != 1 {
			t.Fatalf("%d finished, %v", n, err)
		}
		if len(log.noted) != 1 || log.noted[0] != (erasure.Subject{Kind: erasure.Customer, ID: d.ID}) {
			t.Errorf("noted: %v", log.noted)
		}
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
		if err != nil || k.Kind != erasure.Customer || len(ids) != w.Number(`SELECT count(*) FROM customer`) {
			t.Errorf("%d customers, %v", len(ids), err)
		}
		if err := k.Erase(ctx, []uuid.UUID{d.ID, newID()}); err != nil {
			t.Fatal(err)
		}
		w.gone(d, stays)
		if len(log.noted) != 0 {
			t.Errorf("noted again: %v", log.noted)
		}
		list, _, err := w.audit.Page(ctx, uuid.Nil, uuid.Nil)
		if err != nil || list[0].Action != audit.CustomerDeleted || list[0].Subject != d.Label() || list[0].ActorID.Valid {
			t.Errorf("receipt: %+v, %v", list[0], err)
		}
	})
}
