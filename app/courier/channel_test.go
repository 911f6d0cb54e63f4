package courier_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
)

// expectTrouble checks the trouble that is reported to the operators of the queues; channel "" means no trouble.
func (w *world) expectTrouble(channel courier.Channel, reason, status string, waiting int) courier.Trouble {
	w.tb.Helper()
	list, err := w.svc.Troubles(context.Background())
	require.NoError(w.tb, err)
	n, err := w.svc.CountTroubles(context.Background())
	require.NoError(w.tb, err, "counted %d of %d", n, len(list))
	require.Equal(w.tb, len(list), n)
	if channel == "" {
		assert.Equal(w.tb, 0, n, "trouble %+v", list)
		return courier.Trouble{}
	}
	if !assert.Equal(w.tb, 1, n) {
		return courier.Trouble{}
	}
	if !assert.Equal(w.tb, channel, list[0].Channel, "trouble") {
		return courier.Trouble{}
	}
	if !assert.Equal(w.tb, reason, list[0].Reason) {
		return courier.Trouble{}
	}
	if !assert.Equal(w.tb, status, list[0].Status) {
		return courier.Trouble{}
	}
	if !assert.Equal(w.tb, waiting, list[0].Waiting, "waiting") {
		return courier.Trouble{}
	}
	return list[0]
}

// enqueueTo is enqueue for another recipient.
func (w *world) enqueueTo(p courier.Post, recipient string) courier.Ticket {
	w.tb.Helper()
	p.Recipient = recipient
	return w.enqueue(p)
}

// TestTroubleGoesByItself: trouble begins with the first refusal, keeps that time, counts the waiting messages, and
// ends when the next message of the same channel is accepted.
func TestTroubleGoesByItself(t *testing.T) {
	withGateway(t, func(t *testing.T, w *world, peer *couriertest.GatewayPeer) {
		peer.Script(couriertest.GatewayStep{Status: 401}, couriertest.GatewayStep{Status: 402})
		one, two := w.enqueue(w.smsPost()), w.enqueue(w.smsPost())
		w.deliver(one)
		w.pass(time.Second)
		w.deliver(two)
		got := w.expectTrouble(courier.SMS, "credit", "402", 2)
		assert.WithinDuration(t, start, got.Since, 0)
		assert.WithinDuration(t, start.Add(time.Second), got.LastAt, 0)
		w.deliver(w.enqueue(w.mailPost())) // another channel
		w.expectTrouble(courier.SMS, "credit", "402", 2)
		w.pass(time.Minute)
		w.deliver(one)
		w.expectTrouble("", "", "", 0)
	})
}

// TestEveryNumberRefused: if a gateway refuses three different numbers in a row, neither this refusal nor the first two
// are believed. When the gateway accepts a number, each number has its own verdict again.
func TestEveryNumberRefused(t *testing.T) {
	no := couriertest.GatewayStep{Status: 400, Body: "bad request"}
	withGateway(t, func(t *testing.T, w *world, peer *couriertest.GatewayPeer) {
		peer.Script(no, no, no, no, no, no)
		post := w.smsPost()
		var tickets []courier.Ticket
		for _, to := range []string{mobile, mobile, "+4915112345671"} { // the same number twice counts once
			ticket := w.enqueueTo(post, to)
			post = w.smsPost()
			w.deliver(ticket)
			m := w.expect(ticket.MessageID, courier.Failed, "number_invalid", courier.Permanent)
			assert.True(t, m.AboutNumber(), "%+v is no verdict", m)
			tickets = append(tickets, ticket)
		}
		w.expectTrouble("", "", "", 0)
		third := w.enqueueTo(post, "+4915112345672")
		v := w.deliver(third)
		assert.True(t, v.Retry, "%+v", v)
		w.expect(third.MessageID, courier.Queued, "every_number", courier.Temporary)
		for _, ticket := range tickets {
			m := w.expect(ticket.MessageID, courier.Queued, "every_number", courier.Permanent)
			assert.False(t, m.AboutNumber(), "%+v is still a verdict", m)
		}
		w.expectTrouble(courier.SMS, "every_number", "400", 4)
		told := w.told()
		for i, m := range told[len(told)-3:] {
			assert.Equal(t, tickets[i].MessageID, m.ID, "told")
			assert.Equal(t, courier.Queued, m.State)
		}
		// Nothing has changed, so no message is settled.
		w.pass(5 * time.Second)
		w.deliver(tickets[0])
		w.expect(tickets[0].MessageID, courier.Queued, "every_number", courier.Permanent, courier.Temporary)

		// The gateway works again. The first message is taken, and a refusal concerns a single message again.
		w.pass(time.Minute)
		peer.Script(couriertest.GatewayStep{Status: 200})
		w.deliver(tickets[2])
		w.deliver(tickets[1])
		got := []courier.State{w.message(tickets[1].MessageID).State, w.message(tickets[2].MessageID).State}
		// The last refusal of the script came before the others.
		assert.Equal(t, courier.HandedOver, got[0])
		assert.Equal(t, courier.Queued, got[1])
		w.expectTrouble("", "", "", 0)
		peer.Script(couriertest.GatewayStep{Status: 422})
		w.deliver(third)
		w.expect(third.MessageID, courier.Failed, "number_invalid", courier.Temporary, courier.Permanent)
		w.noSecrets()
	})
}

// TestEveryNumberAtOnce: of three concurrent refusals each is counted.
func TestEveryNumberAtOnce(t *testing.T) {
	withGateway(t, func(t *testing.T, w *world, peer *couriertest.GatewayPeer) {
		var wait sync.WaitGroup
		var tickets []courier.Ticket
		for _, end := range []string{"1", "2", "3", "4", "5"} {
			peer.Script(couriertest.GatewayStep{Status: 400})
			tickets = append(tickets, w.enqueueTo(w.smsPost(), "+491511234567"+end))
		}
		for _, ticket := range tickets {
			wait.Go(func() {
				_, err := w.svc.Deliver(context.Background(), ticket)
				assert.NoError(t, err)
			})
		}
		wait.Wait()
		for _, ticket := range tickets {
			m := w.message(ticket.MessageID)
			assert.Equal(t, courier.Queued, m.State)
			assert.Equal(t, "every_number", m.Reason)
		}
		w.expectTrouble(courier.SMS, "every_number", "400", 5)
	})
}

// TestEveryNumberTooLate: a verdict is taken back even if it is too late for another try: the message then counts as
// expired.
func TestEveryNumberTooLate(t *testing.T) {
	withSMPP(t, func(t *testing.T, w *world, peer *couriertest.SMPPPeer) {
		no := couriertest.SMPPStep{Status: data.ESME_RINVDSTADR}
		peer.Script(no, no, no)
		first := w.enqueueTo(w.smsPost(), "+4915112345671")
		w.deliver(first)
		w.pass(linkTTL - time.Second)
		for _, to := range []string{"+4915112345672", "+4915112345673"} {
			p := w.smsPost()
			p.ExpiresAt = w.clock().Add(linkTTL)
			w.deliver(w.enqueueTo(p, to))
		}
		assert.False(t, w.expect(first.MessageID, courier.Failed, "expired", courier.Permanent).AboutNumber(), "still a verdict")
		w.expectTrouble(courier.SMS, "every_number", "", 2)
	})
}

// TestReportsOfTheFirm: a message that comes back because the firm is refused is tried again, once for each try. A
// message that is lost for an unknown reason stays lost, and says nothing about the number.
func TestReportsOfTheFirm(t *testing.T) {
	ctx := context.Background()
	report := func(t *testing.T, w *world, body string) {
		t.Helper()
		parse := courier.ParseDeliveryReport
		if strings.Contains(body, "message_id") {
			parse = w.svc.ParseBounce
		}
		r, err := parse([]byte(body))
		if err == nil {
			err = w.svc.Report(ctx, r)
		}
		require.NoError(t, err)
	}
	t.Run("gateway", func(t *testing.T) {
		withGateway(t, func(t *testing.T, w *world, _ *couriertest.GatewayPeer) {
			for status, want := range map[string]bool{"failed": false, "invalid": true} {
				ticket := w.enqueue(w.smsPost())
				w.deliver(ticket)
				report(t, w, `{"id": "`+ticket.MessageID.String()+`", "status": "`+status+`"}`)
				m := w.message(ticket.MessageID)
				assert.Equal(t, courier.Failed, m.State, status)
				assert.Equal(t, want, m.AboutNumber(), status)
			}
			w.expectTrouble("", "", "", 0)
			ticket := w.enqueue(w.smsPost())
			w.deliver(ticket)
			for range 2 { // gateways repeat their reports
				report(t, w, `{"id": "`+ticket.MessageID.String()+`", "status": "rejected", "detail": "402 no credit"}`)
			}
			m := w.expect(ticket.MessageID, courier.Queued, "gateway_refused", courier.Accepted, courier.Temporary)
			assert.WithinDuration(t, start.Add(5*time.Second), *m.NextAt, 0)
			assert.WithinDuration(t, *m.NextAt, *m.AttemptRows[1].NextAt, 0)
			w.expectTrouble(courier.SMS, "gateway_refused", "402", 1)
			w.deliver(w.enqueue(w.smsPost()))
			report(t, w, `{"id": "`+ticket.MessageID.String()+`", "status": "rejected", "detail": "402 no credit"}`)
			w.expectTrouble("", "", "", 0) // an old report starts nothing again
			w.pass(5 * time.Second)
			got, err := w.svc.Claim(ctx, 10, time.Minute)
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.Equal(t, ticket.MessageID, got[0].MessageID)
			w.deliver(got[0])
			w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted, courier.Temporary, courier.Accepted)
			w.expectTrouble("", "", "", 0)
			report(t, w, `{"id": "`+ticket.MessageID.String()+`", "status": "rejected", "detail": "402 no credit"}`)
			w.expect(ticket.MessageID, courier.Queued, "gateway_refused", courier.Accepted, courier.Temporary, courier.Accepted, courier.Temporary)
		})
	})
	t.Run("message centre", func(t *testing.T) {
		withSMPP(t, func(t *testing.T, w *world, peer *couriertest.SMPPPeer) {
			for stat, want := range map[string]courier.State{"UNDELIV": courier.Failed, "EXPIRED": courier.Failed, "REJECTD": courier.Queued} {
				ticket := w.enqueue(w.smsPost())
				w.deliver(ticket)
				peer.Receipt(t, "id:"+w.message(ticket.MessageID).ProviderID+" sub:001 dlvrd:000 stat:"+stat+" err:001 text:")
				m := w.message(ticket.MessageID)
				assert.Equal(t, want, m.State, stat)
				assert.False(t, m.AboutNumber(), "%s", stat)
			}
		})
	})
	t.Run("mail", func(t *testing.T) {
		withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
			ticket := w.enqueue(w.mailPost())
			w.deliver(ticket)
			bounce := func() {
				report(t, w, `{"message_id": "`+ticket.MessageID.String()+`.1@kontor.test", "status": "5.7.1", "detail": "550 5.7.1 blocked"}`)
			}
			bounce()
			w.expect(ticket.MessageID, courier.Queued, "blocked", courier.Accepted, courier.Temporary)
			w.expectTrouble(courier.Email, "blocked", "550 5.7.1", 1)
			assert.Empty(t, w.told(), "told")
			w.pass(30 * time.Second)
			w.deliver(ticket)
			w.pass(linkTTL - 40*time.Second) // no time for another try
			bounce()
			w.expect(ticket.MessageID, courier.Failed, "blocked", courier.Accepted, courier.Temporary, courier.Accepted, courier.Temporary)
			assert.Len(t, w.told(), 1, "told")
			assert.Len(t, peer.Mails(), 2, "mails")
		})
	})
}
