package loop

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"kontor/app/courier"
)

// lane is a queue in Redis with its own connections, so that waiting for one queue does not delay another.
type lane struct {
	queue     string // its name on pages
	key       string // its name in Redis
	scope     scope
	opts      redis.UniversalOptions
	client    redis.UniversalClient
	inspector *asynq.Inspector
	conns     conns
	reach     *reach
	// lookedAt is when Redis was last asked for its maxmemory-policy, in Unix nanoseconds.
	lookedAt atomic.Int64
}

const (
	// checkTime limits a check and a request of a page: the readiness check runs often and must not pile up.
	checkTime = 2 * time.Second
	// commandTime limits a command, including all retries of the client library.
	commandTime = 3 * time.Second
	// slotsEvery is how often the slot map of a Cluster is read again. This is how a fail-over is noticed. The default of
	// the client library is a minute.
	slotsEvery = 2 * time.Second
	// policyEvery is how often Redis is asked for its maxmemory-policy.
	policyEvery = 10 * time.Second
)

func newLane(queue, installation string, opts redis.UniversalOptions, r *reach) *lane {
	l := &lane{queue: queue, opts: opts, reach: r}
	l.key = keyOf(installation, l.queue)
	l.scope = scopeOf(l.key)
	l.client = l.connect(2*time.Second, 1)
	l.inspector = asynq.NewInspectorFromRedisClient(l.client)
	return l
}

// connect makes a client of a Cluster, of a master that Sentinels name, or of one server. It waits for each answer for
// the time answer. If none comes, it retries again times (-1: never).
func (l *lane) connect(answer time.Duration, again int) redis.UniversalClient {
	client := l.dial(answer, again)
	client.AddHook(watch{l})
	return scoped{client, l.scope}
}

func (l *lane) dial(answer time.Duration, again int) redis.UniversalClient {
	opts := l.opts
	opts.DialTimeout = 2 * time.Second
	opts.ReadTimeout = answer
	opts.WriteTimeout = 2 * time.Second
	opts.MaxRetries = again
	opts.DialerRetries = 1
	opts.PoolSize = 64 // opened as needed
	opts.ContextTimeoutEnabled = true
	opts.DisableIdentity = true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if !opts.IsClusterMode {
		return redis.NewUniversalClient(&opts)
	}
	cluster := opts.Cluster()
	cluster.ClusterStateReloadInterval = slotsEvery
	cluster.DisableRoutingPolicies = true // routing policies ask any node for the list of its commands, even a dead one
	client := redis.NewClusterClient(cluster)
	client.OnNewNode(func(node *redis.Client) { node.AddHook(onNode{watch{l}}) })
	return client
}

// own is the name of a key of ours. It lies on the same node as the queue.
func (l *lane) own(name string) string { return "kontor:{" + l.key + "}:" + name }

// check finds out whether the queue can be used. It does so by a write, because the queue needs writes. The error is an
// awayError.
func (l *lane) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := l.client.Set(ctx, l.own("check"), "1", time.Minute).Err(); err != nil {
		return awayBecause(err)
	}
	l.reach.writes()
	l.lookAtPolicy(ctx)
	return nil
}

// lookAtPolicy checks from time to time whether Redis evicts keys that have not expired. If Redis does not tell, it is
// assumed to be configured well.
func (l *lane) lookAtPolicy(ctx context.Context) {
	now, last := time.Now().UnixNano(), l.lookedAt.Load()
	if now-last < int64(policyEvery) || !l.lookedAt.CompareAndSwap(last, now) {
		return
	}
	ctx = context.WithValue(ctx, curious{}, true)
	var info string
	var err error
	if cluster, ok := l.client.(scoped).UniversalClient.(*redis.ClusterClient); ok {
		var node *redis.Client
		if node, err = cluster.MasterForKey(ctx, l.own("check")); err == nil {
			info, err = node.Info(ctx, "memory").Result()
		}
	} else {
		info, err = l.client.Info(ctx, "memory").Result()
	}
	if err != nil {
		return
	}
	for line := range strings.Lines(info) {
		if policy, found := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); found {
			l.reach.evicting(policy)
		}
	}
}

// within calls Asynq's inspector, which has no time limit, and waits for as long as a page may wait.
func within[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	return inTime(ctx, checkTime, ask)
}

func inTime[T any](ctx context.Context, limit time.Duration, ask func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		v, err := ask()
		got <- answer{v, err}
	}()
	select {
	case a := <-got:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, awayError{courier.QueueSilent}
	}
}

// letGoAfter is how long a stopping loop waits for an answer of Redis.
const letGoAfter = 500 * time.Millisecond

// letGo closes the connections if Redis does not answer, and opens no new ones. Otherwise a stopping loop would wait for
// the time limit of each command in progress. Nothing is lost: the outbox knows what these commands were to report. The
// client itself stays open, because Asynq panics when its subscription ends before Asynq does.
func (l *lane) letGo() {
	ctx, cancel := context.WithTimeout(context.Background(), letGoAfter)
	defer cancel()
	if err := l.client.Get(ctx, l.own("check")).Err(); reasonOf(err) == courier.QueueSilent {
		l.conns.closeAll()
	}
}

func (l *lane) close() error {
	if err := l.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}

func newReach(log *slog.Logger, queues ...string) *reach { return &reach{queues: queues, log: log} }
