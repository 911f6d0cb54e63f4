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
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		require.NoError(t, err)
		assert.Equal(t, c.name, task.Type(), "%+v", c.ticket)
		assert.Equal(t, c.body, string(task.Payload()), "%+v", c.ticket)
		twin, err := l.newStandIn(task.Type(), task.Payload())
		require.NoError(t, err)
		assert.Equal(t, c.name, twin.Type(), "stand-in of %+v", c.ticket)
		assert.Equal(t, c.again, string(twin.Payload()), "stand-in of %+v", c.ticket)
		var got courier.Ticket
		h := handler{log: slog.New(slog.DiscardHandler), deliverer: deliverFunc(
			func(_ context.Context, t courier.Ticket) (courier.Verdict, error) {
				got = t
				return courier.Verdict{}, nil
			})}
		err = h.ProcessTask(t.Context(), task)
		require.NoError(t, err)
		assert.Equal(t, c.ticket, got, "delivered")
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
			require.NoError(t, err)
			h := handler{log: slog.New(slog.DiscardHandler), deliverer: c.deliver}
			err = h.ProcessTask(t.Context(), task)
			require.Equal(t, c.err == "", err == nil, "error")
			require.False(t, err != nil && err.Error() != c.err)
			if err != nil && retryDelay(3, err, task) != c.after {
				t.Errorf("again after %v, want %v", retryDelay(3, err, task), c.after)
			}
			twin, err := l.newStandIn(task.Type(), task.Payload())
			require.NoError(t, err)
			assert.NoError(t, h.ProcessTask(t.Context(), twin), "a stand-in must not be retried")
		})
	}
}

func TestRetryDelayOfOthers(t *testing.T) {
	assert.EqualValues(t, 0, retryDelay(0, asynq.ErrLeaseExpired, nil), "a dead worker's task waits")
	assert.Equal(t, afterDatabase, retryDelay(0, context.DeadlineExceeded, nil), "a task that took too long waits")
}

func TestForeignTasksAreArchived(t *testing.T) {
	h := handler{log: slog.New(slog.DiscardHandler)}
	for _, body := range []string{"", "null", "{}", `{"message":"x"}`, "\xff", strings.Repeat("[", 100)} {
		assert.ErrorIs(t, h.ProcessTask(t.Context(), asynq.NewTask(taskEmail, []byte(body))), asynq.SkipRetry, "%q", body)
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
		assert.Equal(t, c.want, isFailure(c.err), name)
	}
}
