package job

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/await"
	"kontor/app/lease"
)

// TestKilled: the job of a dead worker is not touched while its lease is valid, and is taken over after that. If that
// worker is alive after all, it changes nothing any more.
func TestKilled(t *testing.T) {
	each(t, func(w *world) {
		w.Handle(Handover, counting(3))
		id := w.add(Order{Kind: Handover, SubjectID: newID()})
		dead, got, err := w.take(w.ctx, id, false)
		kept, err2 := w.advance(w.ctx, &dead, Progress{Done: 1, Total: 3})
		require.True(t, got)
		require.True(t, kept)
		require.NoError(t, err)
		require.NoError(t, err2)
		if w.wait(lease.Time - time.Second); w.due() != 0 {
			t.Error("offered while somebody may be at it")
		}
		w.run(w.Service, id, Outcome{Again: true, After: time.Second, Why: whyBusy})
		n, err := w.Finish(w.ctx, Handover)
		assert.NoError(t, err)
		assert.Equal(t, 0, n, "finished")
		if w.wait(time.Second); w.due() != 1 {
			t.Error("not offered when its lease is over")
		}
		other, got, err := w.take(w.ctx, id, false)
		require.NoError(t, err, "taken over")
		require.True(t, got, "taken over: %t", got)
		require.EqualValues(t, 1, other.Done, "taken over")
		w.wait(time.Second)
		kept, err = w.advance(w.ctx, &dead, Progress{Done: 2, Total: 3})
		done, err2 := w.finish(w.ctx, dead, Progress{Done: 2})
		prolonged, err3 := w.prolong(w.ctx, dead)
		w.must(errors.Join(err, err2, err3, w.giveBack(w.ctx, dead, w.clock()), w.postpone(w.ctx, dead, Internal, w.clock()), w.fail(w.ctx, dead, Internal)))
		j := w.get(id)
		assert.False(t, kept, "the dead one kept %t", kept)
		assert.False(t, done, "finished %t", done)
		assert.False(t, prolonged, "prolonged %t", prolonged)
		assert.Equal(t, Running, j.State)
		assert.EqualValues(t, 1, j.Done)
		assert.Empty(t, j.Reason)
		assert.WithinDuration(t, *other.LeaseUntil, *j.LeaseUntil, 0)
		w.must(w.giveBack(w.ctx, other, w.clock()))
		w.run(w.Service, id, Outcome{})
	})
}

// TestTwoWorkers: however many workers try at the same time, only one works on a job.
func TestTwoWorkers(t *testing.T) {
	each(t, func(w *world) {
		const chunks = 30
		var at, steps atomic.Int64
		handler := Handler{Step: func(_ context.Context, j Job) (Progress, error) {
			assert.EqualValues(t, 1, at.Add(1), "two at once")
			defer at.Add(-1)
			steps.Add(1)
			return Progress{Done: j.Done + 1, Total: chunks, Finished: j.Done+1 == chunks}, nil
		}}
		w.Handle(Handover, handler)
		id := w.add(Order{Kind: Handover, SubjectID: newID()})
		var all sync.WaitGroup
		for range 4 {
			s := w.process()
			s.Handle(Handover, handler)
			all.Go(func() {
				for over := false; !over; {
					stop := make(chan struct{})
					close(stop) // after a chunk
					outcome, err := s.Run(w.ctx, id, stop)
					over = !outcome.Again
					if !assert.NoError(t, err) {
						return
					}
				}
			})
		}
		all.Wait()
		j := w.get(id)
		assert.EqualValues(t, chunks, steps.Load(), "steps")
		assert.Equal(t, Done, j.State)
		assert.GreaterOrEqual(t, j.Run, chunks)
	})
}

// TestLease: the lease is renewed as long as a chunk takes, and a chunk whose lease is lost is stopped.
func TestLease(t *testing.T) {
	each(t, func(w *world) {
		began, finish := make(chan struct{}, 1), make(chan struct{})
		w.Handle(Handover, Handler{Step: func(ctx context.Context, _ Job) (Progress, error) {
			began <- struct{}{}
			select {
			case <-ctx.Done():
				return Progress{}, ctx.Err()
			case <-finish:
				return Progress{Finished: true}, nil
			}
		}})
		id := w.add(Order{Kind: Handover, SubjectID: newID()})
		type result struct {
			outcome Outcome
			err     error
		}
		results := make(chan result, 1)
		start := func() {
			go func() {
				outcome, err := w.Run(w.ctx, id, nil)
				results <- result{outcome, err}
			}()
			<-began
		}
		start()
		for range 5 {
			w.wait(lease.Time - time.Second)
			await.True(t, "the lease is renewed", func() bool { return w.get(id).LeaseUntil.Equal(w.clock().Add(lease.Time)) })
		}
		w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error { return w.Restored(ctx, tx) }))
		got := <-results
		assert.Equal(t, (result{Outcome{Again: true, Why: whyBusy}, nil}), got, "after its lease was lost")
		start()
		close(finish)
		got = <-results
		assert.Equal(t, (result{}), got, "at the end")
		assert.Equal(t, Done, w.get(id).State, "at the end")
	})
}

// TestStop: a worker that is asked to stop does so between two chunks, a worker whose context ends stops at once. The
// job is due again.
func TestStop(t *testing.T) {
	each(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.ctx)
		stop := make(chan struct{})
		var steps int
		w.Handle(Handover, Handler{Step: func(ctx context.Context, j Job) (Progress, error) {
			switch steps++; steps {
			case 2:
				close(stop)
			case 3:
				cancel()
				return Progress{}, ctx.Err()
			}
			return Progress{Done: j.Done + 1, Total: 4, Finished: j.Done == 3}, nil
		}})
		id := w.add(Order{Kind: Handover, SubjectID: newID()})
		w.wait(time.Second)
		outcome, err := w.Run(ctx, id, stop)
		j := w.get(id)
		if assert.NoError(t, err, "asked to stop") {
			assert.Equal(t, again(0, whyStopped), outcome, "asked to stop")
			assert.Equal(t, Waiting, j.State, "asked to stop")
			assert.EqualValues(t, 2, j.Done, "asked to stop")
			assert.Nil(t, j.LeaseUntil, "asked to stop")
			assert.Equal(t, 1, w.due(), "asked to stop")
		}
		w.wait(time.Second)
		outcome, err = w.Run(ctx, id, nil)
		j = w.get(id)
		assert.ErrorIs(t, err, context.Canceled, "ended")
		assert.Equal(t, again(0, whyStopped), outcome, "ended")
		assert.Equal(t, Waiting, j.State, "ended")
		assert.Equal(t, 0, j.Attempts, "ended")
		assert.Equal(t, 1, w.due(), "ended")
		w.run(w.Service, id, Outcome{})
	})
}
