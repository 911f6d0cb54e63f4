package courier_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/courier"
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
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		if n, err := w.db.NewSelect().Model((*courier.Message)(nil)).Count(context.Background()); n != 0 || err != nil {
			t.Fatalf("%d messages, %v", n, err)
		}
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
		if n, err := w.db.NewSelect().Model((*courier.Message)(nil)).Count(context.Background()); n != 1 || err != nil {
			t.Fatalf("%d messages, %v", n, err)
		}
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
			if err == nil {
				t.Errorf("%s: no error", name)
			}
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
		if err != nil || len(first) != 3 {
			t.Fatalf("%v, %v", first, err)
		}
		second, err := w.svc.Claim(ctx, 3, time.Minute)
		if err != nil || len(second) != 2 {
			t.Fatalf("%v, %v", second, err)
		}
		for i, ticket := range append(first, second...) {
			if ticket.MessageID != want[i] || ticket.Run != 1 || ticket.Attempt != 0 || ticket.Channel != courier.Email {
				t.Errorf("ticket %d is %+v, want of %s", i, ticket, want[i])
			}
		}
		if more, err := w.svc.Claim(ctx, 3, time.Minute); err != nil || len(more) != 0 {
			t.Fatalf("%v, %v", more, err)
		}
		if err := w.svc.Enqueued(ctx, want[:2], time.Hour); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Minute) // the relay died with the others
		if again, err := w.svc.Claim(ctx, 10, time.Minute); err != nil || len(again) != 3 {
			t.Fatalf("%v, %v", again, err)
		}
		if none, err := w.svc.Claim(ctx, 10, time.Minute, courier.SMS); err != nil || len(none) != 0 {
			t.Fatalf("of the other channel: %v, %v", none, err)
		}
		if err := w.svc.QueueLost(ctx, courier.SMS); err != nil {
			t.Fatal(err)
		}
		if none, err := w.svc.Claim(ctx, 10, time.Minute); err != nil || len(none) != 0 {
			t.Fatalf("the other queue was lost: %v, %v", none, err)
		}
		if err := w.svc.QueueLost(ctx, courier.Email, courier.SMS); err != nil {
			t.Fatal(err)
		}
		if all, err := w.svc.Claim(ctx, 10, time.Minute, courier.Email); err != nil || len(all) != 5 {
			t.Fatalf("%v, %v", all, err)
		}
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
			if r.err != nil {
				t.Error(r.err)
			}
			for _, ticket := range r.tickets {
				seen[ticket.MessageID]++
			}
		}
		if len(seen) != messages {
			t.Errorf("%d of %d messages claimed", len(seen), messages)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s claimed %d times", id, n)
			}
		}
	})
}

// A relay that records the queueing too late must not make a settled message due again.
func TestEnqueuedAfterSettled(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		ticket := w.enqueue(w.mailPost())
		w.deliver(ticket)
		if err := w.svc.Enqueued(context.Background(), []uuid.UUID{ticket.MessageID}, time.Hour); err != nil {
			t.Fatal(err)
		}
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
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
		if v := w.deliver(sms); v.Retry {
			t.Errorf("a cancelled message is tried again: %+v", v)
		}
		w.deliver(mail)
		w.inTx(func(ctx context.Context, tx bun.Tx) error { return w.svc.CancelAccess(ctx, tx, w.access) })
		w.expect(mail.MessageID, courier.HandedOver, "", courier.Accepted) // what has left has left
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
		if err != nil || len(got) != 2 {
			t.Fatalf("%v, %v", got, err)
		}
		if got[0].Channel != courier.SMS || got[0].To != mobile || !strings.Contains(got[0].Text, w.secrets[2]) {
			t.Errorf("newest is %+v", got[0])
		}
		if m := got[1]; m.Channel != courier.Email || m.To != address || m.Subject == "" || m.HTML == "" ||
			!strings.Contains(m.Text, "\nhttps://kontor.test/register/"+w.secrets[0]+"\n") || !m.At.Equal(start) {
			t.Errorf("oldest is %+v", m)
		}
		if one, err := w.svc.Mailbox(context.Background(), 1); err != nil || len(one) != 1 || one[0].ID != got[0].ID {
			t.Errorf("%v, %v", one, err)
		}
		if !w.svc.HasMailbox() {
			t.Error("there is a mailbox")
		}
		w.exec("DELETE FROM customer WHERE id = ?", w.customer)
		if left, err := w.svc.Mailbox(context.Background(), 10); err != nil || len(left) != 0 {
			t.Errorf("%d letters are left of a deleted customer, %v", len(left), err)
		}
	})
}

func TestMailboxKeepsTheNewest(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		for range 501 {
			w.exec(`INSERT INTO mailbox (id, sealed, created_at) VALUES (?, ?, ?)`, newID(t), []byte{1}, start)
		}
		w.deliver(w.enqueue(w.mailPost()))
		if n, err := w.db.NewSelect().Table("mailbox").Count(context.Background()); n != 500 || err != nil {
			t.Fatalf("%d letters, %v", n, err)
		}
		got, err := w.svc.Mailbox(context.Background(), 1000)
		if err != nil || len(got) != 1 {
			t.Fatalf("%d letters can be read, %v", len(got), err)
		}
	})
}

func TestNewRefusesNonsense(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		good := courier.Options{
			DB: w.db, Now: w.clock, Key: key(t), Log: nil, From: "Kontor <no-reply@kontor.test>",
		}
		if _, err := courier.New(good); err == nil {
			t.Error("no templates, no log: no error")
		}
	})
}
