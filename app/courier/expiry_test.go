package courier_test

import (
	"testing"
	"time"

	"kontor/app/courier"
)

// TestRetryAtTheExpiry: a try that would come exactly when the link ends is none; a moment earlier it is one.
func TestRetryAtTheExpiry(t *testing.T) {
	const pause = 30 * time.Second
	schedule := func(o *courier.Options) { o.Schedule.Email = []time.Duration{pause} }
	for name, c := range map[string]struct {
		life   time.Duration
		state  courier.State
		reason string
		retry  bool
	}{
		"a moment before": {pause + time.Microsecond, courier.Queued, "internal", true},
		"at the expiry":   {pause, courier.Failed, "expired", false},
		"after it":        {pause - time.Microsecond, courier.Failed, "expired", false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, schedule, func(t *testing.T, w *world) {
				w.compose = func(courier.Message, *courier.Content) error { return errBroken }
				p := w.mailPost()
				p.ExpiresAt = w.clock().Add(c.life)
				ticket := w.enqueue(p)
				if v := w.deliver(ticket); v.Retry != c.retry {
					t.Errorf("%+v", v)
				}
				w.expect(ticket.MessageID, c.state, c.reason, courier.Temporary)
			})
		})
	}
}
