package courier_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
				v := w.deliver(ticket)
				assert.False(t, v.Retry, "%+v", v)
				assert.Empty(t, w.told(), "told")
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
		assert.NoError(w.tb, err)
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
			require.NoError(t, err, name)
			assert.True(t, v.Retry, "%s: %+v", name, v)
			assert.True(t, v.After > 0, "%s", name)
			assert.LessOrEqual(t, v.After, 15*time.Second, name)
			assert.Equal(t, "busy", v.Why, name)
		}
		v := finish()
		assert.False(t, v.Retry, "%+v", v)
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		assert.Len(t, peer.Mails(), 1, "mails")
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
		got, err := w.svc.Claim(context.Background(), 10, time.Minute)
		require.NoError(t, err)
		require.Empty(t, got)
		w.pass(2 * time.Second)
		tickets, err := w.svc.Claim(context.Background(), 10, time.Minute)
		require.NoError(t, err)
		require.Len(t, tickets, 1)
		require.Equal(t, 1, tickets[0].Attempt)
		v, err := other.Deliver(context.Background(), tickets[0])
		require.NoError(t, err)
		require.False(t, v.Retry, "%+v", v)
		w.expect(ticket.MessageID, courier.HandedOver, "", "", courier.Accepted)
		finish()
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted, courier.Accepted)
		mails := peer.Mails()
		require.Len(t, mails, 2, "mails")
		assert.Equal(t, mails[1].Message(t).Header.Get("Message-Id"), mails[0].Message(t).Header.Get("Message-Id"))
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
		v, err := other.Deliver(ctx, ticket)
		require.NoError(t, err)
		assert.Equal(t, "busy", v.Why)
		got, err := other.Claim(ctx, 10, time.Minute)
		require.NoError(t, err)
		assert.Empty(t, got)
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
			got := len(peer.Mails())
			assert.Equal(t, 1, got, "%s: mails", name)
			assert.Equal(t, "interrupted", m.AttemptRows[0].Reason, name)
		}
	})
}

// A worker that can't renew the lease stops before another may take the message over.
func TestLeaseWithoutDatabase(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL, o.RenewLease = peer.URL(), 10*time.Millisecond })
		ticket := w.enqueue(w.mailPost())
		assert.Error(t, w.holdAndLose(peer, ticket, func() { w.exec("ALTER TABLE message RENAME TO message_away") }), "delivered without a database")
		w.exec("ALTER TABLE message_away RENAME TO message")
		w.expect(ticket.MessageID, courier.Sending, "", "")
		w.pass(20 * time.Second)
		w.deliver(ticket)
		w.expect(ticket.MessageID, courier.HandedOver, "", "", courier.Accepted)
		assert.Len(t, peer.Mails(), 1, "mails")
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
				_, err := services[i%2].Deliver(context.Background(), ticket)
				assert.NoError(t, err)
			}()
		}
		wait.Wait()
		assert.Len(t, peer.Mails(), 1, "mails")
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
				v, err := w.svc.Deliver(context.Background(), ticket)
				if assert.NoError(t, err) {
					assert.Equal(t, i == broken, v.Retry)
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
		// Each message that was sent has one link, and so has the void message, whose composer had already made it.
		links, err := w.db.NewSelect().Table("link").Count(context.Background())
		require.NoError(t, err)
		assert.EqualValues(t, n-1, links, "links")
		assert.Len(t, peer.Mails(), n-2, "mails")
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
			assert.NoError(t, err)
			done <- v
		}()
		<-reached
		stop()
		v := <-done
		assert.True(t, v.Retry, "%+v", v)
		release()
		w.expect(ticket.MessageID, courier.Queued, "interrupted", courier.Temporary)
	})
}
