package loop

import (
	"context"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"kontor/app/fault"
)

// runAllTime limits RunAll. The queue may have to move tens of thousands of tasks.
const runAllTime = 10 * time.Second

// RunAll makes all tasks of a queue that wait for a later time, or were given up, run as soon as workers are free. It
// returns their number. Each state is moved in one step. Errors: fault.NotFound "queue.unknown"; fault.Unavailable
// "queue.away" when the queue can't be asked, or needs more than ten seconds. In that case it continues, and pressing the
// button again does no harm.
func (q *Queue) RunAll(ctx context.Context, queue string) (n int, err error) {
	l := q.lane(queue)
	if l == nil {
		return 0, errQueueUnknown
	}
	if err := l.check(ctx); err != nil {
		return 0, err
	}
	// No retries: if Redis answers late and is asked again, it would say that there was nothing to move.
	client := l.connect(runAllTime, -1)
	defer client.Close()
	inspector := asynq.NewInspectorFromRedisClient(client)
	for _, run := range []func(string) (int, error){inspector.RunAllRetryTasks, inspector.RunAllScheduledTasks, inspector.RunAllArchivedTasks} {
		moved, err := inTime(ctx, runAllTime, func() (int, error) {
			names, err := inspector.Queues()
			if err != nil || !slices.Contains(names, l.key) { // no task has been queued yet
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
