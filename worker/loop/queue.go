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

// Queue is the connection to Redis, or to the server inside the process that stands in for it. All parts of the
// program share one.
type Queue struct {
	lanes    []*lane
	embedded *inProcess // nil with a real Redis

	every time.Duration                          // how often Follow asks; tests shorten it
	known atomic.Pointer[[]courier.QueueTrouble] // what it found last
}

// queues are in the order in which pages show them.
var queues = []string{queueMail, queueSMS, queueJobs}

// quietRedis silences the client library's own lines on standard error, once per process, since its setting is one
// per process: reach says when Redis is away and when it is back.
var quietRedis = sync.OnceFunc(logging.Disable)

// Open connects to redisURL (see CheckRedisURL), or starts the in-process server when it is empty. installation tells the
// queues from those of others on the same Redis: letters and digits. It succeeds while Redis is away, as the portal works
// without it: Troubles tells. It fails for a malformed address, and when the in-process server cannot listen.
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

// Troubles asks Redis whether it takes writes for each queue, for at most two seconds, and says what is wrong.
func (q *Queue) Troubles(ctx context.Context) []courier.QueueTrouble {
	reaches := make([]*reach, len(q.lanes))
	eachLane(q.lanes, func(i int, l *lane) {
		reaches[i] = l.reach
		_, err := within(ctx, func() (struct{}, error) { return struct{}{}, l.check(ctx) })
		if err != nil && l.reach.state() == "" { // it did not get as far as to a command
			reaches[i] = &reach{queues: l.reach.queues, reason: awayBecause(err).reason, since: time.Now().UTC()}
		}
	})
	return group(reaches)
}

// followEvery is how often Follow asks.
const followEvery = 5 * time.Second

// Follow asks for Troubles every few seconds until ctx ends, so that Known knows.
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

// Known are the Troubles of a few seconds ago; it asks nobody.
func (q *Queue) Known() []courier.QueueTrouble {
	if found := q.known.Load(); found != nil {
		return *found
	}
	return nil
}

// eachLane does something for several lanes at once.
func eachLane(lanes []*lane, do func(i int, l *lane)) {
	var wg sync.WaitGroup
	for i, l := range lanes {
		wg.Go(func() { do(i, l) })
	}
	wg.Wait()
}

// shown are the lanes whose tasks pages show: those of messages. A job's task says no more than the job's row.
func (q *Queue) shown() []*lane {
	return slices.DeleteFunc(slices.Clone(q.lanes), func(l *lane) bool { return l.queue == queueJobs })
}

// lane is the one of a queue by its name on pages, nil if there is none.
func (q *Queue) lane(queue string) *lane {
	for _, l := range q.shown() {
		if l.queue == queue {
			return l
		}
	}
	return nil
}

// Close ends the connections and the in-process server. A Loop that uses the queue must have returned before.
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
