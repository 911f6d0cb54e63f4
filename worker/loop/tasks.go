package loop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"

	"kontor/app/courier"
	"kontor/app/store"
)

// The tasks.
const (
	taskEmail = "courier:email"
	taskSMS   = "courier:sms"
)

// taskTimeout is the utmost for one attempt; the courier's own limits are far below. It keeps a hung attempt from
// occupying a place for ever.
const taskTimeout = 5 * time.Minute

// maxRetry never ends a task: the outbox decides when a message is given up.
const maxRetry = 1 << 30

// payload is all that a task carries: ids, nothing that says who or what.
type payload struct {
	Message uuid.UUID `json:"message"`
	Run     int       `json:"run"`
	Attempt int       `json:"attempt"`
	// Again marks the stand-in for a task whose worker died, see rescue.
	Again bool `json:"again,omitempty"`
}

// taskID makes a message's task the only one of its run: the relay may offer the same message as often as it likes.
// Retries keep the id, success frees it, and a new run (somebody pressed Run again) has an id of its own.
func taskID(message uuid.UUID, run int) string { return message.String() + ":" + strconv.Itoa(run) }

// newTask makes the task for a ticket of the lane's channel.
func (l *lane) newTask(t courier.Ticket) (*asynq.Task, error) {
	return l.makeTask(payload{Message: t.MessageID, Run: t.Run, Attempt: t.Attempt})
}

// newStandIn makes a second task for the message of a task whose worker died. It makes one attempt and is done.
func (l *lane) newStandIn(body []byte) (*asynq.Task, error) {
	p, err := readPayload(body)
	if err != nil {
		return nil, err
	}
	p.Again = true
	return l.makeTask(p)
}

func (l *lane) makeTask(p payload) (*asynq.Task, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode task: %w", err)
	}
	name, id := taskEmail, taskID(p.Message, p.Run)
	if l.channel == courier.SMS {
		name = taskSMS
	}
	if p.Again {
		id += ":again"
	}
	return asynq.NewTask(name, body,
		asynq.TaskID(id), asynq.Queue(l.key), asynq.MaxRetry(maxRetry), asynq.Timeout(taskTimeout)), nil
}

func readPayload(body []byte) (payload, error) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return payload{}, fmt.Errorf("decode task: %w", err)
	}
	if p.Message.IsNil() {
		return payload{}, errors.New("decode task: no message")
	}
	return p, nil
}

// later is the error by which a task asks Asynq for another go. Its text is what the queue's page shows, and is kept
// in Redis: nothing personal.
type later struct {
	after time.Duration
	why   string
	waits bool // nothing failed: the time has not come, or the other side asks for patience
}

func (e later) Error() string { return e.why }

// isFailure is Asynq's IsFailure: a task that only waits counts neither as processed nor as failed.
func isFailure(err error) bool {
	var l later
	return err != nil && (!errors.As(err, &l) || !l.waits)
}

// retryDelay is Asynq's RetryDelayFunc. An expired lease (the worker died, or lost Redis for long) runs at once.
func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var l later
	switch {
	case errors.As(err, &l):
		return max(l.after, 0)
	case errors.Is(err, asynq.ErrLeaseExpired):
		return 0
	}
	return afterDatabase
}

const (
	afterDatabase = 5 * time.Second
	afterPanic    = time.Minute
)

// handler turns tasks into attempts.
type handler struct {
	deliverer Deliverer
	log       *slog.Logger
}

// ProcessTask makes one attempt at the task's message.
func (h handler) ProcessTask(ctx context.Context, t *asynq.Task) error {
	p, err := readPayload(t.Payload())
	if err != nil {
		return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
	}
	ticket := courier.Ticket{MessageID: p.Message, Channel: courier.Email, Run: p.Run, Attempt: p.Attempt}
	if t.Type() == taskSMS {
		ticket.Channel = courier.SMS
	}
	err = h.deliver(ctx, ticket)
	if p.Again {
		return nil // the task that it stands in for keeps the schedule
	}
	return err
}

func (h handler) deliver(ctx context.Context, t courier.Ticket) (err error) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("delivering a message panicked", "message", t.MessageID, "panic", p, "stack", string(debug.Stack()))
			err = later{after: afterPanic, why: "panic"}
		}
	}()
	verdict, err := h.deliverer.Deliver(ctx, t)
	switch {
	case store.Outage(err) != nil: // the store logs it, once
		return later{after: afterDatabase, why: "database"}
	case err != nil:
		h.log.Error("a message could not be looked up or settled", "message", t.MessageID, "error", err)
		return later{after: afterDatabase, why: "database"}
	case verdict.Retry:
		return later{after: verdict.After, why: verdict.Why, waits: !verdict.Refused}
	}
	return nil
}
