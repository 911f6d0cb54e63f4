package courier_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

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
	if err := w.db.NewRaw(`SELECT hash FROM refused_address ORDER BY hash`).Scan(context.Background(), &rows); err != nil {
		w.tb.Fatal(err)
	}
	return rows
}

// report makes a provider's report about a message, and fails the test if the report is not accepted.
func (w *world) reports(t courier.Ticket, r courier.ProviderReport) {
	w.tb.Helper()
	r.MessageID = t.MessageID
	if err := w.svc.Report(context.Background(), r); err != nil {
		w.tb.Fatal(err)
	}
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
			if got := len(w.refusals()) == 1; got != c.forGood {
				t.Errorf("%s: for good %v, want %v", name, got, c.forGood)
			}
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
			if got := len(w.refusals()) == 1; got != c.forGood {
				t.Errorf("%s: for good %v, want %v", name, got, c.forGood)
			}
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
		if rows := w.refusals(); len(rows) > 0 {
			t.Errorf("refused: %v", rows)
		}
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
				if at, ok := m.AttemptRows[0].RefusedAt(); !ok || !at.Equal(since) {
					t.Errorf("%s: refused at %s, %v", spelling, at, ok)
				}
				if m.Detail != "" || m.Attempts != 1 {
					t.Errorf("%s: detail %q after %d attempts", spelling, m.Detail, m.Attempts)
				}
				if v := w.deliver(second); v.Retry {
					t.Errorf("%s: the task is tried again", spelling)
				}
			}
			if peer.Opened() != opened || len(peer.Mails()) != 1 {
				t.Error("the mail server heard of it")
			}
			if len(w.secrets) != minted {
				t.Error("a link was made for a mail that is not sent")
			}
			if all := w.told()[told:]; len(all) != len(spellings) || all[0].State != courier.Failed || all[0].Reason != "recipient_unknown" {
				t.Errorf("told %+v", all)
			}
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
		if err := w.db.NewSelect().Table("refused_address").Scan(t.Context(), &rows); err != nil || len(rows) != 1 {
			t.Fatalf("%v, %v", rows, err)
		}
		for column, v := range rows[0] {
			s, _ := v.(string)
			if strings.Contains(strings.ToLower(s), "anna") || strings.Contains(s, "example") || s == secret.HashToken(address) {
				t.Errorf("%s: %q", column, s)
			}
		}
		other := w.service(func(o *courier.Options) { o.SMTPURL, o.Key = peer.URL(), keyOf(t, 8) })
		if found, err := other.Refusals(t.Context(), []string{address}); err != nil || len(found) > 0 {
			t.Errorf("another installation's key finds %v, %v", found, err)
		}
		w.exec(`DELETE FROM customer`)
		if rows := w.refusals(); len(rows) > 0 {
			t.Errorf("left of a deleted customer: %v", rows)
		}
	})
}

func keyOf(t *testing.T, bytesOf ...byte) secret.Key {
	t.Helper()
	var previous [][]byte
	for _, b := range bytesOf[1:] {
		previous = append(previous, bytes.Repeat([]byte{b}, 32))
	}
	k, err := secret.NewKey(bytes.Repeat([]byte{bytesOf[0]}, 32), previous...)
	if err != nil {
		t.Fatal(err)
	}
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
			if rows := w.refusals(); len(rows) != 1 {
				t.Errorf("%d: rows %v", i, rows)
			}
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

		if err := w.svc.RunAgain(t.Context(), suppressed.MessageID); err != nil {
			t.Fatal(err)
		}
		again := suppressed
		again.Run++
		w.deliver(again)
		w.expect(again.MessageID, courier.HandedOver, "", courier.Suppressed, courier.Accepted)
		if told := w.told(); told[len(told)-1].State != courier.HandedOver {
			t.Error("nobody heard that it went out")
		}

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
