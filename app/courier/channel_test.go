package courier_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
)

// expectTrouble checks the trouble that is reported to the operators of the queues; channel "" means no trouble.
func (w *world) expectTrouble(channel courier.Channel, reason, status string, waiting int) courier.Trouble {
	w.tb.Helper()
	list, err := w.svc.Troubles(context.Background())
	if err != nil {
		w.tb.Fatal(err)
	}
	n, err := w.svc.CountTroubles(context.Background())
	if err != nil || n != len(list) {
		w.tb.Fatalf("counted %d of %d, %v", n, len(list), err)
	}
	if channel == "" {
		if n != 0 {
			w.tb.Errorf("trouble %+v, want none", list)
		}
		return courier.Trouble{}
	}
	if n != 1 || list[0].Channel != channel || list[0].Reason != reason || list[0].Status != status || list[0].Waiting != waiting {
		w.tb.Errorf("trouble %+v, want %s (%s, %q), %d waiting", list, channel, reason, status, waiting)
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
		if !got.Since.Equal(start) || !got.LastAt.Equal(start.Add(time.Second)) {
			t.Errorf("since %s, last at %s", got.Since, got.LastAt)
		}
		w.deliver(w.enqueue(w.mailPost())) // another way
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
		for _, to := range []string{mobile, mobile, "+4915112345671"} { // two of the same are one number
			ticket := w.enqueueTo(post, to)
			post = w.smsPost()
			w.deliver(ticket)
			if m := w.expect(ticket.MessageID, courier.Failed, "number_invalid", courier.Permanent); !m.AboutNumber() {
				t.Errorf("%+v is no verdict", m)
			}
			tickets = append(tickets, ticket)
		}
		w.expectTrouble("", "", "", 0)
		third := w.enqueueTo(post, "+4915112345672")
		if v := w.deliver(third); !v.Retry {
			t.Errorf("%+v", v)
		}
		w.expect(third.MessageID, courier.Queued, "every_number", courier.Temporary)
		for _, ticket := range tickets {
			if m := w.expect(ticket.MessageID, courier.Queued, "every_number", courier.Permanent); m.AboutNumber() {
				t.Errorf("%+v is still a verdict", m)
			}
		}
		w.expectTrouble(courier.SMS, "every_number", "400", 4)
		told := w.told()
		for i, m := range told[len(told)-3:] {
			if m.ID != tickets[i].MessageID || m.State != courier.Queued {
				t.Errorf("told %+v", m)
			}
		}
		// still the same: none is settled
		w.pass(5 * time.Second)
		w.deliver(tickets[0])
		w.expect(tickets[0].MessageID, courier.Queued, "every_number", courier.Permanent, courier.Temporary)

		// mended: the first is taken, and what is refused now is a verdict again
		w.pass(time.Minute)
		peer.Script(couriertest.GatewayStep{Status: 200})
		w.deliver(tickets[2])
		w.deliver(tickets[1])
		got := []courier.State{w.message(tickets[1].MessageID).State, w.message(tickets[2].MessageID).State}
		if got[0] != courier.HandedOver || got[1] != courier.Queued { // the last "no" of the script came first
			t.Errorf("%v", got)
		}
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
				if _, err := w.svc.Deliver(context.Background(), ticket); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		for _, ticket := range tickets {
			if m := w.message(ticket.MessageID); m.State != courier.Queued || m.Reason != "every_number" {
				t.Errorf("%s (%s)", m.State, m.Reason)
			}
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
		if m := w.expect(first.MessageID, courier.Failed, "expired", courier.Permanent); m.AboutNumber() {
			t.Error("still a verdict")
		}
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
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("gateway", func(t *testing.T) {
		withGateway(t, func(t *testing.T, w *world, _ *couriertest.GatewayPeer) {
			for status, want := range map[string]bool{"failed": false, "invalid": true} {
				ticket := w.enqueue(w.smsPost())
				w.deliver(ticket)
				report(t, w, `{"id": "`+ticket.MessageID.String()+`", "status": "`+status+`"}`)
				if m := w.message(ticket.MessageID); m.State != courier.Failed || m.AboutNumber() != want {
					t.Errorf("%s: %s (%s)", status, m.State, m.Reason)
				}
			}
			w.expectTrouble("", "", "", 0)
			ticket := w.enqueue(w.smsPost())
			w.deliver(ticket)
			for range 2 { // gateways repeat themselves
				report(t, w, `{"id": "`+ticket.MessageID.String()+`", "status": "rejected", "detail": "402 no credit"}`)
			}
			m := w.expect(ticket.MessageID, courier.Queued, "gateway_refused", courier.Accepted, courier.Temporary)
			if !m.NextAt.Equal(start.Add(5*time.Second)) || !m.AttemptRows[1].NextAt.Equal(*m.NextAt) {
				t.Errorf("%+v", m)
			}
			w.expectTrouble(courier.SMS, "gateway_refused", "402", 1)
			w.deliver(w.enqueue(w.smsPost()))
			report(t, w, `{"id": "`+ticket.MessageID.String()+`", "status": "rejected", "detail": "402 no credit"}`)
			w.expectTrouble("", "", "", 0) // old news begin nothing anew
			w.pass(5 * time.Second)
			got, err := w.svc.Claim(ctx, 10, time.Minute)
			if err != nil || len(got) != 1 || got[0].MessageID != ticket.MessageID {
				t.Fatalf("%v, %v", got, err)
			}
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
				if m := w.message(ticket.MessageID); m.State != want || m.AboutNumber() {
					t.Errorf("%s: %s (%s)", stat, m.State, m.Reason)
				}
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
			if len(w.told()) != 0 {
				t.Errorf("told %v", w.told())
			}
			w.pass(30 * time.Second)
			w.deliver(ticket)
			w.pass(linkTTL - 40*time.Second) // no time for another try
			bounce()
			w.expect(ticket.MessageID, courier.Failed, "blocked", courier.Accepted, courier.Temporary, courier.Accepted, courier.Temporary)
			if len(w.told()) != 1 || len(peer.Mails()) != 2 {
				t.Errorf("told %v, %d mails", w.told(), len(peer.Mails()))
			}
		})
	})
}
