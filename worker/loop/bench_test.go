package loop

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"

	"kontor/app/courier"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// BenchmarkRelayAndDeliver to BenchmarkEmptyHandler is what relay and handler cost on top of the same Asynq set-up with a
// handler that does nothing. BenchmarkCourier is the whole: real outbox, mails by SMTP and SMS by HTTP on loopback.
//
//	KONTOR_TEST_REDIS=redis://localhost:6379/6 KONTOR_TEST_POSTGRES=postgres://… go test -run '^$' -bench . -count 6 ./worker/loop

func BenchmarkEmptyHandler(b *testing.B) {
	eachQueue(b, func(b *testing.B, q *Queue) {
		o := newEndless(b.N)
		l := New(q, Options{})
		done := asynq.HandlerFunc(func(context.Context, *asynq.Task) error { o.done(); return nil })
		b.ResetTimer()
		servers := l.servers()
		for _, s := range servers {
			if err := s.Start(done); err != nil {
				b.Fatal(err)
			}
		}
		client := asynq.NewClientFromRedisClient(mailLane(q).client)
		var wg sync.WaitGroup
		for i := range enqueuers {
			wg.Go(func() {
				for n := i; n < b.N; n += enqueuers {
					t := courier.Ticket{MessageID: o.ids[n], Channel: courier.Email, Run: 1}
					task, err := mailLane(q).newMessageTask(t)
					if err == nil {
						_, err = client.Enqueue(task)
					}
					if err != nil {
						b.Error(err)
						o.done()
					}
				}
			})
		}
		wg.Wait()
		<-o.finished
		b.StopTimer()
		shutdown(servers)
	})
}

func BenchmarkRelayAndDeliver(b *testing.B) {
	eachQueue(b, func(b *testing.B, q *Queue) {
		o := newEndless(b.N)
		l := New(q, Options{Outbox: o, Deliverer: o})
		b.ResetTimer()
		stop := start(b, l)
		<-o.finished
		b.StopTimer()
		stop()
	})
}

func BenchmarkCourier(b *testing.B) {
	bench := func(b *testing.B, db *store.DB, q *Queue) {
		h := newHouse(b, db)
		h.post(b, (b.N+1)/2) // a mail and an SMS each
		b.ResetTimer()
		stop := start(b, New(q, Options{Outbox: h.courier, Deliverer: h.courier}))
		for tick := time.Tick(20 * time.Millisecond); h.waits(b); {
			<-tick
		}
		b.StopTimer()
		stop()
	}
	b.Run("sqlite, in-process", func(b *testing.B) { bench(b, storetest.SQLite(b), open(b, "", nil)) })
	b.Run("sqlite, redis", func(b *testing.B) { bench(b, storetest.SQLite(b), open(b, redisURL(b), nil)) })
	b.Run("postgres, redis", func(b *testing.B) { bench(b, storetest.Postgres(b), open(b, redisURL(b), nil)) })
}

func eachQueue(b *testing.B, bench func(b *testing.B, q *Queue)) {
	b.Run("in-process", func(b *testing.B) { bench(b, open(b, "", nil)) })
	b.Run("redis", func(b *testing.B) { bench(b, open(b, redisURL(b), nil)) })
}

// endless is an outbox that costs nothing.
type endless struct {
	mu       sync.Mutex
	ids      []uuid.UUID
	next     int
	left     atomic.Int64
	finished chan struct{}
}

func newEndless(n int) *endless {
	o := &endless{finished: make(chan struct{})}
	for range n {
		o.ids = append(o.ids, uuid.Must(uuid.NewV7()))
	}
	o.left.Store(int64(n))
	return o
}

func (o *endless) done() {
	if o.left.Add(-1) == 0 {
		close(o.finished)
	}
}

func (o *endless) Claim(_ context.Context, limit int, _ time.Duration, channels ...courier.Channel) ([]courier.Ticket, error) {
	if channels[0] != courier.Email {
		return nil, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var got []courier.Ticket
	for ; o.next < len(o.ids) && len(got) < limit; o.next++ {
		got = append(got, courier.Ticket{MessageID: o.ids[o.next], Channel: courier.Email, Run: 1})
	}
	return got, nil
}

func (o *endless) Enqueued(context.Context, []uuid.UUID, time.Time, time.Duration) error { return nil }
func (o *endless) QueueLost(context.Context, ...courier.Channel) error                   { return nil }
func (o *endless) Nudges() <-chan struct{}                                               { return nil }

func (o *endless) Deliver(context.Context, courier.Ticket) (courier.Verdict, error) {
	o.done()
	return courier.Verdict{}, nil
}
