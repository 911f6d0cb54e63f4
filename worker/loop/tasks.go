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
	taskJob   = "job:run"
)

const (
	// messageTimeout is the utmost for one attempt at a message; the courier's own limits are far below. It keeps a hung
	// attempt from occupying a place for ever.
	messageTimeout = 5 * time.Minute
	// jobTimeout is the same for the chunks of a job that are done in a turn.
	jobTimeout = time.Hour
)

// maxRetry never ends a task: the database decides when a message or a job is given up.
const maxRetry = 1 << 30

// payload is all that a task carries: ids, nothing that says who or what.
type payload interface {
	// name is the task's id. The relay may offer the same message or job as often as it likes: of a name there is one task.
	// Retries keep it, success frees it.
	name() string
	// standIn is the payload of a second task for a task whose worker died, see rescue.
	standIn() payload
}

// messagePayload is that of an attempt at a message. A new run of a message (somebody pressed Run again) is another task.
type messagePayload struct {
	Message uuid.UUID `json:"message"`
	Run     int       `json:"run"`
	Attempt int       `json:"attempt"`
	Again   bool      `json:"again,omitempty"` // it stands in for another
}

func (p messagePayload) name() string { return again(taskID(p.Message, p.Run), p.Again) }

func (p messagePayload) standIn() payload { p.Again = true; return p }

func taskID(message uuid.UUID, run int) string { return message.String() + ":" + strconv.Itoa(run) }

// jobPayload is that of a turn of a job.
type jobPayload struct {
	Job   uuid.UUID `json:"job"`
	Again bool      `json:"again,omitempty"` // it stands in for another
}

func (p jobPayload) name() string { return again(p.Job.String(), p.Again) }

func (p jobPayload) standIn() payload { p.Again = true; return p }

func again(name string, standsIn bool) string {
	if standsIn {
		name += ":again"
	}
	return name
}

// newTask makes a task of the lane's queue.
func (l *lane) newTask(typename string, p payload) (*asynq.Task, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode task: %w", err)
	}
	timeout := messageTimeout
	if typename == taskJob {
		timeout = jobTimeout
	}
	return asynq.NewTask(typename, body,
		asynq.TaskID(p.name()), asynq.Queue(l.key), asynq.MaxRetry(maxRetry), asynq.Timeout(timeout)), nil
}

// newStandIn makes a second task for the message or job of a task whose worker died. It is done after one go.
func (l *lane) newStandIn(typename string, body []byte) (*asynq.Task, error) {
	p, err := readPayload(typename, body)
	if err != nil {
		return nil, err
	}
	return l.newTask(typename, p.standIn())
}

func readPayload(typename string, body []byte) (payload, error) {
	if typename == taskJob {
		return readJob(body)
	}
	return readMessage(body)
}

func readMessage(body []byte) (p messagePayload, err error) {
	if err := json.Unmarshal(body, &p); err != nil {
		return p, fmt.Errorf("decode task: %w", err)
	}
	if p.Message.IsNil() {
		return p, errors.New("decode task: no message")
	}
	return p, nil
}

func readJob(body []byte) (p jobPayload, err error) {
	if err := json.Unmarshal(body, &p); err != nil {
		return p, fmt.Errorf("decode task: %w", err)
	}
	if p.Job.IsNil() {
		return p, errors.New("decode task: no job")
	}
	return p, nil
}

// retryLater is the error by which a task asks Asynq for another go. Its text is what the queue's page shows, and is kept
// in Redis: nothing personal.
type retryLater struct {
	after time.Duration
	why   string
	waits bool // nothing failed: the time has not come, or the other side asks for patience
}

func (e retryLater) Error() string { return e.why }

// isFailure is Asynq's IsFailure: a task that only waits counts neither as processed nor as failed.
func isFailure(err error) bool {
	var l retryLater
	return err != nil && (!errors.As(err, &l) || !l.waits)
}

// retryDelay is Asynq's RetryDelayFunc. An expired lease (the worker died, or lost Redis for long) runs at once.
func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var l retryLater
	switch {
	case errors.As(err, &l):
		return max(l.after, 0)
	case errors.Is(err, asynq.ErrLeaseExpired):
		return 0
	case errors.Is(err, asynq.ErrHandlerNotFound): // a newer version's, which runs beside this one
		return afterUnknown
	}
	return afterDatabase
}

const (
	afterDatabase = 5 * time.Second
	afterPanic    = time.Minute
	afterUnknown  = time.Minute
)

// handlers says who does which tasks. The turn of a job ends when stop does, too.
func (l *Loop) handlers(stop context.Context) *asynq.ServeMux {
	mux := asynq.NewServeMux()
	messages := handler{deliverer: l.opts.Deliverer, log: l.opts.Log}
	mux.Handle(taskEmail, messages)
	mux.Handle(taskSMS, messages)
	if l.opts.Jobs != nil {
		mux.HandleFunc(taskJob, func(ctx context.Context, t *asynq.Task) error {
			turn, end := context.WithTimeout(stop, l.turn)
			defer end()
			return runJob(ctx, turn, l.opts.Jobs, t)
		})
	}
	return mux
}

// runJob works on the task's job until it is over or its turn is.
func runJob(ctx, turn context.Context, jobs Jobs, t *asynq.Task) error {
	p, err := readJob(t.Payload())
	if err != nil {
		return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
	}
	outcome, _ := jobs.Run(ctx, p.Job, turn.Done()) // which logs its errors
	if outcome.Again && !p.Again {
		return retryLater{after: outcome.After, why: outcome.Why, waits: !outcome.Failed}
	}
	return nil
}

// handler turns tasks into attempts at messages.
type handler struct {
	deliverer Deliverer
	log       *slog.Logger
}

// ProcessTask makes one attempt at the task's message.
func (h handler) ProcessTask(ctx context.Context, t *asynq.Task) error {
	p, err := readMessage(t.Payload())
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
			err = retryLater{after: afterPanic, why: "panic"}
		}
	}()
	verdict, err := h.deliverer.Deliver(ctx, t)
	switch {
	case store.Outage(err) != nil: // the store logs it, once
		return retryLater{after: afterDatabase, why: "database"}
	case err != nil:
		h.log.Error("a message could not be looked up or settled", "message", t.MessageID, "error", err)
		return retryLater{after: afterDatabase, why: "database"}
	case verdict.Retry:
		return retryLater{after: verdict.After, why: verdict.Why, waits: !verdict.Refused}
	}
	return nil
}
