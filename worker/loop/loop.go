// Package loop is the worker. It relays messages and jobs from the database to Asynq, runs Asynq's tasks, and runs the
// periodic work. The web process runs it, too, when there is no separate worker. It is the only package that uses Asynq.
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

// Outbox is where the messages come from. *courier.Service implements it.
type Outbox interface {
	// Claim leases up to limit due messages of the channels for lease, oldest first.
	Claim(ctx context.Context, limit int, lease time.Duration, channels ...courier.Channel) ([]courier.Ticket, error)
	// Enqueued notes that the queue has these messages, which were claimed until then. The relay offers them again only
	// after d, unless something has happened to them since the claim.
	Enqueued(ctx context.Context, ids []uuid.UUID, claimed time.Time, d time.Duration) error
	// QueueLost makes every unsettled message of the channels due now.
	QueueLost(ctx context.Context, channels ...courier.Channel) error
	// Nudges announces new messages.
	Nudges() <-chan struct{}
}

// Jobs is where the jobs come from, and runs them. *job.Service implements it.
type Jobs interface {
	// Claim leases up to limit due jobs for lease, oldest first.
	Claim(ctx context.Context, limit int, lease time.Duration) ([]job.Ticket, error)
	// Enqueued notes that the queue has these jobs, as that of an Outbox does.
	Enqueued(ctx context.Context, ids []uuid.UUID, claimed time.Time, d time.Duration) error
	// QueueLost makes every open job due now.
	QueueLost(ctx context.Context) error
	// Nudges announces new jobs.
	Nudges() <-chan struct{}
	// Run works on a job until the job is over, has to wait, or stop is closed. It must hold its own lease on the job
	// meanwhile, as a Deliverer must on a message.
	Run(ctx context.Context, id uuid.UUID, stop <-chan struct{}) (job.Outcome, error)
}

// Deliverer makes one attempt to deliver a message. *courier.Service implements it. It must hold its own lease on the
// message meanwhile: the queue may run two tasks for one message at the same time after a worker was cut off from Redis.
type Deliverer interface {
	Deliver(ctx context.Context, t courier.Ticket) (courier.Verdict, error)
}

// Periodic is work that each process repeats: first when the loop starts, then Every after the last run has ended. Work
// that must not run in two processes at once must ensure this itself.
type Periodic struct {
	Name  string
	Every time.Duration
	Run   func(ctx context.Context) error
}

// Options are what New needs.
type Options struct {
	Outbox    Outbox
	Deliverer Deliverer
	Jobs      Jobs // nil: none
	Periodic  []Periodic
	Log       *slog.Logger // nil: no log
	//exhaustruct:optional
	Concurrency int              // number of concurrent attempts in each channel; 0 is 32
	Now         func() time.Time // measures how long a task has been queued, or without a worker; nil is time.Now
}

// Loop is the worker. New makes one.
type Loop struct {
	queue *Queue
	opts  Options
	// how long a stopping loop waits for attempts in progress
	shutdownTimeout time.Duration
	sweepEvery      time.Duration
	// how long one job is worked on before other waiting jobs get their turn
	turn   time.Duration
	rescue rescuePace
}

const (
	defaultConcurrency = 32
	// jobsAtOnce is how many jobs a worker runs at the same time. It is low because each of them writes all the time.
	jobsAtOnce  = 4
	defaultTurn = time.Minute
	// shutdownTimeout is how long a process may take after SIGTERM to finish its work. Attempts that take longer go back
	// to the queue.
	shutdownTimeout = 30 * time.Second
	// taskCheck is how long an idle server sleeps, give or take half of it, before it asks Redis for work. A person who
	// waits for a code may notice this delay.
	taskCheck = 200 * time.Millisecond
)

// New makes a loop. It does not connect to Redis yet.
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

// Run works until ctx ends. Then it takes no more work, waits up to 30 s for the work in progress, and returns nil. It
// starts and continues while Redis or the database is away. If Redis does not answer at the end, Run does not wait for
// it, and the queue can't be used after that. An error means that Run could not start.
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

// lanes are the lanes from which this worker takes tasks.
func (l *Loop) lanes() []*lane {
	if l.opts.Jobs == nil {
		return l.queue.shown()
	}
	return l.queue.lanes
}

// servers makes the Asynq servers. Each server has one queue: while a server waits for a dead node of a Cluster, all its
// queues wait. With Redis each queue has two servers, because a server fetches its tasks one after another. The second
// one gives a tenth more tasks on two busy cores, and more on machines with more cores. The in-process queue answers more
// slowly than one server asks, and a second server would cost it a fifth. (BenchmarkEmptyHandler)
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

// shutdown stops all servers at the same time, so that their time limits do not add up.
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
		if err := once(ctx, p); err != nil && !errors.Is(err, context.Canceled) && store.Outage(err) == nil { // the store logs outages, once
			l.opts.Log.Error("periodic work failed and will run again", "work", p.Name, "error", err)
		}
		timer.Reset(p.Every)
	}
}

// once runs the work one time. It turns a panic into an error, because later runs may succeed.
func once(ctx context.Context, p Periodic) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return p.Run(ctx)
}
