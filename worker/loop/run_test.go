package loop

import (
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"

	"kontor/app/courier"
)

// TestRunsApart: a message that is run again gets its own task, whatever happened to the previous one. Offering it twice
// gives one task.
func TestRunsApart(t *testing.T) {
	q := open(t, "", nil)
	r := newRelay(q, newOutbox(nil))
	client := asynq.NewClientFromRedisClient(mailLane(q).client)
	id := uuid.Must(uuid.NewV7())
	for _, run := range []int{1, 1, 2, 2, 12} {
		ticket := courier.Ticket{MessageID: id, Channel: courier.Email, Run: run}
		if err := r.enqueue(t.Context(), client, messageTicket(ticket)); err != nil {
			t.Fatal(err)
		}
	}
	tasks, err := mailLane(q).inspector.ListPendingTasks(mailLane(q).key)
	if err != nil || len(tasks) != 3 {
		t.Errorf("%d tasks of three runs, %v", len(tasks), err)
	}
	for _, task := range tasks {
		if p, err := readMessage(task.Payload); err != nil || task.ID != taskID(id, p.Run) {
			t.Errorf("task %s of run %d, %v", task.ID, p.Run, err)
		}
	}
}
