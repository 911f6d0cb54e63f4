package loop

import (
	"context"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"kontor/app/fault"
)

// runAllTime bounds RunAll: the queue may have to move tasks by the ten thousand.
const runAllTime = 10 * time.Second

// RunAll makes all tasks of a queue that wait for a later time, or were given up, run as soon as workers are free, and says
// how many they are. Each kind is moved in one step. fault.NotFound "queue.unknown"; fault.Unavailable "queue.away" when
// the queue can't be asked, or was not done in ten seconds: it goes on then, and pressing again does no harm.
func (q *Queue) RunAll(ctx context.Context, queue string) (n int, err error) {
	l := q.lane(queue)
	if l == nil {
		return 0, errQueueUnknown
	}
	if err := l.check(ctx); err != nil {
		return 0, err
	}
	// Asked a second time, because the answer takes long, Redis would say that there was nothing to move.
	client := l.connect(runAllTime, -1)
	defer client.Close()
	inspector := asynq.NewInspectorFromRedisClient(client)
	for _, run := range []func(string) (int, error){inspector.RunAllRetryTasks, inspector.RunAllScheduledTasks, inspector.RunAllArchivedTasks} {
		moved, err := inTime(ctx, runAllTime, func() (int, error) {
			names, err := inspector.Queues()
			if err != nil || !slices.Contains(names, l.key) { // nothing was ever queued
				return 0, err
			}
			return run(l.key)
		})
		switch {
		case fault.CodeOf(err) == fault.Unavailable:
			return n, err
		case err != nil:
			return n, l.explain(ctx, err)
		}
		n += moved
	}
	return n, nil
}
