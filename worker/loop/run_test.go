package loop

import (
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		require.NoError(t, r.enqueue(t.Context(), client, messageTicket(ticket)))
	}
	tasks, err := mailLane(q).inspector.ListPendingTasks(mailLane(q).key)
	require.NoError(t, err)
	assert.Len(t, tasks, 3, "tasks of three runs")
	for _, task := range tasks {
		p, err := readMessage(task.Payload)
		require.NoError(t, err)
		assert.Equal(t, taskID(id, p.Run), task.ID, "task %s of run %d", task.ID, p.Run)
	}
}
