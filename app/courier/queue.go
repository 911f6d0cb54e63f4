package courier

import (
	"time"

	"github.com/gofrs/uuid/v5"
)

// TaskState is the state of a task in the queue.
type TaskState string

// The states that the queue's page shows.
const (
	TaskPending   TaskState = "pending"   // waits for a worker
	TaskActive    TaskState = "active"    // a worker has it
	TaskScheduled TaskState = "scheduled" // not before a certain time
	TaskRetry     TaskState = "retry"     // failed, will be tried again
	TaskArchived  TaskState = "archived"  // given up by the queue, kept for inspection
)

// TaskStates lists them in the order in which the page shows them.
var TaskStates = []TaskState{TaskPending, TaskActive, TaskScheduled, TaskRetry, TaskArchived}

// TaskPageSize is the length of a page of tasks.
const TaskPageSize = 50

// QueueInfo summarises a queue. It and the other models of the queue's page are declared in this package because the
// package that fills them and the package that shows them must not import each other.
type QueueInfo struct {
	Name                                        string
	Pending, Active, Scheduled, Retry, Archived int
	// Processed and Failed count attempts since midnight UTC. Processed includes Failed.
	Processed, Failed int
	// Latency is how long the oldest pending task has been waiting.
	Latency time.Duration
	Paused  bool
	// Away says why the queue can't be read, "" if it can. If it is set, the other values are zero.
	Away QueueReason
	// Warning says what is wrong although the queue can be read; "" if nothing is wrong.
	Warning QueueReason
}

// Count is the number of tasks in a state.
func (i QueueInfo) Count(s TaskState) int {
	switch s {
	case TaskPending:
		return i.Pending
	case TaskActive:
		return i.Active
	case TaskScheduled:
		return i.Scheduled
	case TaskRetry:
		return i.Retry
	case TaskArchived:
		return i.Archived
	}
	return 0
}

// TaskInfo is a task as the queue's page shows it.
type TaskInfo struct {
	ID        string
	MessageID uuid.UUID // Nil if the task is not one of ours
	State     TaskState
	Retried   int
	LastError string    // a reason key such as Verdict.Why, "database", "panic"; or the text of an error of Asynq
	NextRun   time.Time // zero unless scheduled or to be tried again
}
