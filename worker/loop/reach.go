package loop

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor/app/courier"
)

// slowDown is the delay after a command that did not reach Redis. Without it Asynq would retry at once, in a busy loop.
const slowDown = 200 * time.Millisecond

// quietTime is how long no command may fail before an outage counts as over.
const quietTime = time.Second

// reach is the state of the connection to Redis. All queues on one Redis share one reach. In a Cluster each queue lies on
// one of the masters and has its own.
type reach struct {
	queues []string
	log    *slog.Logger
	// proved is set once Redis has taken a write. Before that, the address may belong to any server.
	proved atomic.Bool
	// away is set while the queues can't be used. outages counts the outages.
	away    atomic.Bool
	outages atomic.Int64
	// Unix nanoseconds: of the last answer of Redis, of the last failure, of the end of the last outage
	answered, failed, back atomic.Int64

	mu     sync.Mutex
	reason courier.QueueReason // of the outage
	since  time.Time           // when it began
	evicts bool
}

// answers notes that Redis has answered. This does not end an outage: a Redis that is full, or a replica, answers as
// well.
func (r *reach) answers() { r.answered.Store(time.Now().UnixNano()) }

// writes notes that Redis has taken a write. An outage ends only when no command has failed for quietTime, because the
// client library still returns the last dial's error for a while after the first answers.
func (r *reach) writes() {
	now := time.Now().UnixNano()
	r.answered.Store(now)
	r.proved.Store(true)
	if !r.away.Load() || now-r.failed.Load() < int64(quietTime) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away.CompareAndSwap(true, false) {
		r.reason, r.since = "", time.Time{}
		r.back.Store(now)
		r.log.Info("the queue answers again")
	}
}

// fails notes that a command, sent at began, failed for a reason. It logs the first failure of an outage only. So an
// outage gives two log lines for all commands together, and one more if the reason changes. If Redis has answered other
// commands since began, a missing answer is no outage.
func (r *reach) fails(began time.Time, reason courier.QueueReason, err error) {
	r.failed.Store(time.Now().UnixNano())
	if reason == courier.QueueSilent && r.answered.Load() > began.UnixNano() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	again := !r.away.CompareAndSwap(false, true)
	if !again {
		r.outages.Add(1)
		r.since = time.Now().UTC()
	}
	if r.reason == reason || again && passing(reason) {
		return
	}
	r.reason = reason
	if reason == courier.QueueSilent {
		r.log.Warn("the queue does not answer; messages wait in the outbox", "reason", reason.Words(), "error", err)
		return
	}
	r.log.Warn("the queue can't be used; messages wait in the outbox", "reason", reason.Words(), "error", err)
}

// passing says whether a reason is only a stage on the way out of an outage, which needs no log line.
func passing(r courier.QueueReason) bool {
	return r == courier.QueueSilent || r == courier.QueueLoading || r == courier.QueueOther
}

// evicting notes whether Redis is configured to evict keys, and logs when this changes.
func (r *reach) evicting(policy string) {
	evicts := policy != "noeviction"
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.evicts == evicts {
		return
	}
	r.evicts = evicts
	if evicts {
		r.log.Warn("Redis may throw messages away, which are then late: set maxmemory-policy to noeviction", "policy", policy)
		return
	}
	r.log.Info("Redis throws no messages away any more", "policy", policy)
}

// state is what is wrong, "" if everything works.
func (r *reach) state() courier.QueueReason {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason == "" && r.evicts {
		return courier.QueueEvicts
	}
	return r.reason
}

// began is the time when the outage began, the zero time when there is none.
func (r *reach) began() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since
}

// warning is a reason that does not stop messages, "" if there is none.
func (r *reach) warning() courier.QueueReason {
	if s := r.state(); !s.Stops() {
		return s
	}
	return ""
}

// disturbed says whether errors are to be expected: Redis is away, or came back less than ten seconds ago, or has not
// taken a write yet.
func (r *reach) disturbed() bool {
	return !r.proved.Load() || r.away.Load() || time.Since(time.Unix(0, r.back.Load())) < 10*time.Second
}

// watch is a hook of the client library. It applies the queue's scope to every command, limits the command's time, and
// notes its outcome.
type watch struct{ lane *lane }

// DialHook stores the connection in conns. The error of a failed dial is noted with the command that needed the
// connection.
func (w watch) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if w.lane.conns.ended() {
			return nil, net.ErrClosed
		}
		conn, err := next(ctx, network, addr)
		if errors.Is(err, redis.Nil) {
			return nil, errNoMaster
		}
		if err != nil {
			return nil, err
		}
		return w.lane.conns.add(conn)
	}
}

// ProcessHook notes the outcome of a command.
func (w watch) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		w.lane.scope.command(cmd)
		return w.bounded(ctx, func(ctx context.Context) error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook notes the outcome of a pipeline.
func (w watch) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			w.lane.scope.command(cmd)
		}
		return w.bounded(ctx, func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

// curious marks the context of a command for which a user of Redis may lack the permission. Its outcome says nothing
// about the queue.
type curious struct{}

// bounded limits the time of a command. Asynq sets no limit, and the client library would try a frozen node of a Cluster
// several times.
func (w watch) bounded(ctx context.Context, do func(ctx context.Context) error) error {
	began := time.Now()
	short, cancel := context.WithTimeout(ctx, commandTime)
	err := do(short)
	cancel()
	if ctx.Value(curious{}) == nil {
		w.note(ctx, began, err)
	}
	return err
}

func (w watch) note(ctx context.Context, began time.Time, err error) {
	reason := reasonOf(err)
	switch {
	case errors.Is(err, context.Canceled):
		return // the caller gave up; this says nothing about Redis
	case reason == "":
		w.lane.reach.answers()
		return
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, redis.ErrClosed):
		return // the caller gave up, or the program ends
	}
	w.lane.reach.fails(began, reason, err)
	select {
	case <-ctx.Done():
	case <-time.After(slowDown):
	}
}

// onNode is the hook of the nodes of a Cluster. It handles dialling only; the Cluster client's hook does the rest.
type onNode struct{ watch }

// ProcessHook adds nothing.
func (onNode) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook adds nothing.
func (onNode) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// group joins the troubles of queues with the same reach or the same reason.
func group(reaches []*reach) (all []courier.QueueTrouble) {
	var seen []*reach
	for _, r := range reaches {
		reason := r.state()
		if reason == "" || slices.Contains(seen, r) {
			continue
		}
		seen = append(seen, r)
		i := slices.IndexFunc(all, func(t courier.QueueTrouble) bool { return t.Reason == reason })
		if i < 0 {
			all = append(all, courier.QueueTrouble{Reason: reason, Queues: slices.Clone(r.queues), Since: r.began()})
			continue
		}
		if began := r.began(); began.Before(all[i].Since) {
			all[i].Since = began
		}
		all[i].Queues = append(all[i].Queues, r.queues...)
	}
	return all
}
