package courier_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
)

// withGateway adds an SMS gateway to a world.
func withGateway(t *testing.T, test func(t *testing.T, w *world, peer *couriertest.GatewayPeer)) {
	t.Helper()
	var peer *couriertest.GatewayPeer
	each(t, func(o *courier.Options) {
		peer = couriertest.NewGatewayPeer(t)
		o.SMSURL, o.SMSHeaders, o.AttemptTimeout = peer.URL(), "Authorization: Bearer hunter22; X-Account: 7", time.Second
	}, func(t *testing.T, w *world) { test(t, w, peer) })
}

func TestSMSArrives(t *testing.T) {
	withGateway(t, func(t *testing.T, w *world, peer *couriertest.GatewayPeer) {
		ticket := w.enqueue(w.smsPost())
		w.deliver(ticket)
		m := w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		got := peer.Messages()[0]
		assert.Equal(t, mobile, got.To)
		assert.Equal(t, ticket.MessageID.String(), got.ID)
		assert.Contains(t, got.Text, w.secrets[1])
		assert.Equal(t, "Bearer hunter22", got.Header.Get("Authorization"))
		assert.Equal(t, "7", got.Header.Get("X-Account"))
		assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
		assert.Equal(t, got.ProviderID, m.ProviderID, "provider's id")
		w.noSecrets()
	})
}

func TestGatewayHasBadDays(t *testing.T) {
	elsewhere := couriertest.NewGatewayPeer(t)
	for _, c := range []struct {
		name   string
		step   couriertest.GatewayStep
		again  time.Duration // 0: failed
		reason string
		detail string // how it begins
	}{
		{"429", couriertest.GatewayStep{Status: 429}, 5 * time.Second, "gateway_busy", "429"},
		{"429 with a wish", couriertest.GatewayStep{Status: 429, RetryAfter: "90"}, 90 * time.Second, "gateway_busy", "429"},
		{"429 with a short wish", couriertest.GatewayStep{Status: 429, RetryAfter: "1"}, 5 * time.Second, "gateway_busy", "429"},
		{"429 with a mad wish", couriertest.GatewayStep{Status: 429, RetryAfter: "99999999"}, time.Hour, "gateway_busy", "429"},
		{"500", couriertest.GatewayStep{Status: 500, Body: "oh\r\nno: %s"}, 5 * time.Second, "gateway_error",
			"500 oh no: Kanzlei Muster: Ihr Registrierungscode ist ***."},
		{"503", couriertest.GatewayStep{Status: 503}, 5 * time.Second, "gateway_error", "503"},
		{"no answer", couriertest.GatewayStep{}, 5 * time.Second, "timeout", ""},
		{"redirect", couriertest.GatewayStep{Status: 307, Location: elsewhere.URL()}, 5 * time.Second, "gateway_error", "307"},
		{"400", couriertest.GatewayStep{Status: 400, Body: "number?"}, 0, "number_invalid", "400 number?"},
		{"422", couriertest.GatewayStep{Status: 422}, 0, "number_invalid", "422"},
		{"401", couriertest.GatewayStep{Status: 401, Body: "key?"}, 5 * time.Second, "auth", "401 key?"},
		{"402", couriertest.GatewayStep{Status: 402}, 5 * time.Second, "credit", "402"},
		{"403", couriertest.GatewayStep{Status: 403}, 5 * time.Second, "auth", "403"},
		{"404", couriertest.GatewayStep{Status: 404}, 5 * time.Second, "gateway_refused", "404"},
		{"405", couriertest.GatewayStep{Status: 405}, 5 * time.Second, "gateway_refused", "405"},
		{"408", couriertest.GatewayStep{Status: 408}, 5 * time.Second, "gateway_busy", "408"},
		{"409", couriertest.GatewayStep{Status: 409}, 5 * time.Second, "gateway_refused", "409"},
		{"410", couriertest.GatewayStep{Status: 410}, 5 * time.Second, "gateway_refused", "410"},
		{"425 with a wish", couriertest.GatewayStep{Status: 425, RetryAfter: "60"}, time.Minute, "gateway_busy", "425"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withGateway(t, func(t *testing.T, w *world, peer *couriertest.GatewayPeer) {
				peer.Script(c.step)
				ticket := w.enqueue(w.smsPost())
				v := w.deliver(ticket)
				state, outcome := courier.Queued, courier.Temporary
				if c.again == 0 {
					state, outcome = courier.Failed, courier.Permanent
				}
				m := w.expect(ticket.MessageID, state, c.reason, outcome)
				assert.Equal(t, c.again > 0, v.Retry)
				assert.Equal(t, c.again, v.After)
				assert.True(t, strings.HasPrefix(m.Detail, c.detail), "%q", m.Detail)
				if c.again > 0 {
					w.expectTrouble(courier.SMS, c.reason, strings.SplitN(c.detail, " ", 2)[0], 1)
				} else {
					w.expectTrouble("", "", "", 0)
				}
				dump := w.dump() + w.log.String()
				assert.NotContains(t, dump, "hunter22", "a password is in the database or the log")
				assert.NotContains(t, dump, "gateway-key", "a password is in the database or the log")
				w.noSecrets()
			})
		})
	}
	assert.Empty(t, elsewhere.Messages(), "a redirect was followed")
}

func TestGatewayIsAway(t *testing.T) {
	each(t, func(o *courier.Options) { o.SMSURL = "http://user:hunter22@127.0.0.1:1/?key=hunter22" },
		func(t *testing.T, w *world) {
			ticket := w.enqueue(w.smsPost())
			w.deliver(ticket)
			m := w.expect(ticket.MessageID, courier.Queued, "unreachable", courier.Temporary)
			assert.NotContains(t, w.dump()+w.log.String()+m.Detail, "hunter22", "a password is in the database or the log")
		})
}

// TestSMSRetriesEndWithTheLink: a gateway without credit is tried until the code expires.
func TestSMSRetriesEndWithTheLink(t *testing.T) {
	withGateway(t, func(t *testing.T, w *world, peer *couriertest.GatewayPeer) {
		for range 80 {
			peer.Script(couriertest.GatewayStep{Status: 402})
		}
		ticket := w.enqueue(w.smsPost())
		var pauses []time.Duration
		for v := w.deliver(ticket); v.Retry; v = w.deliver(ticket) {
			pauses = append(pauses, v.After)
			w.pass(v.After)
		}
		m := w.message(ticket.MessageID)
		assert.Equal(t, courier.Failed, m.State)
		assert.Equal(t, "expired", m.Reason)
		assert.False(t, m.AboutNumber())
		assert.LessOrEqual(t, w.clock(), m.ExpiresAt)
		// The pauses are 5 s, 20 s, 1 m, 3 m and 10 m, then 47 times an hour, then half of the time left, down to a minute.
		require.Len(t, pauses, 58, "pauses")
		assert.Equal(t, 5*time.Second, pauses[0])
		assert.Equal(t, 10*time.Minute, pauses[4])
		assert.Equal(t, time.Hour, pauses[51])
		assert.Less(t, pauses[52], 30*time.Minute)
		w.expectTrouble(courier.SMS, "credit", "402", 0) // nothing waits, but the next one would not be sent either

	})
}

// withSMPP adds a message centre to a world.
func withSMPP(t *testing.T, test func(t *testing.T, w *world, peer *couriertest.SMPPPeer)) {
	t.Helper()
	var peer *couriertest.SMPPPeer
	each(t, func(o *courier.Options) {
		peer = couriertest.NewSMPPPeer(t)
		o.SMSURL, o.AttemptTimeout = peer.URL("kontor:hunter2")+"?from=Kontor", time.Second
	}, func(t *testing.T, w *world) { test(t, w, peer) })
}

func TestSMPP(t *testing.T) {
	withSMPP(t, func(t *testing.T, w *world, peer *couriertest.SMPPPeer) {
		ticket := w.enqueue(w.smsPost())
		w.deliver(ticket)
		m := w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		got := peer.Messages()[0]
		assert.Equal(t, strings.TrimPrefix(mobile, "+"), got.To)
		assert.EqualValues(t, 0, got.Coding)
		assert.Equal(t, got.ID, m.ProviderID, "provider's id")
		assert.Contains(t, got.Text, "ü")
		assert.Contains(t, got.Text, w.secrets[1])
		w.deliver(w.enqueue(w.smsPost()))
		binds := peer.Binds()
		require.Len(t, binds, 1, "binds")
		assert.Equal(t, "kontor:hunter2", binds[0])
		w.noSecrets()

		receipt := "id:" + m.ProviderID + " sub:001 dlvrd:001 stat:DELIVRD err:000 text:" + w.secrets[1]
		assert.Equal(t, data.ESME_ROK, peer.Receipt(t, receipt), "receipt answered")
		w.expect(ticket.MessageID, courier.Delivered, "", courier.Accepted, courier.Arrived)
		assert.Equal(t, data.ESME_RX_T_APPN, peer.Receipt(t, "id:other stat:DELIVRD"), "unknown receipt answered")
		w.noSecrets()
	})
}

func TestMessageCentreHasBadDays(t *testing.T) {
	for _, c := range []struct {
		name      string
		step      couriertest.SMPPStep
		reason    string
		permanent bool
	}{
		{"throttled", couriertest.SMPPStep{Status: data.ESME_RTHROTTLED}, "gateway_busy", false},
		{"queue full", couriertest.SMPPStep{Status: data.ESME_RMSGQFUL}, "gateway_busy", false},
		{"system error", couriertest.SMPPStep{Status: data.ESME_RSYSERR}, "gateway_error", false},
		{"bad number", couriertest.SMPPStep{Status: data.ESME_RINVDSTADR}, "number_invalid", true},
		{"bad numbering", couriertest.SMPPStep{Status: data.ESME_RINVDSTTON}, "gateway_refused", false},
		{"rejected", couriertest.SMPPStep{Status: data.ESME_RX_R_APPN}, "gateway_refused", false},
		{"no credit, as some centres say it", couriertest.SMPPStep{Status: 0x400}, "gateway_refused", false},
		{"bad sender", couriertest.SMPPStep{Status: data.ESME_RINVSRCADR}, "gateway_refused", false},
		{"hang", couriertest.SMPPStep{Hang: true}, "timeout", false},
		{"hang up", couriertest.SMPPStep{HangUp: true}, "connection_lost", false},
		{"broken answer", couriertest.SMPPStep{Raw: []byte(couriertest.BrokenPDU)}, "connection_lost", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			withSMPP(t, func(t *testing.T, w *world, peer *couriertest.SMPPPeer) {
				peer.Script(c.step)
				ticket := w.enqueue(w.smsPost())
				v := w.deliver(ticket)
				if c.permanent {
					w.expect(ticket.MessageID, courier.Failed, c.reason, courier.Permanent)
					return
				}
				w.expect(ticket.MessageID, courier.Queued, c.reason, courier.Temporary)
				w.expectTrouble(courier.SMS, c.reason, "", 1)
				w.pass(v.After)
				w.deliver(ticket)
				w.expect(ticket.MessageID, courier.HandedOver, "", courier.Temporary, courier.Accepted)
				w.expectTrouble("", "", "", 0)
			})
		})
	}
	t.Run("bind refused", func(t *testing.T) {
		withSMPP(t, func(t *testing.T, w *world, peer *couriertest.SMPPPeer) {
			peer.RefuseBind(data.ESME_RINVPASWD)
			ticket := w.enqueue(w.smsPost())
			w.deliver(ticket)
			w.expect(ticket.MessageID, courier.Queued, "auth", courier.Temporary)
			w.expectTrouble(courier.SMS, "auth", "", 1)
		})
	})
	t.Run("broken bind", func(t *testing.T) {
		withSMPP(t, func(t *testing.T, w *world, peer *couriertest.SMPPPeer) {
			peer.AnswerBind([]byte(couriertest.BrokenPDU))
			ticket := w.enqueue(w.smsPost())
			v := w.deliver(ticket)
			w.expect(ticket.MessageID, courier.Queued, "gateway_error", courier.Temporary)
			peer.AnswerBind(nil)
			w.pass(v.After)
			w.deliver(ticket)
			w.expect(ticket.MessageID, courier.HandedOver, "", courier.Temporary, courier.Accepted)
		})
	})
	t.Run("away", func(t *testing.T) {
		each(t, func(o *courier.Options) { o.SMSURL = "smpp://kontor:hunter2@127.0.0.1:1" }, func(t *testing.T, w *world) {
			ticket := w.enqueue(w.smsPost())
			w.deliver(ticket)
			w.expect(ticket.MessageID, courier.Queued, "unreachable", courier.Temporary)
		})
	})
}

func TestDeliveryReports(t *testing.T) {
	withGateway(t, func(t *testing.T, w *world, peer *couriertest.GatewayPeer) {
		ctx := context.Background()
		arrived, lost, open := w.enqueue(w.smsPost()), w.enqueue(w.smsPost()), w.enqueue(w.smsPost())
		w.deliver(arrived)
		w.deliver(lost)
		report := func(body string) error {
			r, err := courier.ParseDeliveryReport([]byte(body))
			require.NoError(t, err)
			return w.svc.Report(ctx, r)
		}
		for range 2 { // gateways repeat their reports
			require.NoError(t, report(`{"id": "gw-1", "status": "delivered"}`))
		}
		w.expect(arrived.MessageID, courier.Delivered, "", courier.Accepted, courier.Arrived)
		require.NoError(t, report(`{"id": "`+lost.MessageID.String()+`", "status": "failed", "detail": "absent\nsubscriber"}`))
		m := w.expect(lost.MessageID, courier.Failed, "not_delivered", courier.Accepted, courier.Bounced)
		told := w.told()
		assert.Equal(t, "absent subscriber", m.Detail)
		require.Len(t, told, 1, "told")
		assert.Equal(t, m.ID, told[0].ID)
		// A later report does not change a final state.
		require.NoError(t, report(`{"id": "gw-1", "status": "failed"}`))
		w.expect(arrived.MessageID, courier.Delivered, "", courier.Accepted, courier.Arrived, courier.Bounced)
		// The answer was lost, but the report arrived. No second SMS is sent.
		require.NoError(t, report(`{"id": "`+open.MessageID.String()+`", "status": "delivered"}`))
		v := w.deliver(open)
		assert.False(t, v.Retry, "%+v", v)
		assert.Len(t, peer.Messages(), 2)
		assert.ErrorIs(t, report(`{"id": "gw-99", "status": "delivered"}`), courier.ErrUnknownMessage, "unknown")
		assert.ErrorIs(t, report(`{"id": "`+newID(t).String()+`", "status": "delivered"}`), courier.ErrUnknownMessage, "unknown")
	})
}

func TestBounce(t *testing.T) {
	withSMTP(t, func(t *testing.T, w *world, peer *couriertest.SMTPPeer) {
		ctx := context.Background()
		old := w.enqueue(w.mailPost())
		w.deliver(old)
		p := w.mailPost()
		p.Generation = 2
		current := w.enqueue(p)
		w.deliver(current)
		bounce := func(i int, status string) {
			t.Helper()
			id := peer.Mails()[i].Message(t).Header.Get("Message-Id")
			r, err := w.svc.ParseBounce([]byte(`{"message_id": "` + id + `", "status": "` + status + `", "detail": "no"}`))
			require.NoError(t, err)
			require.NoError(t, w.svc.Report(ctx, r))
		}
		bounce(0, "5.1.1")
		w.expect(old.MessageID, courier.Failed, "recipient_unknown", courier.Accepted, courier.Bounced)
		assert.Empty(t, w.told(), "told of an older generation")
		bounce(1, "4.4.7")
		w.expect(current.MessageID, courier.HandedOver, "", courier.Accepted, courier.Temporary)
		bounce(1, "5.2.2")
		w.expect(current.MessageID, courier.Failed, "mailbox_full", courier.Accepted, courier.Temporary, courier.Bounced)
		told := w.told()
		require.Len(t, told, 1, "told")
		assert.Equal(t, current.MessageID, told[0].ID)
		assert.Equal(t, "mailbox_full", told[0].Reason)
		require.NoError(t, w.svc.RunAgain(ctx, current.MessageID))
		current.Run = 2
		w.deliver(current)
		w.expect(current.MessageID, courier.HandedOver, "", courier.Accepted, courier.Temporary, courier.Bounced, courier.Accepted)
	})
}
