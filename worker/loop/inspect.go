package loop

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"

	"kontor/app/courier"
	"kontor/app/fault"
)

var (
	errTaskUnknown  = fault.New(fault.NotFound, "queue.task_unknown")
	errTaskActive   = fault.New(fault.Conflict, "queue.task_active")
	errQueueUnknown = fault.New(fault.NotFound, "queue.unknown")
)

// Overview returns the queues, always both, in the order mail, sms. The error is fault.Unavailable "queue.away" when
// Redis does not answer.
func (q *Queue) Overview(ctx context.Context) ([]courier.QueueInfo, error) {
	if err := q.Ping(ctx); err != nil {
		return nil, err
	}
	var all []courier.QueueInfo
	for _, name := range []string{queueMail, queueSMS} {
		known, err := q.known(name)
		if err != nil {
			return nil, q.explain(ctx, err)
		}
		if !known { // nothing was ever queued
			all = append(all, courier.QueueInfo{Name: name})
			continue
		}
		i, err := q.inspector.GetQueueInfo(name)
		if err != nil {
			return nil, q.explain(ctx, err)
		}
		all = append(all, courier.QueueInfo{
			Name: name, Pending: i.Pending, Active: i.Active, Scheduled: i.Scheduled, Retry: i.Retry,
			Archived: i.Archived, Processed: i.Processed, Failed: i.Failed, Latency: i.Latency, Paused: i.Paused,
		})
	}
	return all, nil
}

func (q *Queue) known(queue string) (bool, error) {
	names, err := q.inspector.Queues()
	if err != nil {
		return false, err
	}
	for _, n := range names {
		if n == queue {
			return true, nil
		}
	}
	return false, nil
}

// Tasks returns a page (from 1, courier.TaskPageSize long) of the tasks of a queue in a state: those that run next first, of
// courier.TaskArchived the latest first. An unknown queue or state is fault.NotFound "queue.unknown"; fault.Unavailable
// "queue.away" when Redis does not answer.
func (q *Queue) Tasks(ctx context.Context, queue string, state courier.TaskState, page int) ([]courier.TaskInfo, error) {
	list, ok := map[courier.TaskState]func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
		courier.TaskPending:   q.inspector.ListPendingTasks,
		courier.TaskActive:    q.inspector.ListActiveTasks,
		courier.TaskScheduled: q.inspector.ListScheduledTasks,
		courier.TaskRetry:     q.inspector.ListRetryTasks,
		courier.TaskArchived:  q.inspector.ListArchivedTasks,
	}[state]
	if !ok || !isQueue(queue) {
		return nil, errQueueUnknown
	}
	if err := q.Ping(ctx); err != nil {
		return nil, err
	}
	found, err := list(queue, asynq.PageSize(courier.TaskPageSize), asynq.Page(max(page, 1)))
	if errors.Is(err, asynq.ErrQueueNotFound) { // nothing was ever queued
		return nil, nil
	}
	if err != nil {
		return nil, q.explain(ctx, err)
	}
	tasks := make([]courier.TaskInfo, 0, len(found))
	for _, f := range found {
		t := courier.TaskInfo{ID: f.ID, State: state, Retried: f.Retried, LastError: f.LastErr}
		if p, err := readPayload(f.Payload); err == nil {
			t.MessageID = p.Message
		}
		if state == courier.TaskScheduled || state == courier.TaskRetry {
			t.NextRun = f.NextProcessAt.UTC()
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// RunNow makes a waiting task run as soon as a worker is free. One that is pending or active already is left as it
// is. fault.NotFound "queue.task_unknown" if it is not there (any more), fault.Unavailable "queue.away" when Redis
// does not answer.
func (q *Queue) RunNow(ctx context.Context, queue, id string) error {
	state, err := q.stateOf(ctx, queue, id)
	if err != nil || state == asynq.TaskStatePending || state == asynq.TaskStateActive {
		return err
	}
	return q.changed(ctx, q.inspector.RunTask(queue, id))
}

// Delete removes a task that is not being worked on. The message stays in the outbox: unless it was cancelled there,
// the relay queues it again after some minutes. fault.Conflict "queue.task_active" for a task that a worker has, else
// the errors of RunNow.
func (q *Queue) Delete(ctx context.Context, queue, id string) error {
	state, err := q.stateOf(ctx, queue, id)
	if err != nil {
		return err
	}
	if state == asynq.TaskStateActive {
		return errTaskActive
	}
	return q.changed(ctx, q.inspector.DeleteTask(queue, id))
}

func (q *Queue) stateOf(ctx context.Context, queue, id string) (asynq.TaskState, error) {
	if !isQueue(queue) {
		return 0, errTaskUnknown
	}
	if err := q.Ping(ctx); err != nil {
		return 0, err
	}
	info, err := q.inspector.GetTaskInfo(queue, id)
	if err != nil {
		return 0, q.changed(ctx, err)
	}
	return info.State, nil
}

// changed gives the errors of Asynq's calls about one task their meaning.
func (q *Queue) changed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return errTaskUnknown
	}
	return q.explain(ctx, err)
}

// explain tells a Redis that went away from a mistake of ours: Asynq's errors do not.
func (q *Queue) explain(ctx context.Context, err error) error {
	if away := q.Ping(ctx); away != nil {
		return away
	}
	return fmt.Errorf("inspect the queue: %w", err)
}

func isQueue(name string) bool { return name == queueMail || name == queueSMS }
