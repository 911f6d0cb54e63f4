package courier

import (
	"time"

	"github.com/gofrs/uuid/v5"
)

// TaskState is where a task is in the queue.
type TaskState string

// The states that the queue's page knows.
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

// QueueInfo is a queue at a glance. These models of the queue's page stand here because the room that fills them in
// and the room that shows them must not know each other.
type QueueInfo struct {
	Name                                        string
	Pending, Active, Scheduled, Retry, Archived int
	// Processed and Failed count attempts since midnight UTC; Failed ones are among the Processed.
	Processed, Failed int
	// Latency is for how long the oldest pending task has been waiting.
	Latency time.Duration
	Paused  bool
	// Away says why the queue can't be asked, "" when it can. Then the rest is zero.
	Away QueueReason
	// Warning is what is wrong although it can be asked, "" if nothing is.
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
	LastError string    // a reason key such as Verdict.Why, "database", "panic"; or Asynq's words
	NextRun   time.Time // zero unless scheduled or to be tried again
}
