package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/await"
	"kontor/app/lease"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// world is a database with a job service.
type world struct {
	*Service
	t   *testing.T
	ctx context.Context
	db  *store.DB

	mu  sync.Mutex
	now time.Time
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{t: t, ctx: context.Background(), db: db, now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
		w.Service = w.process()
		test(w)
	})
}

// process is the service of another process on the same database.
func (w *world) process() *Service {
	return New(Options{DB: w.db, Now: w.clock, Audit: audit.New(w.db, w.clock), RenewLease: 10 * time.Millisecond})
}

func (w *world) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }

func (w *world) wait(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.now = w.now.Add(d) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// add requests a job.
func (w *world) add(o Order) (id uuid.UUID) {
	w.t.Helper()
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		id, err = w.Add(ctx, tx, o)
		return err
	}))
	return id
}

func (w *world) get(id uuid.UUID) Job {
	w.t.Helper()
	j, err := w.byID(w.ctx, id)
	w.must(err)
	return j
}

// run works on a job and compares the outcome for the queue.
func (w *world) run(s *Service, id uuid.UUID, want Outcome) {
	w.t.Helper()
	if got, err := s.Run(w.ctx, id, nil); got != want || err != nil {
		w.t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
}

// due returns how many jobs the relay finds. Nobody else gets them for a moment.
func (w *world) due() int {
	w.t.Helper()
	got, err := w.Claim(w.ctx, 10, time.Second)
	w.must(err)
	return len(got)
}

func (w *world) nudged() bool {
	select {
	case <-w.Nudges():
		return true
	default:
		return false
	}
}

// counting returns a handler that does n chunks.
func counting(n int64) Handler {
	return Handler{Step: func(_ context.Context, j Job) (Progress, error) {
		return Progress{Done: j.Done + 1, Total: n, Finished: j.Done+1 == n}, nil
	}}
}

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
			if err := j.Read(&got); err != nil || got != given || j.SubjectID != subject || now.State != Running || now.Done != j.Done {
				t.Errorf("a step gets %+v, %+v, %v; stored %+v", j, got, err, now)
			}
			seen = append(seen, j.Done)
			return Progress{Done: j.Done + 10, Total: 30, Finished: j.Done == 20}, ctx.Err()
		}})
		id := w.add(Order{Kind: Handover, SubjectID: subject, Arguments: given, Total: 25, By: by})
		if j := w.get(id); j.State != Waiting || j.Total != 25 || j.RequestedBy.UUID != by || !j.RequestedAt.Equal(w.clock()) || j.FinishedAt != nil {
			t.Errorf("added: %+v", j)
		}
		w.wait(time.Minute)
		w.run(w.Service, id, Outcome{})
		j := w.get(id)
		if fmt.Sprint(seen) != "[0 10 20]" || j.State != Done || j.Done != 30 || j.Total != 30 || j.FinishedAt == nil || !j.FinishedAt.Equal(w.clock()) || j.RelayAt != nil || j.LeaseUntil != nil {
			t.Errorf("steps at %v: %+v", seen, j)
		}
		if of, err := w.Of(w.ctx, Handover, subject); err != nil || of.ID != id {
			t.Errorf("of its subject: %+v, %v", of, err)
		}
		if _, err := w.Of(w.ctx, CustomerDeletion, subject); !errors.Is(err, ErrNotFound) {
			t.Errorf("of another kind: %v", err)
		}
		w.run(w.Service, id, Outcome{})
		w.run(w.Service, newID(), Outcome{})
		if len(seen) != 3 {
			t.Errorf("%d steps of a job that is over", len(seen))
		}
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
		if list, _ := w.List(w.ctx); !errors.Is(err, back) || w.nudged() || len(list) != 0 {
			t.Errorf("rolled back: %v, %+v", err, list)
		}
		w.add(Order{Kind: Handover, SubjectID: newID()})
		if !w.nudged() || w.due() != 1 {
			t.Error("a job is not announced")
		}
		held := w.add(Order{Kind: Handover, SubjectID: newID(), Held: true})
		if w.nudged() || w.due() != 0 {
			t.Error("a job that is held is announced")
		}
		w.wait(lease.Time)
		if w.due() != 2 {
			t.Error("nobody sees to a job that is held for too long")
		}
		w.run(w.Service, held, Outcome{})
		err = w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := w.Add(ctx, tx, Order{Kind: CustomerDeletion, SubjectID: newID()})
			return err
		})
		if err == nil {
			t.Error("added a job that nobody does")
		}
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
		if err == nil || w.due() != 0 {
			t.Errorf("a failure: %v", err)
		}
		fails = false
		if again := w.add(order); again != id || w.due() != 1 {
			t.Error("asked again it is another, or still waits")
		}
		w.run(w.Service, id, Outcome{})
		if steps != 2 {
			t.Errorf("looked %d times", steps)
		}
		if next := w.add(order); next == id {
			t.Error("the job that is over was asked for again")
		}
	})
}

// TestKilled: the job of a dead worker is not touched while its lease is valid, and is taken over after that. If that
// worker is alive after all, it changes nothing any more.
func TestKilled(t *testing.T) {
	each(t, func(w *world) {
		w.Handle(Handover, counting(3))
		id := w.add(Order{Kind: Handover, SubjectID: newID()})
		dead, got, err := w.take(w.ctx, id, false)
		if kept, err2 := w.advance(w.ctx, &dead, Progress{Done: 1, Total: 3}); !got || !kept || err != nil || err2 != nil {
			t.Fatal(got, kept, err, err2)
		}
		if w.wait(lease.Time - time.Second); w.due() != 0 {
			t.Error("offered while somebody may be at it")
		}
		w.run(w.Service, id, Outcome{Again: true, After: time.Second, Why: whyBusy})
		if n, err := w.Finish(w.ctx, Handover); n != 0 || err != nil {
			t.Errorf("finished %d, %v", n, err)
		}
		if w.wait(time.Second); w.due() != 1 {
			t.Error("not offered when its lease is over")
		}
		other, got, err := w.take(w.ctx, id, false)
		if !got || err != nil || other.Done != 1 {
			t.Fatalf("taken over: %t, %+v, %v", got, other, err)
		}
		w.wait(time.Second)
		kept, err := w.advance(w.ctx, &dead, Progress{Done: 2, Total: 3})
		done, err2 := w.finish(w.ctx, dead, Progress{Done: 2})
		prolonged, err3 := w.prolong(w.ctx, dead)
		w.must(errors.Join(err, err2, err3, w.giveBack(w.ctx, dead, w.clock()), w.postpone(w.ctx, dead, Internal, w.clock()), w.fail(w.ctx, dead, Internal)))
		if j := w.get(id); kept || done || prolonged || j.State != Running || j.Done != 1 || j.Reason != "" || !j.LeaseUntil.Equal(*other.LeaseUntil) {
			t.Errorf("the dead one kept %t, finished %t, prolonged %t: %+v", kept, done, prolonged, j)
		}
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
			if at.Add(1) != 1 {
				t.Error("two at once")
			}
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
					if over = !outcome.Again; err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		if j := w.get(id); steps.Load() != chunks || j.State != Done || j.Run < chunks {
			t.Errorf("%d steps: %+v", steps.Load(), j)
		}
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
		if got := <-results; got != (result{Outcome{Again: true, Why: whyBusy}, nil}) {
			t.Errorf("after its lease was lost: %+v", got)
		}
		start()
		close(finish)
		if got := <-results; got != (result{}) || w.get(id).State != Done {
			t.Errorf("at the end: %+v", got)
		}
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
			if err != nil {
				t.Error(err)
			}
			done <- outcome
		}()
		<-began
		veto = refuse
		if err := w.Cancel(w.ctx, by, id); !errors.Is(err, refuse) || w.get(id).State != Running {
			t.Errorf("cancelled although the feature can't: %v", err)
		}
		veto, noted = nil, nil
		w.must(w.Cancel(w.ctx, by, id))
		if got := <-done; got != (Outcome{}) || w.get(id).State != Cancelled || w.get(id).FinishedAt == nil {
			t.Errorf("%+v, %+v", got, w.get(id))
		}
		if len(noted) != 1 || noted[0] != order.SubjectID {
			t.Errorf("noted %v", noted)
		}
		entries, _, err := w.audit.Page(w.ctx, uuid.Nil, uuid.Nil)
		if err != nil || len(entries) != 1 || entries[0].Action != audit.JobCancelled || entries[0].ActorID.UUID != by.ID {
			t.Errorf("the log: %+v, %v", entries, err)
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
			if err := w.Cancel(w.ctx, by, c.id); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", what, err, c.want)
			}
		}
		if !w.Cancellable(Handover) || w.Cancellable(CustomerDeletion) {
			t.Error("Cancellable says something else")
		}
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
			if err == nil || outcome != (Outcome{Again: true, After: pause, Why: string(want), Failed: true}) {
				t.Fatalf("%+v, %v; want %s", outcome, err, pause)
			}
			if j := w.get(id); j.State != Waiting || j.Reason != want || j.LeaseUntil != nil || !j.NextAt.Equal(w.clock().Add(pause)) {
				t.Errorf("%+v", j)
			}
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
		if j := w.get(id); j.Attempts != 9 {
			t.Errorf("%d attempts", j.Attempts)
		}
		next = nil
		w.run(w.Service, id, Outcome{Again: true, After: time.Minute, Why: whyEarly})
		if j := w.get(id); j.Attempts != 0 || j.Reason != "" || j.Done != 1 || j.State != Waiting {
			t.Errorf("after a chunk: %+v", j)
		}
		w.wait(time.Minute)
		next = Because(ErasureLog, fmt.Errorf("the second database: %w", store.ErrAway))
		fails(ErasureLog, firstPause)
		next = fmt.Errorf("step: %w", store.ErrDiskFull)
		outcome, err := w.Run(w.ctx, id, nil)
		if j := w.get(id); !errors.Is(err, store.ErrDiskFull) || outcome != again(outagePause, whyDatabase) || j.Attempts != 1 {
			t.Errorf("an outage: %+v, %v, %+v", outcome, err, j)
		}
		w.wait(lease.Time)
		next = GiveUp(Internal, errors.New("never"))
		outcome, err = w.Run(w.ctx, id, nil)
		if j := w.get(id); err == nil || outcome != (Outcome{}) || j.State != Failed || j.Reason != Internal || j.FinishedAt == nil || j.Done != 1 {
			t.Errorf("given up: %+v, %v, %+v", outcome, err, j)
		}
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
		if j := w.get(id); err != nil || outcome != again(0, whyStopped) || j.State != Waiting || j.Done != 2 || j.LeaseUntil != nil || w.due() != 1 {
			t.Errorf("asked to stop: %+v, %v, %+v", outcome, err, j)
		}
		w.wait(time.Second)
		outcome, err = w.Run(ctx, id, nil)
		if j := w.get(id); !errors.Is(err, context.Canceled) || outcome != again(0, whyStopped) || j.State != Waiting || j.Attempts != 0 || w.due() != 1 {
			t.Errorf("ended: %+v, %v, %+v", outcome, err, j)
		}
		w.run(w.Service, id, Outcome{})
	})
}

// TestUnknownKind: a job of a kind that only a newer version knows waits for that version. A program without a handler
// for each kind does not start.
func TestUnknownKind(t *testing.T) {
	each(t, func(w *world) {
		wants := func(missing string) {
			t.Helper()
			if err := w.Check(w.ctx); (err == nil) != (missing == "") || err != nil && !strings.Contains(err.Error(), missing) {
				t.Errorf("Check: %v, want %q", err, missing)
			}
		}
		wants(`"customer_deletion"`)
		for _, k := range Kinds {
			w.Handle(k, counting(1))
		}
		wants("")
		other := w.process()
		other.Handle("dream", counting(1))
		var id uuid.UUID
		w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			id, err = other.Add(ctx, tx, Order{Kind: "dream", SubjectID: newID()})
			return err
		}))
		wants(`"dream"`)
		w.run(w.Service, id, again(longestPause, whyUnknown))
		if j := w.get(id); j.State != Waiting || j.Attempts != 0 {
			t.Errorf("%+v", j)
		}
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
		claims := func(limit int, want ...uuid.UUID) {
			t.Helper()
			got, err := w.Claim(w.ctx, limit, time.Minute)
			var claimed []uuid.UUID
			for _, ticket := range got {
				claimed = append(claimed, ticket.ID)
				if !ticket.AtOnce {
					t.Errorf("%+v", ticket)
				}
			}
			if err != nil || fmt.Sprint(claimed) != fmt.Sprint(want) {
				t.Fatalf("claimed %v, %v; want %v", claimed, err, want)
			}
		}
		claims(3, ids[:3]...)
		claims(3, ids[3:]...)
		claims(3)
		w.must(w.Enqueued(w.ctx, ids[:4], time.Hour))
		w.must(w.Enqueued(w.ctx, nil, time.Hour))
		w.run(w.Service, ids[0], Outcome{})
		w.must(w.Enqueued(w.ctx, ids[:1], time.Hour)) // the queue was quicker
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
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
		}
		lists(third, second, first)
		w.must(w.CleanUp(w.ctx))
		lists(third, second, first)
		w.wait(time.Second)
		w.must(w.CleanUp(w.ctx))
		lists(third, second)
		if n, err := w.Finish(w.ctx, Handover); n != 1 || err != nil {
			t.Errorf("finished %d, %v", n, err)
		}
	})
}

// TestCustomer: a customer's jobs are cancelled when the customer is about to be deleted, and are deleted with the
// customer.
func TestCustomer(t *testing.T) {
	each(t, func(w *world) {
		w.Handle(Handover, counting(1))
		customer := newID()
		if _, err := w.db.ExecContext(w.ctx, `INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
			VALUES (10001, ?, 'person', 'de', '', '', '', ?, ?)`, customer, w.clock(), w.clock()); err != nil {
			t.Fatal(err)
		}
		theirs, other := w.add(Order{Kind: Handover, SubjectID: newID(), CustomerID: customer}), w.add(Order{Kind: Handover, SubjectID: newID()})
		w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error { return w.CancelOfCustomer(ctx, tx, customer) }))
		if w.get(theirs).State != Cancelled || w.get(other).State != Waiting {
			t.Errorf("%+v, %+v", w.get(theirs), w.get(other))
		}
		if _, err := w.db.ExecContext(w.ctx, `DELETE FROM customer`); err != nil {
			t.Fatal(err)
		}
		if list, err := w.List(w.ctx); err != nil || len(list) != 1 || list[0].ID != other {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
