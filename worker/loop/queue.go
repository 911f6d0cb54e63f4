package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"kontor/app/courier"
)

// Queue is the connection to Redis, or to the in-process server that replaces Redis. All parts of the program share one
// Queue.
type Queue struct {
	lanes    []*lane
	embedded *inProcess // nil with a real Redis

	every time.Duration                          // interval of Follow; tests shorten it
	known atomic.Pointer[[]courier.QueueTrouble] // the last result of Follow
}

// queues are the queues in the order of the pages.
var queues = []string{queueMail, queueSMS, queueJobs}

// quietRedis turns off the client library's own log lines on standard error. The library has one setting per process, so
// this happens once. Instead, reach logs when Redis is away and when it is back.
var quietRedis = sync.OnceFunc(logging.Disable)

// Open connects to redisURL (see CheckRedisURL), or starts the in-process server when redisURL is empty. installation
// (letters and digits) separates the queues from those of other installations on the same Redis. Open succeeds while
// Redis is away, because the portal works without it; see Troubles. It fails for a malformed address, and when the
// in-process server cannot listen.
func Open(_ context.Context, redisURL, installation string, log *slog.Logger) (*Queue, error) {
	quietRedis()
	q := &Queue{every: followEvery}
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
	all := newReach(log, queueMail, queueSMS)
	for _, queue := range queues {
		r := all
		if opts.IsClusterMode {
			r = newReach(log.With("queue", queue), queue)
		}
		q.lanes = append(q.lanes, newLane(queue, installation, *opts, r))
	}
	return q, nil
}

// Embedded says whether the queue is the in-process one.
func (q *Queue) Embedded() bool { return q.embedded != nil }

// Troubles asks Redis for each queue whether it takes writes, for at most two seconds, and returns what is wrong.
func (q *Queue) Troubles(ctx context.Context) []courier.QueueTrouble {
	reaches := make([]*reach, len(q.lanes))
	eachLane(q.lanes, func(i int, l *lane) {
		reaches[i] = l.reach
		_, err := within(ctx, func() (struct{}, error) { return struct{}{}, l.check(ctx) })
		if err != nil && l.reach.state() == "" { // the check failed before it sent a command
			reaches[i] = &reach{queues: l.reach.queues, reason: awayBecause(err).reason, since: time.Now().UTC()}
		}
	})
	return group(reaches)
}

// followEvery is the interval of Follow.
const followEvery = 5 * time.Second

// Follow calls Troubles every few seconds until ctx ends, and stores the result for Known.
func (q *Queue) Follow(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if found := q.Troubles(ctx); ctx.Err() == nil {
			q.known.Store(&found)
		}
		timer.Reset(q.every)
	}
}

// Known returns the last result of Follow, a few seconds old. It does not ask Redis.
func (q *Queue) Known() []courier.QueueTrouble {
	if found := q.known.Load(); found != nil {
		return *found
	}
	return nil
}

// eachLane runs do for several lanes at the same time.
func eachLane(lanes []*lane, do func(i int, l *lane)) {
	var wg sync.WaitGroup
	for i, l := range lanes {
		wg.Go(func() { do(i, l) })
	}
	wg.Wait()
}

// shown are the lanes whose tasks pages show: those of messages. A job's task says no more than the job's row in the
// database.
func (q *Queue) shown() []*lane {
	return slices.DeleteFunc(slices.Clone(q.lanes), func(l *lane) bool { return l.queue == queueJobs })
}

// lane returns the lane of a queue by its name on pages, nil if there is none.
func (q *Queue) lane(queue string) *lane {
	for _, l := range q.shown() {
		if l.queue == queue {
			return l
		}
	}
	return nil
}

// Close closes the connections and the in-process server. A Loop that uses the queue must have returned before.
func (q *Queue) Close() error {
	var errs []error
	for _, l := range q.lanes {
		errs = append(errs, l.close())
	}
	if q.embedded != nil {
		q.embedded.close()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the queue: %w", err)
	}
	return nil
}
