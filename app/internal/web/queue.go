package web

import (
	"context"

	"kontor/app/courier"
)

// Queue is what the pages need of the task queue.
type Queue interface {
	// Ping says whether the queue answers.
	Ping(ctx context.Context) error
	// Overview says how many tasks wait where.
	Overview(ctx context.Context) ([]courier.QueueInfo, error)
	// Tasks lists a page (from 1) of the tasks of a queue in a state.
	Tasks(ctx context.Context, queue string, state courier.TaskState, page int) ([]courier.TaskInfo, error)
	// RunNow has a waiting task done at once; Delete takes it out of the queue.
	RunNow(ctx context.Context, queue, id string) error
	Delete(ctx context.Context, queue, id string) error
}
