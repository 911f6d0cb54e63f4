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

// slowDown is how long a command that did not reach Redis is held back. Asynq asks again at once, and would spin.
const slowDown = 200 * time.Millisecond

// calm is how long nothing must have failed before an outage is over.
const calm = time.Second

// reach is whether queues can be used. All queues on one Redis share one; in a Cluster each queue, which lies on one of its
// masters, has its own.
type reach struct {
	queues []string
	log    *slog.Logger
	// proved is set once Redis has taken a write: until then it may be anything.
	proved atomic.Bool
	// away is set while the queues can't be used; outages counts how often that began.
	away    atomic.Bool
	outages atomic.Int64
	// Unix nanoseconds: when Redis last answered, when it last did not, when the last outage ended
	answered, failed, back atomic.Int64

	mu     sync.Mutex
	reason courier.QueueReason // of the outage
	since  time.Time           // when it began
	evicts bool
}

// answers notes that Redis answered. That does not end an outage: one that is full, or a replica, answers too.
func (r *reach) answers() { r.answered.Store(time.Now().UnixNano()) }

// writes notes that Redis took a write. An outage is over when nothing has failed for a moment: the client library goes
// on giving out the last dial's error for a while after the first answers came.
func (r *reach) writes() {
	now := time.Now().UnixNano()
	r.answered.Store(now)
	r.proved.Store(true)
	if !r.away.Load() || now-r.failed.Load() < int64(calm) {
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

// fails notes that a command which was sent at began failed for a reason, and logs the first of an outage, so that an
// outage is two lines whoever meets it, and one more when the reason turns out to be another. A command that was on its way
// while Redis answered others is no outage.
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

// passing says whether a reason during an outage is a stage on its way to the end, and not worth a line.
func passing(r courier.QueueReason) bool {
	return r == courier.QueueSilent || r == courier.QueueLoading || r == courier.QueueOther
}

// evicting notes whether Redis is set up to throw keys away, and logs when that changes.
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

// state is what is wrong, "" if nothing is.
func (r *reach) state() courier.QueueReason {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason == "" && r.evicts {
		return courier.QueueEvicts
	}
	return r.reason
}

// began is when the outage began, the zero time when there is none.
func (r *reach) began() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since
}

// warning is what is wrong although messages go out.
func (r *reach) warning() courier.QueueReason {
	if s := r.state(); !s.Stops() {
		return s
	}
	return ""
}

// disturbed says whether errors are to be expected: Redis is away, or was until a moment ago, or has not been seen at work.
func (r *reach) disturbed() bool {
	return !r.proved.Load() || r.away.Load() || time.Since(time.Unix(0, r.back.Load())) < 10*time.Second
}

// watch is a hook of the client library: it puts every command into the queue's scope, bounds it in time, and sees what
// became of it.
type watch struct{ lane *lane }

// DialHook remembers the connection. Errors of dialling come out of the command that needed it.
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

// curious marks the context of a command that not every user may give, and whose outcome says nothing.
type curious struct{}

// bounded gives a command its time limit: Asynq gives none, and the client library would try a frozen node of a Cluster
// several times over.
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
		return // the caller gave up: says nothing about Redis
	case reason == "":
		w.lane.reach.answers()
		return
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, redis.ErrClosed):
		return // the same, or the program ends
	}
	w.lane.reach.fails(began, reason, err)
	select {
	case <-ctx.Done():
	case <-time.After(slowDown):
	}
}

// onNode is the hook for the nodes of a Cluster: dialling is theirs, and all else the Cluster client's.
type onNode struct{ watch }

// ProcessHook adds nothing.
func (onNode) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook adds nothing.
func (onNode) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// group joins the troubles of queues that share a reach or a reason.
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
