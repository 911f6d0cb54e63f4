package operation

import (
	"context"

	"kontor/app/courier"
)

// Queue is what the pages need of the task queue.
type Queue interface {
	// Troubles says what keeps the queues from being used.
	Troubles(ctx context.Context) []courier.QueueTrouble
	// Overview says how many tasks wait where, and of a queue that can't be asked why.
	Overview(ctx context.Context) ([]courier.QueueInfo, error)
	// Tasks lists a page (from 1) of the tasks of a queue in a state.
	Tasks(ctx context.Context, queue string, state courier.TaskState, page int) ([]courier.TaskInfo, error)
	// RunNow has a waiting task done at once; Delete takes it out of the queue.
	RunNow(ctx context.Context, queue, id string) error
	Delete(ctx context.Context, queue, id string) error
	// RunAll has all waiting tasks of a queue done at once, and says how many.
	RunAll(ctx context.Context, queue string) (int, error)
}
