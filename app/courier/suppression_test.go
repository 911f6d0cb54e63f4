package courier_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/secret"
)

// to enqueues a mail to an address and returns its ticket.
func (w *world) to(address string) courier.Ticket {
	w.tb.Helper()
	p := w.mailPost()
	p.Recipient = address
	ticket := w.enqueue(p)
	w.deliver(ticket)
	return ticket
}

func (w *world) refusals() (rows []string) {
	w.tb.Helper()
	require.NoError(w.tb, w.db.NewRaw(`SELECT hash FROM refused_address ORDER BY hash`).Scan(context.Background(), &rows))
	return rows
}

// report makes a provider's report about a message, and fails the test if the report is not accepted.
func (w *world) reports(t courier.Ticket, r courier.ProviderReport) {
	w.tb.Helper()
	r.MessageID = t.MessageID
	require.NoError(w.tb, w.svc.Report(context.Background(), r))
}

// TestWhatIsForGood: only a server's answer that the mailbox does not exist prevents later mails to an address.
func TestWhatIsForGood(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			step    couriertest.SMTPStep
			forGood bool
		}{
			"5.1.1": {couriertest.NoSuchUser, true}, "full": {couriertest.MailboxFull, false}, "spam": {couriertest.Spam, false},
			"greylisted": {couriertest.Greylist, false}, "sender": {couriertest.SenderRefused, false},
			"relaying": {couriertest.NoRelaying, false}, "taken": {couriertest.Accept, false},
		} {
			peer := couriertest.NewSMTPPeer(t)
			peer.Script(c.step)
			w.svc = w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
			w.to(address)
			got := len(w.refusals()) == 1
			assert.Equal(t, c.forGood, got, "%s: for good", name)
			w.exec(`DELETE FROM refused_address`)
		}
		peer := couriertest.NewSMTPPeer(t)
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
		for name, c := range map[string]struct {
			courier.ProviderReport
			forGood bool
		}{
			"no such mailbox":         {courier.ProviderReport{Status: "5.1.1"}, true},
			"no such domain":          {courier.ProviderReport{Status: "5.1.2"}, true},
			"shut":                    {courier.ProviderReport{Status: "5.2.1"}, true},
			"gave up, no such domain": {courier.ProviderReport{Status: "4.4.4"}, false},
			"gave up on the mailbox":  {courier.ProviderReport{Status: "4.1.1"}, false},
			"full":                    {courier.ProviderReport{Status: "5.2.2"}, false},
			"too old":                 {courier.ProviderReport{Status: "4.4.7"}, false},
			"blocked":                 {courier.ProviderReport{Status: "5.7.1"}, false},
			"no reason":               {courier.ProviderReport{}, false},
			"delayed":                 {courier.ProviderReport{Status: "5.1.1", Delayed: true}, false},
			"delivered":               {courier.ProviderReport{Delivered: true}, false},
		} {
			w.reports(w.to(address), c.ProviderReport)
			got := len(w.refusals()) == 1
			assert.Equal(t, c.forGood, got, "%s: for good", name)
			w.exec(`DELETE FROM refused_address`)
		}
	})
}

// TestNumbersAreAsked: an SMS to a number that does not exist is sent to the gateway each time; otherwise a gateway
// that refuses every number would not be detected.
func TestNumbersAreAsked(t *testing.T) {
	gateway := couriertest.NewGatewayPeer(t)
	each(t, func(o *courier.Options) { o.SMSURL = gateway.URL() }, func(t *testing.T, w *world) {
		gateway.Script(couriertest.GatewayStep{Status: 422})
		w.deliver(w.enqueue(w.smsPost()))
		assert.Empty(t, w.refusals(), "refused")
		second := w.enqueue(w.smsPost())
		w.deliver(second)
		w.expect(second.MessageID, courier.HandedOver, "", courier.Accepted)
	})
}

// TestSuppressed: an address that was refused for good is not tried again, in whatever spelling. No content is composed
// for it, and the attempt says since when.
func TestSuppressed(t *testing.T) {
	for refused, spellings := range map[string][]string{
		address:                   {"Anna@Example.ORG", "anna@example.org"},
		"müller@bücher.example":   {"Müller@xn--bcher-kva.example", "müller@BÜCHER.example"},
		"anna+kontor@example.org": {"anna+Kontor@example.org"},
	} {
		each(t, nil, func(t *testing.T, w *world) {
			peer := couriertest.NewSMTPPeer(t)
			w.svc = w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
			first := w.to(address)
			w.expect(first.MessageID, courier.HandedOver, "", courier.Accepted)
			peer.Script(couriertest.NoSuchUser)
			p := w.mailPost()
			p.Recipient = refused
			ticket := w.enqueue(p)
			w.deliver(ticket)
			w.expect(ticket.MessageID, courier.Failed, "recipient_unknown", courier.Permanent)
			opened, minted, told := peer.Opened(), len(w.secrets), len(w.told())
			since := w.clock()
			w.pass(40 * 24 * time.Hour)
			for _, spelling := range spellings {
				second := w.to(spelling)
				m := w.expect(second.MessageID, courier.Failed, "recipient_unknown", courier.Suppressed)
				at, ok := m.AttemptRows[0].RefusedAt()
				require.True(t, ok, "%s: %v", spelling, ok)
				assert.WithinDuration(t, since, at, 0, "%s: refused at", spelling)
				assert.Empty(t, m.Detail, "%s: detail %q after %d attempts", spelling, m.Detail, m.Attempts)
				assert.Equal(t, 1, m.Attempts, spelling)
				assert.False(t, w.deliver(second).Retry, "%s: the task is tried again", spelling)
			}
			assert.Equal(t, opened, peer.Opened(), "the mail server heard of it")
			assert.Len(t, peer.Mails(), 1, "the mail server heard of it")
			assert.Len(t, w.secrets, minted, "a link was made for a mail that is not sent")
			all := w.told()[told:]
			require.Len(t, all, len(spellings), "told")
			assert.Equal(t, courier.Failed, all[0].State)
			assert.Equal(t, "recipient_unknown", all[0].Reason)
			for _, other := range []string{"anna@example.net", "bea@example.org", "anna+x@example.org"} {
				w.expect(w.to(other).MessageID, courier.HandedOver, "", courier.Accepted)
			}
		})
	}
}

// TestNothingInClear: the table holds a keyed hash of the address, and the row is deleted with the message.
func TestNothingInClear(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		peer := couriertest.NewSMTPPeer(t)
		peer.Script(couriertest.NoSuchUser)
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
		w.to(address)
		var rows []map[string]any
		err := w.db.NewSelect().Table("refused_address").Scan(t.Context(), &rows)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		for column, v := range rows[0] {
			s, _ := v.(string)
			assert.NotContains(t, strings.ToLower(s), "anna", column)
			assert.NotContains(t, s, "example", column)
			assert.NotEqual(t, secret.HashToken(address), s, column)
		}
		other := w.service(func(o *courier.Options) { o.SMTPURL, o.Key = peer.URL(), keyOf(t, 8) })
		found, err := other.Refusals(t.Context(), []string{address})
		require.NoError(t, err)
		assert.Empty(t, found, "another installation's key finds")
		w.exec(`DELETE FROM customer`)
		assert.Empty(t, w.refusals(), "left of a deleted customer")
	})
}

func keyOf(t *testing.T, bytesOf ...byte) secret.Key {
	t.Helper()
	var previous [][]byte
	for _, b := range bytesOf[1:] {
		previous = append(previous, bytes.Repeat([]byte{b}, 32))
	}
	k, err := secret.NewKey(bytes.Repeat([]byte{bytesOf[0]}, 32), previous...)
	require.NoError(t, err)
	return k
}

// TestRefusedAcrossRotation: a refusal is found with the earlier key, and after that also without that key.
func TestRefusedAcrossRotation(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		peer := couriertest.NewSMTPPeer(t)
		peer.Script(couriertest.NoSuchUser)
		for i, c := range []struct {
			keys    []byte
			state   courier.State
			outcome courier.Outcome
		}{
			{[]byte{7}, courier.Failed, courier.Permanent}, {[]byte{8, 7}, courier.Failed, courier.Suppressed},
			{[]byte{8}, courier.Failed, courier.Suppressed}, {[]byte{9, 8}, courier.Failed, courier.Suppressed},
		} {
			w.svc = w.service(func(o *courier.Options) { o.SMTPURL, o.Key = peer.URL(), keyOf(t, c.keys...) })
			w.expect(w.to(address).MessageID, c.state, "recipient_unknown", c.outcome)
			rows := w.refusals()
			assert.Len(t, rows, 1, "%d: rows", i)
		}
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL, o.Key = peer.URL(), keyOf(t, 10, 9) })
		w.inTx(func(ctx context.Context, tx bun.Tx) error { return w.svc.Free(ctx, tx, "ANNA@example.org") })
		w.expect(w.to(address).MessageID, courier.HandedOver, "", courier.Accepted)
	})
}

// TestFreed: after a message is run again, or its delivery reported, the address is tried again. A repeated report has
// no such effect.
func TestFreed(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		peer := couriertest.NewSMTPPeer(t)
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
		early := w.to(address)
		w.reports(early, courier.ProviderReport{Delivered: true})
		peer.Script(couriertest.NoSuchUser)
		w.to(address)
		w.pass(time.Minute)
		w.reports(early, courier.ProviderReport{Delivered: true})
		suppressed := w.to(address)
		w.expect(suppressed.MessageID, courier.Failed, "recipient_unknown", courier.Suppressed)

		require.NoError(t, w.svc.RunAgain(t.Context(), suppressed.MessageID))
		again := suppressed
		again.Run++
		w.deliver(again)
		w.expect(again.MessageID, courier.HandedOver, "", courier.Suppressed, courier.Accepted)
		told := w.told()
		assert.Equal(t, courier.HandedOver, told[len(told)-1].State, "nobody heard that it went out")

		other := w.to(address)
		w.reports(again, courier.ProviderReport{Status: "5.1.1"})
		w.expect(w.to(address).MessageID, courier.Failed, "recipient_unknown", courier.Suppressed)
		w.reports(other, courier.ProviderReport{Delivered: true})
		w.expect(w.to(address).MessageID, courier.HandedOver, "", courier.Accepted)
	})
}

// TestLateBounce: a bounce of an invitation that was replaced meanwhile does not stop the next invitation.
func TestLateBounce(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		peer := couriertest.NewSMTPPeer(t)
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
		first := w.to(address)
		p := w.mailPost()
		p.Generation = 2
		second := w.enqueue(p)
		w.reports(first, courier.ProviderReport{Status: "5.1.1"})
		w.deliver(second)
		w.expect(second.MessageID, courier.HandedOver, "", courier.Accepted)
	})
}
