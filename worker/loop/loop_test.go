package loop

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier"
	"kontor/app/fault"
)

func TestDelivers(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		var wrong atomic.Int64
		o := newOutbox(nil)
		channels := map[uuid.UUID]courier.Channel{}
		o.send = func(_ context.Context, t courier.Ticket, _ int) (courier.Verdict, error) {
			if channels[t.MessageID] != t.Channel {
				wrong.Add(1)
			}
			return courier.Verdict{}, nil
		}
		for _, c := range []courier.Channel{courier.Email, courier.SMS} {
			for _, id := range o.put(700, c) { // more than a batch
				channels[id] = c
			}
		}
		startOutbox(t, q, o)
		await.True(t, "all delivered", func() bool { return o.unsettled() == 0 })
		o.eachOnce(t)
		assert.Zero(t, wrong.Load(), "tickets with the wrong channel")
	})
}

func TestNudge(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		o := newOutbox(nil)
		l := New(q, Options{Outbox: o, Deliverer: o})
		l.sweepEvery = time.Hour
		start(t, l)
		await.True(t, "the first sweep", func() bool { return o.claims.Load() > 0 })
		for range 5 {
			o.put(1, courier.SMS)
			await.True(t, "delivered", func() bool { return o.unsettled() == 0 })
		}
	})
}

func TestRetriesFollowTheVerdict(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		o := newOutbox(func(_ context.Context, _ courier.Ticket, attempt int) (courier.Verdict, error) {
			if attempt < 3 {
				return courier.Verdict{Retry: true, After: 1500 * time.Millisecond, Why: "mail_busy"}, nil
			}
			return courier.Verdict{}, nil
		})
		id := o.put(1, courier.Email)[0]
		startOutbox(t, q, o)
		await.True(t, "delivered", func() bool { return o.unsettled() == 0 })
		at := o.attempts(id)
		require.Len(t, at, 3, "attempts")
		for i := range at[1:] {
			d := at[i+1].Sub(at[i])
			assert.GreaterOrEqual(t, d, 1500*time.Millisecond, "attempt %d came after", i+2)
		}
	})
}

func TestDatabaseAway(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		o := newOutbox(func(_ context.Context, _ courier.Ticket, attempt int) (courier.Verdict, error) {
			if attempt == 1 {
				return courier.Verdict{}, errors.New("dial tcp: secret-address refused")
			}
			return courier.Verdict{}, nil
		})
		o.put(1, courier.Email)
		startOutbox(t, q, o)
		var waiting []courier.TaskInfo
		await.True(t, "waits for another go", func() bool {
			waiting, _ = q.Tasks(t.Context(), queueMail, courier.TaskRetry, 1)
			return len(waiting) == 1
		})
		assert.Equal(t, "database", waiting[0].LastError, "the queue says")
		await.True(t, "delivered", func() bool { return o.unsettled() == 0 })
	})
}

func TestStopFinishesWhatRuns(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		began, finish := make(chan struct{}), make(chan struct{})
		o := newOutbox(func(ctx context.Context, _ courier.Ticket, _ int) (courier.Verdict, error) {
			close(began)
			<-finish
			return courier.Verdict{}, ctx.Err()
		})
		o.put(1, courier.Email)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- New(q, Options{Outbox: o, Deliverer: o}).Run(ctx) }()
		<-began
		cancel()
		select {
		case <-done:
			t.Fatal("Run returned while an attempt was running")
		case <-time.After(300 * time.Millisecond):
		}
		close(finish)
		err := <-done
		require.NoError(t, err)
		o.eachOnce(t)
		infos, err := q.Overview(t.Context())
		require.NoError(t, err, "left in the queue")
		assert.Equal(t, 0, infos[0].Active+infos[0].Pending+infos[0].Retry, "left in the queue")
	})
}

func TestStopGivesBackWhatTakesTooLong(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		began := make(chan struct{}, 1)
		o := newOutbox(func(ctx context.Context, _ courier.Ticket, attempt int) (courier.Verdict, error) {
			if attempt > 1 {
				return courier.Verdict{}, nil
			}
			began <- struct{}{}
			<-ctx.Done()
			return courier.Verdict{}, ctx.Err()
		})
		o.put(1, courier.SMS)
		first := New(q, Options{Outbox: o, Deliverer: o})
		first.shutdownTimeout = 100 * time.Millisecond
		stop := start(t, first)
		<-began
		stop()
		startOutbox(t, q, o)
		await.True(t, "delivered by the next worker", func() bool { return o.unsettled() == 0 })
	})
}

func TestFlushed(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		o := newOutbox(func(_ context.Context, _ courier.Ticket, attempt int) (courier.Verdict, error) {
			if attempt == 1 {
				return courier.Verdict{Retry: true, After: 3 * time.Second, Why: "busy"}, nil
			}
			return courier.Verdict{}, nil
		})
		o.put(50, courier.Email)
		startOutbox(t, q, o)
		await.True(t, "all wait for their next try", func() bool {
			infos, err := q.Overview(t.Context())
			return err == nil && infos[0].Retry == 50
		})
		require.NoError(t, mailLane(q).client.FlushDB(t.Context()).Err())
		await.True(t, "all delivered", func() bool { return o.unsettled() == 0 })
		for _, m := range o.messages {
			assert.Equal(t, 2, m.attempts, "attempts, one after the other")
			assert.False(t, m.parallel, "parallel %v", m.parallel)
		}
		// The data are lost at the first start and at the flush.
		m, s := o.losses(courier.Email), o.losses(courier.SMS)
		assert.Equal(t, 2, m, "QueueLost was called %d and %d times", m, s)
		assert.LessOrEqual(t, s, 2)
	})
}

func TestRedisAway(t *testing.T) {
	redis := newServer(t)
	log := &lines{}
	q := open(t, redis.url(), log.log()) // Redis does not run yet
	wants(t, q, courier.QueueSilent)
	o := newOutbox(nil)
	o.put(20, courier.Email)
	start(t, New(q, Options{Outbox: o, Deliverer: o, Log: log.log()}))

	redis.start(t)
	await.True(t, "delivered once Redis is there", func() bool { return o.unsettled() == 0 })
	await.True(t, "said so", func() bool { return log.count("the queue answers again") == 1 })

	redis.kill()
	await.True(t, "noticed", func() bool { return log.count("the queue does not answer") == 2 })
	claims := o.claims.Load()
	o.put(300, courier.Email)
	infos, err := q.Overview(t.Context())
	require.NoError(t, err)
	assert.Equal(t, (courier.QueueInfo{Name: queueMail, Away: courier.QueueSilent}), infos[0], "Overview says")
	assert.Equal(t, courier.QueueSilent, infos[1].Away)
	for what, err := range map[string]error{"run": q.RunNow(t.Context(), queueMail, "x"), "delete": q.Delete(t.Context(), queueSMS, "x")} {
		assert.ErrorIs(t, err, errAway, "%s says", what)
		assert.Equal(t, fault.Unavailable, fault.CodeOf(err))
	}
	for range 3 { // some sweeps run
		wants(t, q, courier.QueueSilent)
		<-time.After(time.Second)
	}
	// Each relay may claim twice.
	n := o.claims.Load() - claims
	assert.True(t, n <= 4, "claimed %d times although there is nowhere to put them", n)
	redis.start(t) // without its data
	await.True(t, "all delivered", func() bool { return o.unsettled() == 0 })
	await.True(t, "said so", func() bool { return log.count("the queue answers again") == 2 })
	o.eachOnce(t)
	for text, want := range map[string]int{"the queue does not answer": 2, "the queue answers again": 2, "level=ERROR": 0} {
		n := log.count(text)
		assert.Equal(t, want, n, "%q is logged %d times, want \n%s", text, n, log)
	}
}

// crashing is an outbox whose relay dies, again and again: after claiming, or before noting what it queued.
type crashing struct {
	*outbox
	rng    *rand.Rand
	deaths int
}

var errDied = errors.New("the relay died here")

func (c *crashing) Claim(ctx context.Context, _ int, lease time.Duration, channels ...courier.Channel) ([]courier.Ticket, error) {
	got, err := c.outbox.Claim(ctx, 10, lease, channels...)
	if len(got) > 0 && c.rng.IntN(2) == 0 {
		c.deaths++
		return nil, errDied
	}
	return got, err
}

func (c *crashing) Enqueued(ctx context.Context, ids []uuid.UUID, claimed time.Time, d time.Duration) error {
	if c.rng.IntN(2) == 0 {
		c.deaths++
		return errDied
	}
	return c.outbox.Enqueued(ctx, ids, claimed, d)
}

func TestRelayDiesAndDies(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		o := newOutbox(nil)
		o.put(1000, courier.Email)
		c := &crashing{outbox: o, rng: rand.New(rand.NewPCG(1, 2))}
		none := newOutbox(nil) // the worker has no relay of its own here
		start(t, New(q, Options{Outbox: none, Deliverer: o}))
		for o.unsettled() > 0 && c.deaths < 10_000 {
			r := newRelay(q, c)
			r.now = o.now
			for range 2 { // the second time it notes what it has queued
				if err := r.drain(t.Context()); err != nil && !errors.Is(err, errDied) {
					t.Fatal(err)
				}
				o.offset.Add(int64(noteAfter))
			}
		}
		await.True(t, "none lost", func() bool { return o.unsettled() == 0 })
		o.eachOnce(t)
		t.Logf("the relay died %d times", c.deaths)
	})
}

// TestRelayOfManyBatches: everything that was queued is noted, in whichever batch it came.
func TestRelayOfManyBatches(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		for _, n := range []int{1, batchSize - 1, batchSize, batchSize + 1, 2*batchSize + 7} {
			o := newOutbox(nil)
			o.put(n, courier.Email)
			r := newRelay(q, o)
			r.now = o.now
			require.NoError(t, r.drain(t.Context()))
			o.offset.Add(int64(noteAfter))
			require.NoError(t, r.drain(t.Context()))
			o.offset.Add(int64(claimLease)) // what was not noted is due again
			more, err := o.Claim(t.Context(), n, time.Minute, courier.Email)
			require.NoError(t, err)
			assert.Empty(t, more, "%d messages", n)
			assert.Empty(t, r.queued, "%d messages", n)
		}
	})
}

func TestSameMessageTwice(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		o := newOutbox(nil)
		o.put(1, courier.Email)
		for range 3 { // three relays that do not know of each other
			o.offset.Add(int64(time.Hour))
			require.NoError(t, newRelay(q, o).drain(t.Context()))
		}
		infos, err := q.Overview(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, infos[0].Pending)
		startOutbox(t, q, o)
		await.True(t, "delivered", func() bool { return o.unsettled() == 0 })
		o.eachOnce(t)
	})
}

func TestArchivedTaskMakesRoom(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		o := newOutbox(nil)
		id := o.put(1, courier.Email)[0]
		r := newRelay(q, o)
		require.NoError(t, r.drain(t.Context()))
		require.NoError(t, mailLane(q).inspector.ArchiveTask(mailLane(q).key, taskID(id, 1)))
		o.offset.Add(int64(time.Hour))
		require.NoError(t, r.drain(t.Context()))
		infos, err := q.Overview(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, infos[0].Pending)
		require.Equal(t, 0, infos[0].Archived)
	})
}

func TestPeriodic(t *testing.T) {
	log := &lines{}
	q := open(t, "", log.log())
	var good, bad, ugly atomic.Int64
	start(t, New(q, Options{Outbox: newOutbox(nil), Deliverer: newOutbox(nil), Log: log.log(), Periodic: []Periodic{
		{"good", 5 * time.Millisecond, func(context.Context) error { good.Add(1); return nil }},
		{"bad", 5 * time.Millisecond, func(context.Context) error { bad.Add(1); return errors.New("no") }},
		{"ugly", 5 * time.Millisecond, func(context.Context) error { ugly.Add(1); panic("argh") }},
	}}))
	await.True(t, "all run again and again", func() bool { return min(good.Load(), bad.Load(), ugly.Load()) > 3 })
	assert.NotEqual(t, 0, log.count("work=bad"), "log")
	assert.NotEqual(t, 0, log.count("work=ugly"), "log")
	assert.Equal(t, 0, log.count("work=good"), "log")
}
