package attention

import (
	"slices"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

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
		if got := w.seen(keeper); len(got) != 0 {
			w.Errorf("at first she sees %q", got)
		}
		w.customer(w.anna, "Frist AG", "Frist")
		var m courier.Message
		w.Must(w.DB.NewSelect().Model(&m).Where("channel = 'sms'").Scan(w.Ctx))
		ticket := courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run}
		for i, status := range []int{401, 402, 404} {
			peer.Script(couriertest.GatewayStep{Status: status})
			v, err := w.post.Deliver(w.Ctx, ticket)
			w.Must(err)
			want := []string{"channels sms auth 401, 1 waiting", "channels sms credit 402, 1 waiting", "channels sms gateway_refused 404, 1 waiting"}[i]
			if got := w.seen(keeper); !slices.Equal(got, []string{want}) {
				w.Errorf("she sees %q, want %s", got, want)
			}
			for _, c := range []account.Caller{w.anna, w.uta} {
				if got := w.seen(c); len(got) != 0 {
					w.Errorf("%s sees %q", c.Name, got)
				}
			}
			w.Tick(v.After)
		}
		if p, err := w.Part(w.Ctx, w.anna, Channels, ""); err != nil || p.Len() != 0 {
			w.Errorf("Anna asks for the section alone: %+v, %v", p, err)
		}
		_, err := w.post.Deliver(w.Ctx, ticket)
		w.Must(err)
		if got := w.seen(keeper); len(got) != 0 {
			w.Errorf("when it works again she sees %q", got)
		}
	})
}

// TestSending: an unusable queue, and the lack of a sending process, are shown to operators of the queues, and to
// nobody else. Problems that stop no message are not shown.
func TestSending(t *testing.T) {
	each(t, func(w *world) {
		keeper := account.Caller{ID: uuid.Must(uuid.NewV7()), Name: "Dora", Roles: []policies.Role{policies.DataAdministrator}}
		w.queues = []courier.QueueTrouble{{Queues: []string{"mail", "sms"}, Reason: courier.QueueEvicts}}
		if got := w.seen(keeper); len(got) != 0 {
			w.Errorf("of a warning she sees %q", got)
		}
		w.queues = []courier.QueueTrouble{
			{Queues: []string{"mail"}, Reason: courier.QueueFull, Since: w.Now()}, {Queues: []string{"sms"}, Reason: courier.QueueSilent, Since: w.Now()},
		}
		w.noWorker = w.Now().Add(-3 * time.Minute)
		if got := w.seen(keeper); !slices.Equal(got, []string{"sending [mail] full", "sending [sms] silent", "sending no worker since 08:57:00"}) {
			w.Errorf("she sees %q", got)
		}
		for _, c := range []account.Caller{w.anna, w.uta} {
			if got := w.seen(c); len(got) != 0 {
				w.Errorf("%s sees %q", c.Name, got)
			}
		}
		w.queues, w.noWorker = nil, time.Time{}
		if got := w.seen(keeper); len(got) != 0 {
			w.Errorf("when it is over she sees %q", got)
		}
	})
}
