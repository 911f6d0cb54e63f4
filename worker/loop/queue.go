package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"kontor/app/fault"
)

// Queue is the connection to Redis, or to the server inside the process that stands in for it. All parts of the
// program share one.
type Queue struct {
	client    redis.UniversalClient
	inspector *asynq.Inspector
	embedded  *inProcess // nil with a real Redis
	conns     conns
	log       *slog.Logger
	// away is set while Redis does not answer; outages counts how often that began.
	away    atomic.Bool
	outages atomic.Int64
	// Unix nanoseconds: when Redis last answered, when it last did not, when the last outage ended
	answered, failed, back atomic.Int64
}

// pingTimeout bounds Ping: readiness asks often and must not pile up.
const pingTimeout = 2 * time.Second

// slowDown is how long a command that did not reach Redis is held back. Asynq asks again at once, and would spin.
const slowDown = 200 * time.Millisecond

// calm is how long nothing must have failed before an outage is over.
const calm = time.Second

// quietRedis silences the client library's own lines on standard error, once per process, since its setting is one
// per process: Queue says when Redis is away and when it is back.
var quietRedis = sync.OnceFunc(logging.Disable)

// Open connects to redisURL (see CheckRedisURL), or starts the in-process server when it is empty. It succeeds while
// Redis is away, as the portal works without it: Ping tells. It fails for a malformed address, and when the
// in-process server cannot listen.
func Open(_ context.Context, redisURL string, log *slog.Logger) (*Queue, error) {
	quietRedis()
	q := &Queue{log: log}
	var opts *redis.UniversalOptions
	var err error
	if redisURL == "" {
		q.embedded, opts, err = startInProcess()
	} else {
		opts, err = parseRedisURL(redisURL)
	}
	if err != nil {
		return nil, err
	}
	opts.DialTimeout = 2 * time.Second
	opts.ReadTimeout = 3 * time.Second
	opts.WriteTimeout = 3 * time.Second
	opts.MaxRetries = 1
	opts.DialerRetries = 1
	opts.PoolSize = 64 // opened as needed
	opts.ContextTimeoutEnabled = true
	opts.DisableIdentity = true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	q.client = redis.NewUniversalClient(opts)
	q.client.AddHook(watch{q})
	q.inspector = asynq.NewInspectorFromRedisClient(q.client)
	return q, nil
}

// Embedded says whether the queue is the in-process one.
func (q *Queue) Embedded() bool { return q.embedded != nil }

// Ping asks Redis for a sign of life, for at most two seconds. The error is fault.Unavailable "queue.away".
func (q *Queue) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := q.client.Ping(ctx).Err(); err != nil {
		return errAway
	}
	return nil
}

// Close ends the connections and the in-process server. A Loop that uses the queue must have returned before.
func (q *Queue) Close() error {
	err := q.client.Close()
	if q.embedded != nil {
		q.embedded.close()
	}
	if err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close the queue: %w", err)
	}
	return nil
}

// letGoAfter is how long a loop that stops waits for a sign of life of Redis.
const letGoAfter = 500 * time.Millisecond

// letGo closes the connections to a Redis that does not answer. A loop that stops would wait for the time limit of each
// command on its way; what they were to tell Redis the outbox knows.
func (q *Queue) letGo() {
	ctx, cancel := context.WithTimeout(context.Background(), letGoAfter)
	defer cancel()
	if q.client.Ping(ctx).Err() != nil {
		_ = q.client.Close()
		q.conns.closeAll()
	}
}

var errAway = fault.New(fault.Unavailable, "queue.away")

// answers notes that Redis answered. An outage is over when nothing has failed for a moment: the client library goes on
// giving out the last dial's error for a while after the first answers came.
func (q *Queue) answers() {
	now := time.Now().UnixNano()
	q.answered.Store(now)
	if !q.away.Load() || now-q.failed.Load() < int64(calm) || !q.away.CompareAndSwap(true, false) {
		return
	}
	q.back.Store(now)
	q.log.Info("the queue answers again")
}

// fails notes that a command which was sent at began did not reach Redis, and logs the first of an outage, so that an
// outage is two lines whoever meets it. A command that was on its way while Redis answered others is no outage.
func (q *Queue) fails(began time.Time, err error) {
	q.failed.Store(time.Now().UnixNano())
	if q.answered.Load() > began.UnixNano() || !q.away.CompareAndSwap(false, true) {
		return
	}
	q.outages.Add(1)
	q.log.Warn("the queue does not answer; messages wait in the outbox", "error", err)
}

// disturbed says whether errors are to be expected: Redis is away, or was until a moment ago.
func (q *Queue) disturbed() bool {
	return q.away.Load() || time.Since(time.Unix(0, q.back.Load())) < 10*time.Second
}

// watch is a hook of the client library: it sees every command and what became of it.
type watch struct{ q *Queue }

// DialHook remembers the connection. Errors of dialling come out of the command that needed it.
func (w watch) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return w.q.conns.add(conn)
	}
}

// ProcessHook notes the outcome of a command.
func (w watch) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmd)
		w.note(ctx, began, err)
		return err
	}
}

// ProcessPipelineHook notes the outcome of a pipeline.
func (w watch) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmds)
		w.note(ctx, began, err)
		return err
	}
}

func (w watch) note(ctx context.Context, began time.Time, err error) {
	switch {
	case errors.Is(err, context.Canceled):
		return // the caller gave up: says nothing about Redis
	case !unreachable(err):
		w.q.answers()
		return
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, redis.ErrClosed):
		return // the same, or the program ends
	}
	w.q.fails(began, err)
	select {
	case <-ctx.Done():
	case <-time.After(slowDown):
	}
}

// unreachable tells a Redis that cannot serve from one that answered, were it with an error.
func unreachable(err error) bool {
	if err == nil || errors.Is(err, redis.Nil) {
		return false
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return true
	}
	for _, state := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "OOM", "MISCONF", "NOAUTH", "WRONGPASS"} {
		if strings.HasPrefix(reply.Error(), state) {
			return true
		}
	}
	return false
}
