package attention

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// TestChannels: a gateway without credit is shown to operators of the queues, and to nobody else, until it accepts a
// message. The customer's administrators see nothing, because they can do nothing about it.
func TestChannels(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		peer := couriertest.NewGatewayPeer(t)
		w := newWorld(t, db, func(o *courier.Options) { o.SMSURL = peer.URL() })
		keeper := account.Caller{ID: uuid.Must(uuid.NewV7()), Name: "Dora", Roles: []policies.Role{policies.DataAdministrator}}
		assert.Empty(w, w.seen(keeper), "at first she sees")
		w.customer(w.anna, "Frist AG", "Frist")
		var m courier.Message
		w.Must(w.DB.NewSelect().Model(&m).Where("channel = 'sms'").Scan(w.Ctx))
		ticket := courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run}
		for i, status := range []int{401, 402, 404} {
			peer.Script(couriertest.GatewayStep{Status: status})
			v, err := w.post.Deliver(w.Ctx, ticket)
			w.Must(err)
			want := []string{"channels sms auth 401, 1 waiting", "channels sms credit 402, 1 waiting", "channels sms gateway_refused 404, 1 waiting"}[i]
			assert.Equal(w, []string{want}, w.seen(keeper), "she sees")
			for _, c := range []account.Caller{w.anna, w.uta} {
				assert.Empty(w, w.seen(c), "%s sees", c.Name)
			}
			w.Tick(v.After)
		}
		p, err := w.Part(w.Ctx, w.anna, Channels, "")
		require.NoError(w, err, "Anna asks for the section alone")
		assert.Equal(w, 0, p.Len(), "Anna asks for the section alone")
		_, err = w.post.Deliver(w.Ctx, ticket)
		w.Must(err)
		assert.Empty(w, w.seen(keeper), "when it works again she sees")
	})
}

// TestSending: an unusable queue, and the lack of a sending process, are shown to operators of the queues, and to
// nobody else. Problems that stop no message are not shown.
func TestSending(t *testing.T) {
	each(t, func(w *world) {
		keeper := account.Caller{ID: uuid.Must(uuid.NewV7()), Name: "Dora", Roles: []policies.Role{policies.DataAdministrator}}
		w.queues = []courier.QueueTrouble{{Queues: []string{"mail", "sms"}, Reason: courier.QueueEvicts}}
		assert.Empty(w, w.seen(keeper), "of a warning she sees")
		w.queues = []courier.QueueTrouble{
			{Queues: []string{"mail"}, Reason: courier.QueueFull, Since: w.Now()}, {Queues: []string{"sms"}, Reason: courier.QueueSilent, Since: w.Now()},
		}
		w.noWorker = w.Now().Add(-3 * time.Minute)
		assert.Equal(w, []string{"sending [mail] full", "sending [sms] silent", "sending no worker since 08:57:00"}, w.seen(keeper), "she sees")
		for _, c := range []account.Caller{w.anna, w.uta} {
			assert.Empty(w, w.seen(c), "%s sees", c.Name)
		}
		w.queues, w.noWorker = nil, time.Time{}
		assert.Empty(w, w.seen(keeper), "when it is over she sees")
	})
}
