package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/lease"
	"kontor/app/store"
)

// TestRun: a job is done chunk by chunk, and its row shows the progress.
func TestRun(t *testing.T) {
	each(t, func(w *world) {
		subject, by := newID(), newID()
		type arguments struct{ Format uuid.UUID }
		given := arguments{newID()}
		var seen []int64
		w.Handle(Handover, Handler{Step: func(ctx context.Context, j Job) (Progress, error) {
			var got arguments
			now := w.get(j.ID)
			err := j.Read(&got)
			if assert.NoError(t, err) {
				assert.Equal(t, given, got)
				assert.Equal(t, subject, j.SubjectID)
				assert.Equal(t, Running, now.State, "stored")
				assert.Equal(t, j.Done, now.Done)
			}
			seen = append(seen, j.Done)
			return Progress{Done: j.Done + 10, Total: 30, Finished: j.Done == 20}, ctx.Err()
		}})
		id := w.add(Order{Kind: Handover, SubjectID: subject, Arguments: given, Total: 25, By: by})
		j := w.get(id)
		assert.Equal(t, Waiting, j.State, "added")
		assert.EqualValues(t, 25, j.Total, "added")
		assert.Equal(t, by, j.RequestedBy.UUID, "added")
		assert.WithinDuration(t, w.clock(), j.RequestedAt, 0, "added")
		assert.Nil(t, j.FinishedAt, "added")
		w.wait(time.Minute)
		w.run(w.Service, id, Outcome{})
		j = w.get(id)
		assert.Equal(t, "[0 10 20]", fmt.Sprint(seen), "what was done before each step")
		assert.Equal(t, Done, j.State)
		assert.EqualValues(t, 30, j.Done)
		assert.EqualValues(t, 30, j.Total)
		if assert.NotNil(t, j.FinishedAt) {
			assert.WithinDuration(t, w.clock(), *j.FinishedAt, 0)
			assert.Nil(t, j.RelayAt)
			assert.Nil(t, j.LeaseUntil)
		}
		of, err := w.Of(w.ctx, Handover, subject)
		if assert.NoError(t, err, "of its subject") {
			assert.Equal(t, id, of.ID, "of its subject")
		}
		_, err = w.Of(w.ctx, CustomerDeletion, subject)
		assert.ErrorIs(t, err, ErrNotFound, "of another kind")
		w.run(w.Service, id, Outcome{})
		w.run(w.Service, newID(), Outcome{})
		assert.Len(t, seen, 3, "steps of a job that is over")
	})
}

// TestAdd: a job is announced after the commit and only then. A held job is left to the caller for a while.
func TestAdd(t *testing.T) {
	each(t, func(w *world) {
		w.Handle(Handover, counting(1))
		back := errors.New("back")
		err := w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := w.Add(ctx, tx, Order{Kind: Handover, SubjectID: newID()})
			return errors.Join(err, back)
		})
		list, _ := w.List(w.ctx)
		assert.ErrorIs(t, err, back, "rolled back")
		assert.False(t, w.nudged(), "rolled back")
		assert.Empty(t, list, "rolled back")
		w.add(Order{Kind: Handover, SubjectID: newID()})
		assert.True(t, w.nudged(), "a job is not announced")
		assert.Equal(t, 1, w.due(), "a job is not announced")
		held := w.add(Order{Kind: Handover, SubjectID: newID(), Held: true})
		assert.False(t, w.nudged(), "a job that is held is announced")
		assert.Equal(t, 0, w.due(), "a job that is held is announced")
		w.wait(lease.Time)
		assert.Equal(t, 2, w.due(), "nobody sees to a job that is held for too long")
		w.run(w.Service, held, Outcome{})
		err = w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := w.Add(ctx, tx, Order{Kind: CustomerDeletion, SubjectID: newID()})
			return err
		})
		assert.Error(t, err, "added a job that nobody does")
	})
}

// TestAskedAgain: only one job of a kind and subject is open. If it is requested again while a worker works on it, it
// does one more step before it is over. If it is requested again while it waits, it does not wait any longer. After it
// is over, a request makes a new job.
func TestAskedAgain(t *testing.T) {
	each(t, func(w *world) {
		order := Order{Kind: Handover, SubjectID: newID()}
		fails, steps := true, 0
		w.Handle(Handover, Handler{Step: func(context.Context, Job) (Progress, error) {
			if fails {
				return Progress{}, errors.New("no")
			}
			if steps++; steps == 1 {
				w.add(order)
			}
			return Progress{Finished: true}, nil
		}})
		id := w.add(order)
		_, err := w.Run(w.ctx, id, nil)
		assert.Error(t, err, "a failure")
		assert.Equal(t, 0, w.due(), "a failure")
		fails = false
		assert.Equal(t, id, w.add(order), "asked again it is another")
		assert.Equal(t, 1, w.due(), "asked again it still waits")
		w.run(w.Service, id, Outcome{})
		assert.Equal(t, 2, steps, "looked %d times", steps)
		assert.NotEqual(t, id, w.add(order), "the job that is over was asked for again")
	})
}

// TestCancel: a job in progress ends within moments, the feature records this in the same tx, and the log has an entry.
func TestCancel(t *testing.T) {
	each(t, func(w *world) {
		began := make(chan struct{}, 1)
		refuse := errors.New("not now")
		var veto error
		var noted []uuid.UUID
		w.Handle(Handover, Handler{
			Step: func(ctx context.Context, _ Job) (Progress, error) {
				began <- struct{}{}
				<-ctx.Done()
				return Progress{}, ctx.Err()
			},
			Cancel: func(_ context.Context, _ bun.Tx, j Job) error {
				noted = append(noted, j.SubjectID)
				return veto
			},
		})
		w.Handle(CustomerDeletion, counting(1))
		order := Order{Kind: Handover, SubjectID: newID()}
		id := w.add(order)
		by := audit.Actor{ID: newID(), Name: "Uta Amt"}
		done := make(chan Outcome, 1)
		go func() {
			outcome, err := w.Run(w.ctx, id, nil)
			assert.NoError(t, err)
			done <- outcome
		}()
		<-began
		veto = refuse
		err := w.Cancel(w.ctx, by, id)
		assert.ErrorIs(t, err, refuse, "cancelled although the feature can't")
		assert.Equal(t, Running, w.get(id).State, "cancelled although the feature can't")
		veto, noted = nil, nil
		w.must(w.Cancel(w.ctx, by, id))
		got := <-done
		assert.Equal(t, (Outcome{}), got)
		assert.Equal(t, Cancelled, w.get(id).State)
		assert.NotNil(t, w.get(id).FinishedAt)
		if assert.Len(t, noted, 1, "noted") {
			assert.Equal(t, order.SubjectID, noted[0])
		}
		page, err := w.audit.Page(w.ctx, audit.Filter{})
		entries := page.Entries
		if assert.NoError(t, err, "the log") {
			if assert.Len(t, entries, 1, "the log") {
				assert.Equal(t, audit.JobCancelled, entries[0].Action, "the log")
				assert.Equal(t, by.ID, entries[0].ActorID.UUID, "the log")
			}
		}
		for what, c := range map[string]struct {
			id   uuid.UUID
			want error
		}{
			"one that is over":        {id, ErrOver},
			"one that must not":       {w.add(Order{Kind: CustomerDeletion, SubjectID: newID()}), ErrNotCancellable},
			"one that there is not":   {newID(), ErrNotFound},
			"one that waits, at once": {w.add(order), nil},
		} {
			assert.ErrorIs(t, w.Cancel(w.ctx, by, c.id), c.want, what)
		}
		assert.True(t, w.Cancellable(Handover), "Cancellable says something else")
		assert.False(t, w.Cancellable(CustomerDeletion), "Cancellable says something else")
	})
}

// TestFailures: after each failure in a row the job waits longer. A successful chunk resets the wait. A job that is
// given up has failed. An outage does not count as a failure.
func TestFailures(t *testing.T) {
	each(t, func(w *world) {
		var next error
		w.Handle(Handover, Handler{Step: func(_ context.Context, j Job) (Progress, error) {
			if next == nil {
				return Progress{Done: j.Done + 1, Pause: time.Minute}, nil
			}
			if strings.HasPrefix(next.Error(), "panic") {
				panic(next)
			}
			return Progress{}, next
		}})
		id := w.add(Order{Kind: Handover, SubjectID: newID()})
		fails := func(want Reason, pause time.Duration) {
			t.Helper()
			outcome, err := w.Run(w.ctx, id, nil)
			require.Error(t, err)
			require.Equal(t, (Outcome{Again: true, After: pause, Why: string(want), Failed: true}), outcome)
			j := w.get(id)
			assert.Equal(t, Waiting, j.State)
			assert.Equal(t, want, j.Reason)
			assert.Nil(t, j.LeaseUntil)
			assert.WithinDuration(t, w.clock().Add(pause), *j.NextAt, 0)
			w.wait(pause - time.Second)
			w.run(w.Service, id, Outcome{Again: true, After: time.Second, Why: whyEarly})
			w.wait(time.Second)
		}
		next = errors.New("anna@example.org is wrong")
		for _, seconds := range []int{5, 10, 20, 40, 80, 160, 300, 300} {
			fails(Internal, time.Duration(seconds)*time.Second)
		}
		next = errors.New("panic: anna@example.org")
		fails(Panicked, longestPause)
		assert.Equal(t, 9, w.get(id).Attempts, "attempts")
		next = nil
		w.run(w.Service, id, Outcome{Again: true, After: time.Minute, Why: whyEarly})
		j := w.get(id)
		assert.Equal(t, 0, j.Attempts, "after a chunk")
		assert.Empty(t, j.Reason, "after a chunk")
		assert.EqualValues(t, 1, j.Done, "after a chunk")
		assert.Equal(t, Waiting, j.State, "after a chunk")
		w.wait(time.Minute)
		next = Because(ErasureLog, fmt.Errorf("the second database: %w", store.ErrAway))
		fails(ErasureLog, firstPause)
		next = fmt.Errorf("step: %w", store.ErrDiskFull)
		outcome, err := w.Run(w.ctx, id, nil)
		j = w.get(id)
		assert.ErrorIs(t, err, store.ErrDiskFull, "an outage")
		assert.Equal(t, again(outagePause, whyDatabase), outcome, "an outage")
		assert.Equal(t, 1, j.Attempts, "an outage")
		w.wait(lease.Time)
		next = GiveUp(Internal, errors.New("never"))
		outcome, err = w.Run(w.ctx, id, nil)
		j = w.get(id)
		assert.Error(t, err, "given up")
		assert.Equal(t, (Outcome{}), outcome, "given up")
		assert.Equal(t, Failed, j.State, "given up")
		assert.Equal(t, Internal, j.Reason, "given up")
		assert.NotNil(t, j.FinishedAt, "given up")
		assert.EqualValues(t, 1, j.Done, "given up")
	})
}

// TestUnknownKind: a job of a kind that only a newer version knows waits for that version. A program without a handler
// for each kind does not start.
func TestUnknownKind(t *testing.T) {
	each(t, func(w *world) {
		wants := func(missing string) {
			t.Helper()
			err := w.Check(w.ctx)
			assert.Equal(t, missing == "", err == nil, "Check")
			assert.False(t, err != nil && !strings.Contains(err.Error(), missing), "Check")
		}
		wants(`"customer_deletion"`)
		for _, k := range Kinds {
			w.Handle(k, counting(1))
		}
		wants("")
		twice := w.process()
		for _, k := range append(slices.Clone(Kinds), Handover) {
			twice.Handle(k, counting(1))
		}
		err := twice.Check(w.ctx)
		if assert.Error(t, err, "with two handlers of a kind the check says") {
			assert.Contains(t, err.Error(), `two features do jobs of kind "handover"`)
		}
		other := w.process()
		other.Handle("dream", counting(1))
		var id uuid.UUID
		w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			id, err = other.Add(ctx, tx, Order{Kind: "dream", SubjectID: newID()})
			return err
		}))
		wants(`"dream"`)
		w.run(w.Service, id, again(longestPause, whyUnknown))
		j := w.get(id)
		assert.Equal(t, Waiting, j.State)
		assert.Equal(t, 0, j.Attempts)
		w.wait(longestPause)
		w.run(other, id, Outcome{})
		wants("")
	})
}

// TestRelay: due jobs are claimed once, oldest first. Jobs that the queue holds are due again after a while, or when
// the queue has lost them.
func TestRelay(t *testing.T) {
	each(t, func(w *world) {
		w.Handle(Handover, counting(1))
		var ids []uuid.UUID
		for range 5 {
			ids = append(ids, w.add(Order{Kind: Handover, SubjectID: newID()}))
			w.wait(time.Second)
		}
		var until time.Time
		claims := func(limit int, want ...uuid.UUID) {
			t.Helper()
			got, err := w.Claim(w.ctx, limit, time.Minute)
			var claimed []uuid.UUID
			for _, ticket := range got {
				claimed = append(claimed, ticket.ID)
				assert.True(t, ticket.AtOnce, "%+v", ticket)
				until = ticket.Claimed
			}
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(want), fmt.Sprint(claimed), "claimed")
		}
		claims(3, ids[:3]...)
		claims(3, ids[3:]...)
		claims(3)
		w.must(w.Enqueued(w.ctx, ids[:4], until, time.Hour))
		w.must(w.Enqueued(w.ctx, nil, until, time.Hour))
		w.run(w.Service, ids[0], Outcome{})
		w.must(w.Enqueued(w.ctx, ids[:1], until, time.Hour)) // the task ran before the answer
		w.wait(time.Minute)
		claims(5, ids[4])
		w.must(w.QueueLost(w.ctx))
		claims(5, ids[1:]...)
		w.wait(time.Hour)
		claims(5, ids[1:]...)
	})
}

// TestList: open jobs come first; jobs that ended long ago are deleted.
func TestList(t *testing.T) {
	each(t, func(w *world) {
		w.Handle(Handover, counting(1))
		first, second, third := w.add(Order{Kind: Handover, SubjectID: newID()}), w.add(Order{Kind: Handover, SubjectID: newID()}), w.add(Order{Kind: Handover, SubjectID: newID()})
		w.run(w.Service, first, Outcome{})
		w.wait(kept)
		w.run(w.Service, second, Outcome{})
		lists := func(want ...uuid.UUID) {
			t.Helper()
			list, err := w.List(w.ctx)
			var got []uuid.UUID
			for _, j := range list {
				got = append(got, j.ID)
			}
			if assert.NoError(t, err) {
				assert.Equal(t, fmt.Sprint(want), fmt.Sprint(got))
			}
		}
		lists(third, second, first)
		w.must(w.CleanUp(w.ctx))
		lists(third, second, first)
		w.wait(time.Second)
		w.must(w.CleanUp(w.ctx))
		lists(third, second)
		n, err := w.Finish(w.ctx, Handover)
		assert.NoError(t, err)
		assert.Equal(t, 1, n, "finished")
	})
}

// TestCustomer: a customer's jobs are cancelled when the customer is about to be deleted, and are deleted with the
// customer.
func TestCustomer(t *testing.T) {
	each(t, func(w *world) {
		w.Handle(Handover, counting(1))
		customer := newID()
		_, err := w.db.ExecContext(w.ctx, `INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
			VALUES (10001, ?, 'person', 'de', '', '', '', ?, ?)`, customer, w.clock(), w.clock())
		require.NoError(t, err)
		theirs, other := w.add(Order{Kind: Handover, SubjectID: newID(), CustomerID: customer}), w.add(Order{Kind: Handover, SubjectID: newID()})
		w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error { return w.CancelOfCustomer(ctx, tx, customer) }))
		assert.Equal(t, Cancelled, w.get(theirs).State)
		assert.Equal(t, Waiting, w.get(other).State)
		_, err = w.db.ExecContext(w.ctx, `DELETE FROM customer`)
		require.NoError(t, err)
		list, err := w.List(w.ctx)
		if assert.NoError(t, err) {
			if assert.Len(t, list, 1) {
				assert.Equal(t, other, list[0].ID)
			}
		}
	})
}
