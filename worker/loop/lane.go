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

// lane is a queue in Redis, with connections of its own: nothing that one waits for holds up another.
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
	// checkTime bounds a check, and a question of a page: readiness asks often and must not pile up.
	checkTime = 2 * time.Second
	// commandTime bounds a command with all that the client library tries on its behalf.
	commandTime = 3 * time.Second
	// slotsEvery is how often the map of a Cluster is read again, which is how a fail-over is noticed. The client library's
	// own choice is a minute.
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

// connect makes a client: of a Cluster, of a master that Sentinels name, or of one server. It waits for an answer for a
// time, and asks again so often (-1: never) if none comes.
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
	cluster.DisableRoutingPolicies = true // they ask any node for the list of its commands, were it a dead one
	client := redis.NewClusterClient(cluster)
	client.OnNewNode(func(node *redis.Client) { node.AddHook(onNode{watch{l}}) })
	return client
}

// own is a key of ours on the node that has the queue.
func (l *lane) own(name string) string { return "kontor:{" + l.key + "}:" + name }

// check finds out whether the queue can be used, by a write, which is what it lives on. The error is an awayError.
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

// lookAtPolicy finds out every now and then whether Redis throws away keys that have not expired. A Redis that does not
// say is taken to be set up well.
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

// within asks Asynq's inspector, which knows no time limit, for as long as a page may wait.
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

// letGoAfter is how long a loop that stops waits for a sign of life of Redis.
const letGoAfter = 500 * time.Millisecond

// letGo closes the connections to a Redis that does not answer, and opens no others. A loop that stops would wait for the
// time limit of each command on its way; what they were to tell Redis the outbox knows. The client itself stays open: Asynq
// panics when its subscription ends before it does.
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
