package courier_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
)

func TestEnqueueInRolledBackTx(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		undo := errors.New("undo")
		err := w.db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
			if err := w.svc.Enqueue(ctx, tx, w.mailPost()); err != nil {
				return err
			}
			return undo
		})
		require.ErrorIs(t, err, undo)
		n, err := w.db.NewSelect().Model((*courier.Message)(nil)).Count(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, 0, n, "messages")
		select {
		case <-w.svc.Nudges():
			t.Fatal("nudged for nothing")
		default:
		}
	})
}

func TestEnqueueTwice(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		p := w.mailPost()
		w.inTx(func(ctx context.Context, tx bun.Tx) error {
			if err := w.svc.Enqueue(ctx, tx, p); err != nil {
				return err
			}
			return w.svc.Enqueue(ctx, tx, p)
		})
		<-w.svc.Nudges()
		w.inTx(func(ctx context.Context, tx bun.Tx) error { return w.svc.Enqueue(ctx, tx, p) })
		n, err := w.db.NewSelect().Model((*courier.Message)(nil)).Count(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "messages")
	})
}

func TestEnqueueNonsense(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		for name, change := range map[string]func(*courier.Post){
			"no kind":        func(p *courier.Post) { p.Kind = "" },
			"no channel":     func(p *courier.Post) { p.Channel = "pigeon" },
			"no dedupe":      func(p *courier.Post) { p.Dedupe = "" },
			"no expiry":      func(p *courier.Post) { p.ExpiresAt = time.Time{} },
			"no recipient":   func(p *courier.Post) { p.Recipient = "" },
			"two recipients": func(p *courier.Post) { p.Recipient = "a@example.org\r\nBcc: b@example.org" },
		} {
			p := w.mailPost()
			change(&p)
			err := w.db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
				return w.svc.Enqueue(ctx, tx, p)
			})
			assert.Error(t, err, "%s: no error", name)
		}
	})
}

func TestClaim(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		ctx := context.Background()
		var want []uuid.UUID
		for range 5 {
			want = append(want, w.enqueue(w.mailPost()).MessageID)
			w.pass(time.Second)
		}
		first, err := w.svc.Claim(ctx, 3, time.Minute)
		require.NoError(t, err)
		require.Len(t, first, 3)
		second, err := w.svc.Claim(ctx, 3, time.Minute)
		require.NoError(t, err)
		require.Len(t, second, 2)
		for i, ticket := range append(first, second...) {
			assert.Equal(t, want[i], ticket.MessageID, "ticket %d is %+v", i, ticket)
			assert.Equal(t, 1, ticket.Run)
			assert.Equal(t, 0, ticket.Attempt)
			assert.Equal(t, courier.Email, ticket.Channel)
		}
		more, err := w.svc.Claim(ctx, 3, time.Minute)
		require.NoError(t, err)
		require.Empty(t, more)
		require.NoError(t, w.svc.Enqueued(ctx, want[:2], first[0].Claimed, time.Hour))
		w.pass(2 * time.Minute) // the relay was killed with the others
		again, err := w.svc.Claim(ctx, 10, time.Minute)
		require.NoError(t, err)
		require.Len(t, again, 3)
		none, err := w.svc.Claim(ctx, 10, time.Minute, courier.SMS)
		require.NoError(t, err, "of the other channel")
		require.Empty(t, none, "of the other channel")
		require.NoError(t, w.svc.QueueLost(ctx, courier.SMS))
		none, err = w.svc.Claim(ctx, 10, time.Minute)
		require.NoError(t, err, "the other queue was lost")
		require.Empty(t, none, "the other queue was lost")
		require.NoError(t, w.svc.QueueLost(ctx, courier.Email, courier.SMS))
		all, err := w.svc.Claim(ctx, 10, time.Minute, courier.Email)
		require.NoError(t, err)
		require.Len(t, all, 5)
	})
}

func TestClaimByManyAtOnce(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		const messages, relays = 40, 4
		for range messages {
			w.enqueue(w.mailPost())
		}
		type result struct {
			tickets []courier.Ticket
			err     error
		}
		results := make(chan result)
		for range relays {
			go func() {
				var r result
				for range messages {
					got, err := w.svc.Claim(context.Background(), 3, time.Minute)
					r.tickets, r.err = append(r.tickets, got...), errors.Join(r.err, err)
				}
				results <- r
			}()
		}
		seen := map[uuid.UUID]int{}
		for range relays {
			r := <-results
			assert.NoError(t, r.err)
			for _, ticket := range r.tickets {
				seen[ticket.MessageID]++
			}
		}
		assert.Len(t, seen, messages, "%d of %d messages claimed", len(seen), messages)
		for id, n := range seen {
			assert.Equal(t, 1, n, "%s claimed %d times", id, n)
		}
	})
}

// TestEnqueuedLate: a relay that records the queueing late changes nothing of messages to which something has happened since
// it claimed them.
func TestEnqueuedLate(t *testing.T) {
	for name, then := range map[string]func(w *world, ticket courier.Ticket, peer *couriertest.SMTPPeer){
		"nothing":   nil,
		"settled":   func(w *world, ticket courier.Ticket, _ *couriertest.SMTPPeer) { w.deliver(ticket) },
		"cancelled": func(w *world, ticket courier.Ticket, _ *couriertest.SMTPPeer) { w.cancel(ticket) },
		"sending": func(w *world, ticket courier.Ticket, peer *couriertest.SMTPPeer) {
			finish := w.holdInDelivery(peer, ticket)
			w.tb.Cleanup(func() { finish() })
		},
		"failed for now": func(w *world, ticket courier.Ticket, peer *couriertest.SMTPPeer) {
			peer.Script(couriertest.Greylist)
			w.deliver(ticket)
		},
		"hurried": func(w *world, ticket courier.Ticket, _ *couriertest.SMTPPeer) {
			assert.NoError(w.tb, w.svc.Hurry(context.Background(), ticket.MessageID))
		},
		"the queue was lost": func(w *world, _ courier.Ticket, _ *couriertest.SMTPPeer) {
			assert.NoError(w.tb, w.svc.QueueLost(context.Background(), courier.Email))
		},
	} {
		t.Run(name, func(t *testing.T) {
			withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
				ticket := w.enqueue(w.mailPost())
				claimed, err := w.svc.Claim(context.Background(), 1, 6*time.Second, courier.Email)
				require.NoError(t, err)
				require.Len(t, claimed, 1)
				if then != nil {
					then(w, ticket, peer)
				}
				want := w.message(ticket.MessageID).RelayAt
				if then == nil {
					later := w.clock().Add(time.Hour)
					want = &later
				}
				require.NoError(t, w.svc.Enqueued(context.Background(), []uuid.UUID{ticket.MessageID}, claimed[0].Claimed, time.Hour))
				at := w.message(ticket.MessageID).RelayAt
				require.Equal(t, want == nil, at == nil)
				if at != nil {
					assert.WithinDuration(t, *want, *at, 0)
				}
			})
		})
	}
}

// TestDueIsWalked: what is due is read in the order of its index, so that many messages that wait make a claim no slower.
func TestDueIsWalked(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		ctx := context.Background()
		q := courier.Due(w.db, courier.SMS, start).Limit(500)
		var plan []string
		if !w.db.IsPostgres() {
			var steps []struct {
				ID, Parent, Notused int
				Detail              string
			}
			require.NoError(t, w.db.NewRaw(`EXPLAIN QUERY PLAN ?`, q).Scan(ctx, &steps))
			for _, s := range steps {
				plan = append(plan, s.Detail)
			}
		} else {
			w.inTx(func(ctx context.Context, tx bun.Tx) error {
				if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off`); err != nil {
					return err
				}
				return tx.NewRaw(`EXPLAIN ?`, q).Scan(ctx, &plan)
			})
		}
		all := strings.Join(plan, "\n")
		assert.Contains(t, all, "message_relay_channel")
		assert.NotContains(t, strings.ToUpper(all), "SORT")
		assert.NotContains(t, all, "TEMP B-TREE")
	})
}

func TestCancelAccess(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		mail, sms := w.enqueue(w.mailPost()), w.enqueue(w.smsPost())
		w.inTx(func(ctx context.Context, tx bun.Tx) error {
			return w.svc.CancelAccess(ctx, tx, w.access, courier.SMS)
		})
		w.expect(sms.MessageID, courier.Cancelled, "")
		w.expect(mail.MessageID, courier.Queued, "")
		v := w.deliver(sms)
		assert.False(t, v.Retry, "a cancelled message is tried again: %+v", v)
		w.deliver(mail)
		w.inTx(func(ctx context.Context, tx bun.Tx) error { return w.svc.CancelAccess(ctx, tx, w.access) })
		w.expect(mail.MessageID, courier.HandedOver, "", courier.Accepted) // a message that was sent stays sent
	})
}

func TestCancelAccount(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		account := newID(t)
		w.exec(`INSERT INTO account (id, name, username, username_folded, email, email_folded, created_at)
			VALUES (?, 'A', 'a', 'a', 'a@example.org', 'a@example.org', ?)`, account, start)
		p := w.mailPost()
		p.AccountID, p.Kind = account, courier.ResetPassword
		reset := w.enqueue(p)
		p.Kind, p.Dedupe = courier.ConfirmEmail, "confirm"
		confirm := w.enqueue(p)
		w.inTx(func(ctx context.Context, tx bun.Tx) error {
			return w.svc.CancelAccount(ctx, tx, account, courier.ResetPassword)
		})
		w.expect(reset.MessageID, courier.Cancelled, "")
		w.expect(confirm.MessageID, courier.Queued, "")
		w.inTx(func(ctx context.Context, tx bun.Tx) error { return w.svc.CancelAccount(ctx, tx, account) })
		w.expect(confirm.MessageID, courier.Cancelled, "")
	})
}

func TestMailbox(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		mail, sms := w.enqueue(w.mailPost()), w.enqueue(w.smsPost())
		w.deliver(mail)
		w.pass(time.Second)
		w.deliver(sms)
		w.noSecrets()

		got, err := w.svc.Mailbox(context.Background(), 10)
		require.NoError(t, err)
		require.Len(t, got, 2)
		assert.Equal(t, courier.SMS, got[0].Channel, "newest")
		assert.Equal(t, mobile, got[0].To)
		assert.Contains(t, got[0].Text, w.secrets[2])
		m := got[1]
		assert.Equal(t, courier.Email, m.Channel, "oldest")
		assert.Equal(t, address, m.To)
		assert.NotEmpty(t, m.Subject)
		assert.NotEmpty(t, m.HTML)
		assert.Contains(t, m.Text, "\nhttps://kontor.test/register/"+w.secrets[0]+"\n")
		assert.WithinDuration(t, start, m.At, 0)
		one, err := w.svc.Mailbox(context.Background(), 1)
		require.NoError(t, err)
		require.Len(t, one, 1)
		assert.Equal(t, got[0].ID, one[0].ID)
		assert.True(t, w.svc.HasMailbox(), "there is a mailbox")
		w.exec("DELETE FROM customer WHERE id = ?", w.customer)
		left, err := w.svc.Mailbox(context.Background(), 10)
		require.NoError(t, err)
		assert.Empty(t, left, "letters are left of a deleted customer")
	})
}

func TestMailboxKeepsTheNewest(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		for range 501 {
			w.exec(`INSERT INTO mailbox (id, sealed, created_at) VALUES (?, ?, ?)`, newID(t), []byte{1}, start)
		}
		w.deliver(w.enqueue(w.mailPost()))
		n, err := w.db.NewSelect().Table("mailbox").Count(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, 500, n, "letters")
		got, err := w.svc.Mailbox(context.Background(), 1000)
		require.NoError(t, err)
		require.Len(t, got, 1, "letters can be read")
	})
}

func TestNewRefusesNonsense(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		good := courier.Options{
			DB: w.db, Now: w.clock, Key: key(t), Log: nil, From: "Kontor <no-reply@kontor.test>",
		}
		_, err := courier.New(good)
		assert.Error(t, err, "no templates, no log: no error")
	})
}
