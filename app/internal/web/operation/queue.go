package operation

import (
	"context"

	"kontor/app/courier"
)

// Queue is what the pages need from the task queue.
type Queue interface {
	// Troubles returns what keeps the queues from being used.
	Troubles(ctx context.Context) []courier.QueueTrouble
	// Overview counts the tasks of each queue by state. For a queue that can't be asked it gives the reason.
	Overview(ctx context.Context) ([]courier.QueueInfo, error)
	// Tasks lists a page (from 1) of the tasks of a queue in a state.
	Tasks(ctx context.Context, queue string, state courier.TaskState, page int) ([]courier.TaskInfo, error)
	// RunNow runs a waiting task at once. Delete removes a task from the queue.
	RunNow(ctx context.Context, queue, id string) error
	Delete(ctx context.Context, queue, id string) error
	// RunAll runs all waiting tasks of a queue at once and returns their number.
	RunAll(ctx context.Context, queue string) (int, error)
}
