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

// The types of tasks.
const (
	taskEmail = "courier:email"
	taskSMS   = "courier:sms"
	taskJob   = "job:run"
)

const (
	// messageTimeout is the longest time for one attempt to deliver a message. The courier's own limits are far below. It
	// keeps a hung attempt from blocking a worker for ever.
	messageTimeout = 5 * time.Minute
	// jobTimeout is the same limit for the part of a job that is done in one turn.
	jobTimeout = time.Hour
)

// maxRetry is never reached: the database decides when a message or a job is given up.
const maxRetry = 1 << 30

// payload is the content of a task. It contains ids only, no personal data.
type payload interface {
	// name is the task's id. The queue has at most one task of a name, so the relay may offer the same message or job as
	// often as it likes. Retries keep the name, success frees it.
	name() string
	// standIn is the payload of the second task for a task whose worker died, see rescue.
	standIn() payload
}

// messagePayload is the payload of an attempt to deliver a message. A new run of a message (somebody pressed Run again)
// is another task.
type messagePayload struct {
	Message uuid.UUID `json:"message"`
	Run     int       `json:"run"`
	Attempt int       `json:"attempt"`
	Again   bool      `json:"again,omitempty"` // this task is a stand-in
}

func (p messagePayload) name() string { return again(taskID(p.Message, p.Run), p.Again) }

func (p messagePayload) standIn() payload { p.Again = true; return p }

func taskID(message uuid.UUID, run int) string { return message.String() + ":" + strconv.Itoa(run) }

// jobPayload is the payload of a turn of a job.
type jobPayload struct {
	Job   uuid.UUID `json:"job"`
	Again bool      `json:"again,omitempty"` // this task is a stand-in
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

// newStandIn makes the second task for a task whose worker died. It makes one attempt and is not retried.
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

// retryLater is the error by which a task asks Asynq for a retry. The queue's page shows its text, and Redis stores it,
// so the text must contain no personal data.
type retryLater struct {
	after time.Duration
	why   string
	waits bool // nothing failed: the time has not come, or the other side asked to wait
}

func (e retryLater) Error() string { return e.why }

// isFailure is Asynq's IsFailure. A task that only waits is counted neither as processed nor as failed.
func isFailure(err error) bool {
	var l retryLater
	return err != nil && (!errors.As(err, &l) || !l.waits)
}

// retryDelay is Asynq's RetryDelayFunc. If the lease has expired (the worker died, or lost Redis for long), the task runs
// at once.
func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var l retryLater
	switch {
	case errors.As(err, &l):
		return max(l.after, 0)
	case errors.Is(err, asynq.ErrLeaseExpired):
		return 0
	case errors.Is(err, asynq.ErrHandlerNotFound): // a task type of a newer version that runs beside this one
		return afterUnknown
	}
	return afterDatabase
}

const (
	afterDatabase = 5 * time.Second
	afterPanic    = time.Minute
	afterUnknown  = time.Minute
)

// handlers registers the handlers of the tasks. A turn of a job also ends when stop ends.
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

// runJob works on the task's job until the job or the turn is over.
func runJob(ctx, turn context.Context, jobs Jobs, t *asynq.Task) error {
	p, err := readJob(t.Payload())
	if err != nil {
		return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
	}
	outcome, _ := jobs.Run(ctx, p.Job, turn.Done()) // Run logs its errors
	if outcome.Again && !p.Again {
		return retryLater{after: outcome.After, why: outcome.Why, waits: !outcome.Failed}
	}
	return nil
}

// handler runs the tasks of messages.
type handler struct {
	deliverer Deliverer
	log       *slog.Logger
}

// ProcessTask makes one attempt to deliver the task's message.
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
		return nil // the task that it replaces keeps the schedule
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
	case store.Outage(err) != nil: // the store logs outages, once
		return retryLater{after: afterDatabase, why: "database"}
	case err != nil:
		h.log.Error("a message could not be looked up or settled", "message", t.MessageID, "error", err)
		return retryLater{after: afterDatabase, why: "database"}
	case verdict.Retry:
		return retryLater{after: verdict.After, why: verdict.Why, waits: !verdict.Refused}
	}
	return nil
}
