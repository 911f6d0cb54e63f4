package courier_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
)

func TestCancelWhileSending(t *testing.T) {
	for name, c := range map[string]struct {
		step    couriertest.SMTPStep
		outcome courier.Outcome
	}{
		"accepted": {couriertest.Accept, courier.Accepted},
		"refused":  {couriertest.NoSuchUser, courier.Permanent},
		"later":    {couriertest.Greylist, courier.Temporary},
	} {
		t.Run(name, func(t *testing.T) {
			withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
				peer.Script(c.step)
				ticket := w.enqueue(w.mailPost())
				finish := w.holdInDelivery(peer, ticket)
				w.expect(ticket.MessageID, courier.Sending, "", "")
				w.inTx(func(ctx context.Context, tx bun.Tx) error { return w.svc.CancelAccess(ctx, tx, w.access) })
				finish()
				w.expect(ticket.MessageID, courier.Cancelled, "", c.outcome)
				if v := w.deliver(ticket); v.Retry || len(w.told()) != 0 {
					t.Errorf("%+v, told %v", v, w.told())
				}
			})
		})
	}
}

// holdInDelivery delivers a ticket until the server holds the mail. It returns a function that lets the delivery
// continue and waits for its end.
func (w *world) holdInDelivery(peer *couriertest.SMTPPeer, ticket courier.Ticket) (finish func() courier.Verdict) {
	w.tb.Helper()
	reached, release := peer.Hold()
	done := make(chan courier.Verdict, 1)
	go func() {
		v, err := w.svc.Deliver(context.Background(), ticket)
		if err != nil {
			w.tb.Error(err)
		}
		done <- v
	}()
	<-reached
	return func() courier.Verdict {
		release()
		return <-done
	}
}

func TestNobodyElseWhileSending(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		other := w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
		ticket := w.enqueue(w.mailPost())
		finish := w.holdInDelivery(peer, ticket)
		for name, s := range map[string]*courier.Service{"same process": w.svc, "other process": other} {
			v, err := s.Deliver(context.Background(), ticket)
			if err != nil || !v.Retry || v.After <= 0 || v.After > 15*time.Second || v.Why != "busy" {
				t.Errorf("%s: %+v, %v", name, v, err)
			}
		}
		if v := finish(); v.Retry {
			t.Errorf("%+v", v)
		}
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		if len(peer.Mails()) != 1 {
			t.Errorf("%d mails", len(peer.Mails()))
		}
	})
}

// A worker that was killed leaves the message in Sending. When its lease ends another worker takes the message over. If
// the first worker was only slow, its outcome still counts, once.
func TestTakeOver(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		other := w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
		ticket := w.enqueue(w.mailPost())
		finish := w.holdInDelivery(peer, ticket)

		w.pass(19 * time.Second) // of the 20 s of a lease that nobody renews
		if got, err := w.svc.Claim(context.Background(), 10, time.Minute); err != nil || len(got) != 0 {
			t.Fatalf("%v, %v", got, err)
		}
		w.pass(2 * time.Second)
		tickets, err := w.svc.Claim(context.Background(), 10, time.Minute)
		if err != nil || len(tickets) != 1 || tickets[0].Attempt != 1 {
			t.Fatalf("%v, %v", tickets, err)
		}
		if v, err := other.Deliver(context.Background(), tickets[0]); err != nil || v.Retry {
			t.Fatalf("%+v, %v", v, err)
		}
		w.expect(ticket.MessageID, courier.HandedOver, "", "", courier.Accepted)
		finish()
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted, courier.Accepted)
		mails := peer.Mails()
		if len(mails) != 2 || mails[0].Message(t).Header.Get("Message-Id") != mails[1].Message(t).Header.Get("Message-Id") {
			t.Errorf("%d mails", len(mails))
		}
		w.noSecrets()
	})
}

// An attempt that takes long keeps its lease, and stops when it has lost the lease.
func TestLeaseOfALongAttempt(t *testing.T) {
	ctx := context.Background()
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		renewing := func(o *courier.Options) { o.SMTPURL, o.RenewLease = peer.URL(), 10*time.Millisecond }
		w.svc = w.service(renewing)
		other := w.service(renewing)

		ticket := w.enqueue(w.mailPost())
		finish := w.holdInDelivery(peer, ticket)
		for range 3 {
			w.pass(15 * time.Second)
			w.waitForLease(ticket)
		}
		if v, err := other.Deliver(ctx, ticket); err != nil || v.Why != "busy" {
			t.Errorf("%+v, %v", v, err)
		}
		if got, err := other.Claim(ctx, 10, time.Minute); err != nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
		finish()
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)

		for name, c := range map[string]struct {
			lose  string
			state courier.State
		}{
			"cancelled":  {"UPDATE message SET state = 'cancelled', relay_at = NULL, settled_at = created_at WHERE id = ?", courier.Cancelled},
			"taken over": {"UPDATE message SET attempts = attempts + 1 WHERE id = ?", courier.Sending},
		} {
			ticket := w.enqueue(w.mailPost())
			w.holdAndLose(peer, ticket, func() { w.exec(c.lose, ticket.MessageID) })
			m := w.expect(ticket.MessageID, c.state, "", courier.Temporary)
			if got := len(peer.Mails()); got != 1 || m.AttemptRows[0].Reason != "interrupted" {
				t.Errorf("%s: %d mails, %+v", name, got, m.AttemptRows)
			}
		}
	})
}

// A worker that can't renew the lease stops before another may take the message over.
func TestLeaseWithoutDatabase(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL, o.RenewLease = peer.URL(), 10*time.Millisecond })
		ticket := w.enqueue(w.mailPost())
		if err := w.holdAndLose(peer, ticket, func() { w.exec("ALTER TABLE message RENAME TO message_away") }); err == nil {
			t.Error("delivered without a database")
		}
		w.exec("ALTER TABLE message_away RENAME TO message")
		w.expect(ticket.MessageID, courier.Sending, "", "")
		w.pass(20 * time.Second)
		w.deliver(ticket)
		w.expect(ticket.MessageID, courier.HandedOver, "", "", courier.Accepted)
		if len(peer.Mails()) != 1 {
			t.Errorf("%d mails", len(peer.Mails()))
		}
	})
}

// holdAndLose delivers a ticket to a server that does not answer, until lose has made the delivery give up.
func (w *world) holdAndLose(peer *couriertest.SMTPPeer, ticket courier.Ticket, lose func()) error {
	reached, release := peer.Hold()
	defer release()
	done := make(chan error, 1)
	go func() {
		_, err := w.svc.Deliver(context.Background(), ticket)
		done <- err
	}()
	<-reached
	lose()
	return <-done
}

// waitForLease waits until a message is leased for 20 s from now.
func (w *world) waitForLease(ticket courier.Ticket) {
	w.tb.Helper()
	want := w.clock().Add(20 * time.Second)
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		if m := w.message(ticket.MessageID); m.LeaseUntil.Equal(want) && m.RelayAt.Equal(want) {
			return
		}
	}
	w.tb.Fatalf("not leased until %s", want)
}

func TestManyTasksForOneMessage(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		services := []*courier.Service{w.svc, w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })}
		ticket := w.enqueue(w.mailPost())
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				if _, err := services[i%2].Deliver(context.Background(), ticket); err != nil {
					t.Error(err)
				}
			}()
		}
		wait.Wait()
		if len(peer.Mails()) != 1 {
			t.Errorf("%d mails", len(peer.Mails()))
		}
	})
}

// Messages that are delivered at the same time share a tx where that saves time. A message that is void or whose
// composer fails does no harm to the others.
func TestManyMessagesAtOnce(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		const n, void, broken = 24, 7, 15
		var tickets []courier.Ticket
		for range n {
			tickets = append(tickets, w.enqueue(w.mailPost()))
		}
		w.compose = func(m courier.Message, c *courier.Content) error {
			switch m.ID {
			case tickets[void].MessageID:
				c.Void = true
			case tickets[broken].MessageID:
				return errBroken
			}
			return nil
		}
		var wait sync.WaitGroup
		for i, ticket := range tickets {
			wait.Go(func() {
				if v, err := w.svc.Deliver(context.Background(), ticket); err != nil || v.Retry != (i == broken) {
					t.Errorf("%d: %+v, %v", i, v, err)
				}
			})
		}
		wait.Wait()
		for i, ticket := range tickets {
			switch i {
			case void:
				w.expect(ticket.MessageID, courier.Cancelled, "")
			case broken:
				w.expect(ticket.MessageID, courier.Queued, "internal", courier.Temporary)
			default:
				w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
			}
		}
		// one link for each that was sent, and one of the void message, whose composer had made it already
		links, err := w.db.NewSelect().Table("link").Count(context.Background())
		if err != nil || links != n-1 || len(peer.Mails()) != n-2 {
			t.Errorf("%d links, %d mails, %v", links, len(peer.Mails()), err)
		}
		w.noSecrets()
	})
}

func TestStopWhileSending(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		ticket := w.enqueue(w.mailPost())
		reached, release := peer.Hold()
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan courier.Verdict, 1)
		go func() {
			v, err := w.svc.Deliver(ctx, ticket)
			if err != nil {
				t.Error(err)
			}
			done <- v
		}()
		<-reached
		stop()
		if v := <-done; !v.Retry {
			t.Errorf("%+v", v)
		}
		release()
		w.expect(ticket.MessageID, courier.Queued, "interrupted", courier.Temporary)
	})
}
