package courier_test

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
)

// TestRetryAtTheExpiry: a try that would come exactly when the link expires is not made; a try a moment earlier is.
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
				assert.Equal(t, c.retry, w.deliver(ticket).Retry)
				w.expect(ticket.MessageID, c.state, c.reason, courier.Temporary)
			})
		})
	}
}

// TestOutcomeOfAnotherRun: an attempt that ends after its message was run again or taken over settles nothing.
func TestOutcomeOfAnotherRun(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		for name, meanwhile := range map[string]string{
			"accepted, of another run":   `UPDATE message SET run = run + 1, state = 'queued', lease_until = NULL WHERE id = ?`,
			"accepted, of a former run":  `UPDATE message SET run = run + 1 WHERE id = ?`,
			"accepted, but it had ended": `UPDATE message SET state = 'failed', reason = 'expired', relay_at = NULL, lease_until = NULL, settled_at = created_at WHERE id = ?`,
		} {
			ticket := w.enqueue(w.mailPost())
			finish := w.holdInDelivery(peer, ticket)
			w.exec(meanwhile, ticket.MessageID)
			before := w.message(ticket.MessageID)
			finish()
			now := w.message(ticket.MessageID)
			assert.Equal(t, before.State, now.State, name)
			assert.Nil(t, now.HandedOverAt, "%s: handed over", name)
			assert.Equal(t, before.Run, now.Run, name)
		}
	})
}

// TestHurryLeavesWhatIsSettled: Hurry leaves a cancelled message cancelled.
func TestHurryLeavesWhatIsSettled(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		ticket := w.enqueue(w.mailPost())
		for _, act := range []func(context.Context, uuid.UUID) error{w.svc.Cancel, w.svc.Hurry, w.svc.Cancel} {
			require.NoError(t, act(t.Context(), ticket.MessageID))
			w.expect(ticket.MessageID, courier.Cancelled, "")
		}
	})
}

// TestBounceOfTheOtherWay: a bounce counts as long as no newer generation was sent on the same channel. A newer SMS
// does not count as a newer mail.
func TestBounceOfTheOtherWay(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		mail := w.enqueue(w.mailPost())
		w.deliver(mail)
		sms := w.smsPost()
		sms.Generation = 2
		w.enqueue(sms)
		require.NoError(t, w.svc.Report(t.Context(), courier.ProviderReport{MessageID: mail.MessageID, Status: "5.1.1"}))
		told := w.told()
		require.Len(t, told, 1, "told")
		assert.Equal(t, mail.MessageID, told[0].ID)
		older := w.mailPost() // to another recipient, because nothing more goes to the one who was refused
		older.Recipient = "berta@example.org"
		mail = w.enqueue(older)
		w.deliver(mail)
		newer := older
		newer.Generation, newer.Dedupe = 2, w.mailPost().Dedupe
		w.enqueue(newer)
		require.NoError(t, w.svc.Report(t.Context(), courier.ProviderReport{MessageID: mail.MessageID, Status: "5.1.1"}))
		assert.Len(t, w.told(), 1, "told though a newer mail is on its way")
	})
}
