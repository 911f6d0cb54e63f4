package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hibiken/asynq"

	"kontor/app/courier"
	"kontor/app/fault"
)

var (
	errTaskUnknown  = fault.New(fault.NotFound, "queue.task_unknown")
	errTaskActive   = fault.New(fault.Conflict, "queue.task_active")
	errQueueUnknown = fault.New(fault.NotFound, "queue.unknown")
)

// Overview returns the two queues of messages, always in the order mail, sms. For a queue that can't be asked it gives
// the reason. The answer comes within a few seconds.
func (q *Queue) Overview(ctx context.Context) ([]courier.QueueInfo, error) {
	lanes := q.shown()
	all := make([]courier.QueueInfo, len(lanes))
	errs := make([]error, len(lanes))
	eachLane(lanes, func(i int, l *lane) {
		all[i], errs[i] = l.info(ctx)
		var away awayError
		if errors.As(errs[i], &away) {
			all[i], errs[i] = courier.QueueInfo{Name: l.queue, Away: away.reason}, nil
		}
	})
	return all, errors.Join(errs...)
}

func (l *lane) info(ctx context.Context) (courier.QueueInfo, error) {
	if err := l.check(ctx); err != nil {
		return courier.QueueInfo{}, err
	}
	i, err := within(ctx, func() (*asynq.QueueInfo, error) {
		names, err := l.inspector.Queues()
		if err != nil || !slices.Contains(names, l.key) { // no task has been queued yet
			return &asynq.QueueInfo{}, err
		}
		return l.inspector.GetQueueInfo(l.key)
	})
	if err != nil {
		return courier.QueueInfo{}, l.explain(ctx, err)
	}
	return courier.QueueInfo{
		Name: l.queue, Pending: i.Pending, Active: i.Active, Scheduled: i.Scheduled, Retry: i.Retry,
		Archived: i.Archived, Processed: i.Processed, Failed: i.Failed, Latency: i.Latency, Paused: i.Paused,
		Warning: l.reach.warning(),
	}, nil
}

// Tasks returns a page (from 1, courier.TaskPageSize long) of the tasks of a queue in a state. Tasks that run next come
// first; for courier.TaskArchived the latest come first. Errors: fault.NotFound "queue.unknown" for an unknown queue or
// state, fault.Unavailable "queue.away" when the queue can't be asked.
func (q *Queue) Tasks(ctx context.Context, queue string, state courier.TaskState, page int) ([]courier.TaskInfo, error) {
	l := q.lane(queue)
	if l == nil {
		return nil, errQueueUnknown
	}
	list, ok := map[courier.TaskState]func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		courier.TaskPending:   l.inspector.ListPendingTasks,
		courier.TaskActive:    l.inspector.ListActiveTasks,
		courier.TaskScheduled: l.inspector.ListScheduledTasks,
		courier.TaskRetry:     l.inspector.ListRetryTasks,
		courier.TaskArchived:  l.inspector.ListArchivedTasks,
	}[state]
	if !ok {
		return nil, errQueueUnknown
	}
	if err := l.check(ctx); err != nil {
		return nil, err
	}
	found, err := within(ctx, func() ([]*asynq.TaskInfo, error) {
		return list(l.key, asynq.PageSize(courier.TaskPageSize), asynq.Page(max(page, 1)))
	})
	if errors.Is(err, asynq.ErrQueueNotFound) { // no task has been queued yet
		return nil, nil
	}
	if err != nil {
		return nil, l.explain(ctx, err)
	}
	tasks := make([]courier.TaskInfo, 0, len(found))
	for _, f := range found {
		t := courier.TaskInfo{ID: f.ID, State: state, Retried: f.Retried, LastError: f.LastErr}
		if p, err := readMessage(f.Payload); err == nil {
			t.MessageID = p.Message
		}
		if state == courier.TaskScheduled || state == courier.TaskRetry {
			t.NextRun = f.NextProcessAt.UTC()
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// RunNow makes a waiting task run as soon as a worker is free. It does nothing to a task that is pending or active
// already. Errors: fault.NotFound "queue.task_unknown" if there is no such task (any more), fault.Unavailable
// "queue.away" when the queue can't be asked.
func (q *Queue) RunNow(ctx context.Context, queue, id string) error {
	l, state, err := q.find(ctx, queue, id)
	if err != nil || state == asynq.TaskStatePending || state == asynq.TaskStateActive {
		return err
	}
	return l.change(ctx, func() error { return l.inspector.RunTask(l.key, id) })
}

// Delete removes a task that is not active. The message stays in the outbox: unless it was cancelled there, the relay
// queues it again after some minutes. Errors: fault.Conflict "queue.task_active" for a task that a worker is processing,
// and the errors of RunNow.
func (q *Queue) Delete(ctx context.Context, queue, id string) error {
	l, state, err := q.find(ctx, queue, id)
	if err != nil {
		return err
	}
	if state == asynq.TaskStateActive {
		return errTaskActive
	}
	return l.change(ctx, func() error { return l.inspector.DeleteTask(l.key, id) })
}

// find returns the lane and the state of a task.
func (q *Queue) find(ctx context.Context, queue, id string) (*lane, asynq.TaskState, error) {
	l := q.lane(queue)
	if l == nil {
		return nil, 0, errTaskUnknown
	}
	if err := l.check(ctx); err != nil {
		return nil, 0, err
	}
	info, err := within(ctx, func() (*asynq.TaskInfo, error) { return l.inspector.GetTaskInfo(l.key, id) })
	if err != nil {
		return nil, 0, l.meaning(ctx, err)
	}
	return l, info.State, nil
}

// change runs an operation on one task.
func (l *lane) change(ctx context.Context, do func() error) error {
	_, err := within(ctx, func() (struct{}, error) { return struct{}{}, do() })
	return l.meaning(ctx, err)
}

// meaning translates the errors of Asynq's calls about one task.
func (l *lane) meaning(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return errTaskUnknown
	}
	return l.explain(ctx, err)
}

// explain returns an awayError if Redis can't be used. Otherwise err is a mistake of ours. Asynq's errors do not tell the
// two apart.
func (l *lane) explain(ctx context.Context, err error) error {
	if errors.Is(err, errAway) {
		return err
	}
	if away := l.check(ctx); away != nil {
		return away
	}
	return fmt.Errorf("inspect the queue: %w", err)
}
