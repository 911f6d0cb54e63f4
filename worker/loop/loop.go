// Package loop is the worker: it relays messages and jobs from the database to Asynq, runs Asynq's tasks, and what is to be
// done every so often. The web process runs it too when there is no separate worker. It is the only package that knows
// Asynq.
package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"

	"kontor/app/courier"
	"kontor/app/job"
	"kontor/app/store"
)

// Outbox is where messages come from; *courier.Service is one.
type Outbox interface {
	// Claim leases up to limit due messages of the channels for lease, oldest first.
	Claim(ctx context.Context, limit int, lease time.Duration, channels ...courier.Channel) ([]courier.Ticket, error)
	// Enqueued notes that the queue has these messages: they are due for the relay again only after d.
	Enqueued(ctx context.Context, ids []uuid.UUID, d time.Duration) error
	// QueueLost makes every unsettled message of the channels due now.
	QueueLost(ctx context.Context, channels ...courier.Channel) error
	// Nudges announces new messages.
	Nudges() <-chan struct{}
}

// Jobs is where jobs come from, and what takes them further; *job.Service is one.
type Jobs interface {
	// Claim leases up to limit due jobs for lease, oldest first.
	Claim(ctx context.Context, limit int, lease time.Duration) ([]job.Ticket, error)
	// Enqueued notes that the queue has these jobs: they are due for the relay again only after d.
	Enqueued(ctx context.Context, ids []uuid.UUID, d time.Duration) error
	// QueueLost makes every open job due now.
	QueueLost(ctx context.Context) error
	// Nudges announces new jobs.
	Nudges() <-chan struct{}
	// Run works on a job until it is over, has to wait, or stop is closed. It must hold a lease of its own on the job while it
	// does, as a Deliverer must.
	Run(ctx context.Context, id uuid.UUID, stop <-chan struct{}) (job.Outcome, error)
}

// Deliverer makes one attempt at a message; *courier.Service is one. It must hold a lease of its own on the message
// while it does: the queue may well run two tasks for one message at a time, after a worker was cut off from Redis.
type Deliverer interface {
	Deliver(ctx context.Context, t courier.Ticket) (courier.Verdict, error)
}

// Periodic is something to be done every so often, in each process: first when the loop starts, then Every after it was
// done. What must not run in two processes at once sees to that itself.
type Periodic struct {
	Name  string
	Every time.Duration
	Run   func(ctx context.Context) error
}

// Options are what New needs.
type Options struct {
	Outbox      Outbox
	Deliverer   Deliverer
	Jobs        Jobs // nil: none
	Periodic    []Periodic
	Log         *slog.Logger     // nil is none
	Concurrency int              // attempts at once in each channel; 0 is 32
	Now         func() time.Time // measures how long a task has been without a worker; nil is time.Now
}

// Loop is the worker. Make it with New.
type Loop struct {
	queue *Queue
	opts  Options
	// how long a stopping loop waits for attempts that run
	shutdownTimeout time.Duration
	sweepEvery      time.Duration
	// how long one job is worked on before others that wait have their turn
	turn   time.Duration
	rescue rescuePace
}

const (
	defaultConcurrency = 32
	// jobsAtOnce is how many jobs a worker has at a time: each writes all the while.
	jobsAtOnce  = 4
	defaultTurn = time.Minute
	// shutdownTimeout is what a process gets between SIGTERM and the end of what it was doing; attempts that are not
	// done by then go back to the queue.
	shutdownTimeout = 30 * time.Second
	// taskCheck is how long an idle server sleeps before it asks Redis for work, half more or less: the delay that a
	// person waiting for a code may notice.
	taskCheck = 200 * time.Millisecond
)

// New makes a loop. It does not talk to Redis yet.
func New(queue *Queue, opts Options) *Loop {
	if opts.Concurrency <= 0 {
		opts.Concurrency = defaultConcurrency
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Loop{queue: queue, opts: opts, shutdownTimeout: shutdownTimeout, sweepEvery: sweepEvery, turn: defaultTurn, rescue: defaultRescuePace}
}

// Run works until ctx is done; then it takes no more work, waits up to 30 s for what is running, and returns nil. It
// starts and goes on while Redis or the database is away; a Redis that does not answer when it ends is not waited for, and
// the queue is of no use after that. An error means that it could not start.
func (l *Loop) Run(ctx context.Context) error {
	servers, handlers := l.servers(), l.handlers(ctx)
	for i, s := range servers {
		if err := s.Start(handlers); err != nil {
			shutdown(servers[:i])
			return fmt.Errorf("start the worker: %w", err)
		}
	}
	var own sync.WaitGroup
	own.Go(func() { l.runRelays(ctx) })
	for _, lane := range l.lanes() {
		own.Go(func() { newRescue(lane, l.opts.Log, l.rescue).run(ctx, l.opts.Now) })
	}
	for _, p := range l.opts.Periodic {
		own.Go(func() { l.repeat(ctx, p) })
	}
	<-ctx.Done()
	eachLane(l.lanes(), func(_ int, lane *lane) { lane.letGo() })
	shutdown(servers)
	own.Wait()
	return nil
}

// lanes are those from which this worker takes tasks.
func (l *Loop) lanes() []*lane {
	if l.opts.Jobs == nil {
		return l.queue.shown()
	}
	return l.queue.lanes
}

// servers makes the Asynq servers. Each has one queue: a server waits for whatever node of a Cluster has died, and with it
// all its queues would. With Redis there are two for a queue, since a server fetches its tasks one after another: a tenth
// more tasks on two busy cores, more where there are more. The in-process queue answers slower than one server asks,
// and a second one costs it a fifth. (BenchmarkEmptyHandler)
func (l *Loop) servers() (servers []*asynq.Server) {
	for _, lane := range l.lanes() {
		servers = append(servers, l.serversOf(lane)...)
	}
	return servers
}

func (l *Loop) serversOf(lane *lane) (servers []*asynq.Server) {
	n, concurrency := 2, l.opts.Concurrency
	if lane.queue == queueJobs {
		concurrency = jobsAtOnce
	}
	if l.queue.Embedded() || concurrency < 2 || lane.queue == queueJobs {
		n = 1
	}
	for i := range n {
		servers = append(servers, asynq.NewServerFromRedisClient(lane.client, asynq.Config{
			Concurrency:              (concurrency + i) / n,
			Queues:                   map[string]int{lane.key: 1},
			RetryDelayFunc:           retryDelay,
			IsFailure:                isFailure,
			TaskCheckInterval:        taskCheck,
			DelayedTaskCheckInterval: time.Second,
			ShutdownTimeout:          l.shutdownTimeout,
			Logger:                   asynqLog{lane.reach, l.opts.Log},
			LogLevel:                 asynq.InfoLevel,
		}))
	}
	return servers
}

// shutdown stops all servers at once, so that the time limit counts once.
func shutdown(servers []*asynq.Server) {
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(s.Shutdown)
	}
	wg.Wait()
}

func (l *Loop) repeat(ctx context.Context, p Periodic) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if err := once(ctx, p); err != nil && !errors.Is(err, context.Canceled) && store.Outage(err) == nil { // which the store logs, once
			l.opts.Log.Error("periodic work failed and will run again", "work", p.Name, "error", err)
		}
		timer.Reset(p.Every)
	}
}

// once does it a time; a panic is an error like another, since the next time has nothing to do with it.
func once(ctx context.Context, p Periodic) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return p.Run(ctx)
}
