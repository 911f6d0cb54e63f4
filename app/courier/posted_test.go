package courier_test

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
)

func TestPosted(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		p, other := w.mailPost(), w.mailPost()
		w.cancel(w.enqueue(p))
		w.enqueue(other)
		got, err := w.svc.Posted(context.Background(), []string{p.Dedupe, "nothing"})
		require.NoError(t, err)
		assert.Equal(t, map[string]bool{p.Dedupe: true}, got)
		got, err = w.svc.Posted(context.Background(), nil)
		require.NoError(t, err)
		assert.Empty(t, got)
	})
}

// TestForget: old messages of a kind to an account go once they are settled, unless one knows that its address is refused.
func TestForget(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		ctx := context.Background()
		peer := couriertest.NewSMTPPeer(t)
		w.svc = w.service(func(o *courier.Options) { o.SMTPURL = peer.URL() })
		account, second := newID(t), newID(t)
		for _, id := range []uuid.UUID{account, second} {
			w.exec(`INSERT INTO account (id, name, username, username_folded, email, email_folded, created_at) VALUES (?, '', ?, ?, ?, ?, ?)`,
				id, id.String(), id.String(), id.String(), id.String(), w.clock())
		}
		post := func(to uuid.UUID, kind courier.Kind, address string) courier.Ticket {
			p := w.mailPost()
			p.AccountID, p.Kind, p.Recipient = to, kind, address
			return w.enqueue(p)
		}
		sent, refused := post(account, courier.Registration, address), post(account, courier.Registration, "gone@kunde.example")
		w.deliver(sent)
		peer.Script(couriertest.NoSuchUser)
		w.deliver(refused)
		require.Len(t, w.refusals(), 1)
		keeps := []courier.Ticket{
			refused, post(account, courier.Registration, address), // waits
			post(second, courier.Registration, address), post(account, courier.JoinCustomer, address),
		}
		for _, k := range keeps[2:] {
			w.cancel(k)
		}
		w.pass(time.Hour)
		late := post(account, courier.Registration, address)
		w.cancel(late)
		w.inTx(func(ctx context.Context, tx bun.Tx) error {
			return w.svc.Forget(ctx, tx, account, courier.Registration, w.clock())
		})
		var left []uuid.UUID
		require.NoError(t, w.db.NewSelect().Model((*courier.Message)(nil)).Column("id").Scan(ctx, &left))
		var want []uuid.UUID
		for _, k := range append(keeps, late) {
			want = append(want, k.MessageID)
		}
		assert.ElementsMatch(t, want, left)
		assert.Len(t, w.refusals(), 1)
	})
}
