package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"

	"kontor/app/courier"
)

type deliverFunc func(context.Context, courier.Ticket) (courier.Verdict, error)

func (f deliverFunc) Deliver(ctx context.Context, t courier.Ticket) (courier.Verdict, error) {
	return f(ctx, t)
}

func TestTask(t *testing.T) {
	id := uuid.Must(uuid.FromString("01939e7c-8a00-7000-8000-000000000001"))
	for _, c := range []struct {
		ticket            courier.Ticket
		name, body, again string
	}{
		{
			courier.Ticket{MessageID: id, Channel: courier.Email, Run: 1, Attempt: 0}, taskEmail,
			`{"message":"01939e7c-8a00-7000-8000-000000000001","run":1,"attempt":0}`,
			`{"message":"01939e7c-8a00-7000-8000-000000000001","run":1,"attempt":0,"again":true}`,
		},
		{
			courier.Ticket{MessageID: id, Channel: courier.SMS, Run: 2, Attempt: 3}, taskSMS,
			`{"message":"01939e7c-8a00-7000-8000-000000000001","run":2,"attempt":3}`,
			`{"message":"01939e7c-8a00-7000-8000-000000000001","run":2,"attempt":3,"again":true}`,
		},
	} {
		l := &lane{key: "x:y:0"}
		task, err := l.newMessageTask(c.ticket)
		if err != nil {
			t.Fatal(err)
		}
		if task.Type() != c.name || string(task.Payload()) != c.body {
			t.Errorf("%+v: %s %s", c.ticket, task.Type(), task.Payload())
		}
		twin, err := l.newStandIn(task.Type(), task.Payload())
		if err != nil {
			t.Fatal(err)
		}
		if twin.Type() != c.name || string(twin.Payload()) != c.again {
			t.Errorf("stand-in of %+v: %s %s", c.ticket, twin.Type(), twin.Payload())
		}
		var got courier.Ticket
		h := handler{log: slog.New(slog.DiscardHandler), deliverer: deliverFunc(
			func(_ context.Context, t courier.Ticket) (courier.Verdict, error) {
				got = t
				return courier.Verdict{}, nil
			})}
		if err := h.ProcessTask(t.Context(), task); err != nil || got != c.ticket {
			t.Errorf("delivered %+v, %v; want %+v", got, err, c.ticket)
		}
	}
}

func TestWhatBecomesOfATask(t *testing.T) {
	ticket := courier.Ticket{MessageID: uuid.Must(uuid.NewV7()), Channel: courier.Email, Run: 1}
	for name, c := range map[string]struct {
		deliver deliverFunc
		err     string // "" is done
		after   time.Duration
	}{
		"settled": {func(context.Context, courier.Ticket) (courier.Verdict, error) {
			return courier.Verdict{Why: "gone"}, nil
		}, "", 0},
		"again": {func(context.Context, courier.Ticket) (courier.Verdict, error) {
			return courier.Verdict{Retry: true, After: 10 * time.Minute, Why: "greylisted"}, nil
		}, "greylisted", 10 * time.Minute},
		"at once": {func(context.Context, courier.Ticket) (courier.Verdict, error) {
			return courier.Verdict{Retry: true, After: -time.Second, Why: "late"}, nil
		}, "late", 0},
		"database": {func(context.Context, courier.Ticket) (courier.Verdict, error) {
			return courier.Verdict{}, errors.New("person@example.org is locked")
		}, "database", 5 * time.Second},
		"panic": {func(context.Context, courier.Ticket) (courier.Verdict, error) {
			panic("person@example.org")
		}, "panic", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lane{}
			task, err := l.newMessageTask(ticket)
			if err != nil {
				t.Fatal(err)
			}
			h := handler{log: slog.New(slog.DiscardHandler), deliverer: c.deliver}
			err = h.ProcessTask(t.Context(), task)
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if err != nil && retryDelay(3, err, task) != c.after {
				t.Errorf("again after %v, want %v", retryDelay(3, err, task), c.after)
			}
			twin, err := l.newStandIn(task.Type(), task.Payload())
			if err != nil {
				t.Fatal(err)
			}
			if err := h.ProcessTask(t.Context(), twin); err != nil {
				t.Errorf("a stand-in must not be retried: %v", err)
			}
		})
	}
}

func TestRetryDelayOfOthers(t *testing.T) {
	if d := retryDelay(0, asynq.ErrLeaseExpired, nil); d != 0 {
		t.Errorf("a dead worker's task waits %v", d)
	}
	if d := retryDelay(0, context.DeadlineExceeded, nil); d != afterDatabase {
		t.Errorf("a task that took too long waits %v", d)
	}
}

func TestForeignTasksAreArchived(t *testing.T) {
	h := handler{log: slog.New(slog.DiscardHandler)}
	for _, body := range []string{"", "null", "{}", `{"message":"x"}`, "\xff", strings.Repeat("[", 100)} {
		if err := h.ProcessTask(t.Context(), asynq.NewTask(taskEmail, []byte(body))); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestIsFailure: a task that waits has not failed. A task has failed if it was refused, or if the program or the database
// failed.
func TestIsFailure(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"done":            {nil, false},
		"waits":           {retryLater{after: time.Minute, why: "early", waits: true}, false},
		"waits, wrapped":  {fmt.Errorf("run: %w", retryLater{waits: true}), false},
		"refused":         {retryLater{after: time.Minute, why: "credit"}, true},
		"lease expired":   {asynq.ErrLeaseExpired, true},
		"not one of ours": {errors.New("decode task"), true},
	} {
		if got := isFailure(c.err); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
