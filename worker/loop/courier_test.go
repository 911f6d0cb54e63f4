package loop

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/await"
	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// house is the real courier on a real database, with peers on loopback.
type house struct {
	ahead   atomic.Int64 // of the courier's clock
	db      *store.DB
	courier *courier.Service
	smtp    *couriertest.SMTPPeer
	gateway *couriertest.GatewayPeer
}

func newHouse(tb testing.TB, db *store.DB, schedule ...time.Duration) *house {
	tb.Helper()
	h := &house{db: db, smtp: couriertest.NewSMTPPeer(tb), gateway: couriertest.NewGatewayPeer(tb)}
	key, err := secret.NewKey(make([]byte, 32))
	require.NoError(tb, err)
	h.courier, err = courier.New(courier.Options{
		DB: db, Now: func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }, Key: key, Log: slog.New(slog.DiscardHandler), Templates: os.DirFS("../../views/mail"),
		Letterhead: courier.Letterhead{Firm: "Muster GmbH"}, From: "no-reply@example.org", SMTPURL: h.smtp.URL(), SMSURL: h.gateway.URL(),
		Schedule: courier.Schedule{SMS: schedule},
	})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = h.courier.Close() })
	h.courier.Register(map[courier.Kind]courier.Composer{courier.ResetPassword: courier.Each(func(_ context.Context, _ bun.IDB, m courier.Message) (courier.Content, error) {
		return courier.Content{To: m.Recipient, Locale: m.Locale, Template: m.Kind, Data: courier.AccountData{
			Firm: "Muster GmbH", Name: "Anna Berg", Link: "https://example.org/x", Expires: m.ExpiresAt,
		}}, nil
	}), courier.RegistrationCode: courier.Each(func(_ context.Context, _ bun.IDB, m courier.Message) (courier.Content, error) {
		return courier.Content{To: m.Recipient, Locale: m.Locale, Template: m.Kind, Data: courier.CodeData{
			Firm: "Muster GmbH", Code: "CFGH-JMPQ", Expires: m.ExpiresAt,
		}}, nil
	})})
	return h
}

// post queues n mails and n SMS.
func (h *house) post(tb testing.TB, n int) {
	tb.Helper()
	err := h.db.InTx(tb.Context(), func(ctx context.Context, tx bun.Tx) error {
		for i := range n {
			for _, p := range []courier.Post{
				{Kind: courier.ResetPassword, Channel: courier.Email, Recipient: fmt.Sprintf("p%d@example.org", i)},
				{Kind: courier.RegistrationCode, Channel: courier.SMS, Recipient: fmt.Sprintf("+4915112345%03d", i)},
			} {
				p.Locale, p.Dedupe, p.ExpiresAt = "de", string(p.Kind)+p.Recipient, time.Now().Add(time.Hour)
				if err := h.courier.Enqueue(ctx, tx, p); err != nil {
					return err
				}
			}
		}
		return nil
	})
	require.NoError(tb, err)
}

func (h *house) unsettled(tb testing.TB) int64 {
	tb.Helper()
	n, err := h.db.NewSelect().Table("message").Where("state <> ?", courier.HandedOver).Count(tb.Context())
	require.NoError(tb, err)
	return n
}

// waits says whether any message is not settled. It reads few rows, however many messages there are.
func (h *house) waits(tb testing.TB) bool {
	tb.Helper()
	some, err := h.db.NewSelect().Table("message").Where("channel IN (?, ?)", courier.Email, courier.SMS).Where("relay_at IS NOT NULL").Exists(tb.Context())
	require.NoError(tb, err)
	return some
}

// TestWithTheCourier sends mails and SMS with all real parts, while the gateway is out of order for a moment and the
// queue loses all its data.
func TestWithTheCourier(t *testing.T) {
	each := func(t *testing.T, db *store.DB, q *Queue) {
		h := newHouse(t, db)
		h.gateway.Script(couriertest.GatewayStep{Status: http.StatusTooManyRequests}, couriertest.GatewayStep{Status: http.StatusInternalServerError})
		const n = 40
		h.post(t, n)
		stop := start(t, New(q, Options{Outbox: h.courier, Deliverer: h.courier}))
		h.gateway.Wait(t, 2)
		require.NoError(t, mailLane(q).client.FlushDB(t.Context()).Err())
		await.True(t, "all handed over", func() bool { return h.unsettled(t) == 0 })
		stop()
		mails, sms := map[string]int{}, map[string]int{}
		for _, m := range h.smtp.Mails() {
			mails[m.To]++
		}
		for _, m := range h.gateway.Messages() {
			if m.Accepted {
				sms[m.To]++
			}
		}
		for what, got := range map[string]map[string]int{"mails": mails, "SMS": sms} {
			assert.Len(t, got, n, "people got %s", what)
			for to, times := range got {
				assert.Equal(t, 1, times, "%s to %s went out %d times", what, to, times)
			}
		}
	}
	t.Run("sqlite, in-process", func(t *testing.T) { each(t, storetest.SQLite(t), open(t, "", nil)) })
	t.Run("sqlite, redis", func(t *testing.T) { each(t, storetest.SQLite(t), open(t, redisURL(t), nil)) })
	t.Run("postgres, redis", func(t *testing.T) { each(t, storetest.Postgres(t), open(t, redisURL(t), nil)) })
}

// TestBackAtOnce: tasks that wait for an hour run at once when the outbox notices that the gateway works again.
func TestBackAtOnce(t *testing.T) {
	each := func(t *testing.T, db *store.DB, q *Queue) {
		h := newHouse(t, db, time.Hour)
		const n = 5
		for range n {
			h.gateway.Script(couriertest.GatewayStep{Status: http.StatusPaymentRequired})
		}
		h.post(t, n)
		stop := start(t, New(q, Options{Outbox: h.courier, Deliverer: h.courier, Periodic: []Periodic{
			{Name: "tend", Every: 50 * time.Millisecond, Run: h.courier.RetryChannels},
		}}))
		defer stop()
		await.True(t, "refused once each", func() bool {
			list, err := h.courier.Troubles(t.Context())
			return err == nil && len(list) == 1 && list[0].Waiting == n
		})
		await.True(t, "tasks wait", func() bool {
			tasks, err := q.Tasks(t.Context(), queueSMS, courier.TaskRetry, 1)
			return err == nil && len(tasks) == n
		})
		h.ahead.Store(int64(time.Minute)) // the first probe and the messages that it releases
		await.True(t, "all handed over", func() bool {
			h.ahead.Add(int64(time.Second))
			return h.unsettled(t) == 0
		})
		got := len(h.gateway.Messages())
		assert.Equal(t, 2*n, got, "%d requests for %d SMS", got, n)
	}
	t.Run("sqlite, in-process", func(t *testing.T) { each(t, storetest.SQLite(t), open(t, "", nil)) })
	t.Run("postgres, redis", func(t *testing.T) { each(t, storetest.Postgres(t), open(t, redisURL(t), nil)) })
}
