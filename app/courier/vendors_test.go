package courier_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/store/storetest"
)

// documented reads the settings for a vendor from the documentation.
func documented(t *testing.T, vendor string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../docs/sms-gateways.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(raw), "\n## "+vendor)
	_, block, fenced := strings.Cut(section, "```ini\n")
	block, _, closed := strings.Cut(block, "\n```")
	require.True(t, found, "no settings of %s in the docs", vendor)
	require.True(t, fenced, "no settings of %s in the docs", vendor)
	require.True(t, closed, "no settings of %s in the docs", vendor)
	set := map[string]string{}
	for _, line := range strings.Split(block, "\n") {
		name, value, ok := strings.Cut(line, "=")
		require.True(t, ok, "line %q", line)
		require.True(t, strings.HasPrefix(name, "SMS_"), "line %q", line)
		set[name] = value
	}
	return set
}

// use sets options from settings as they are written in the documentation.
func use(o *courier.Options, set map[string]string) {
	o.SMSURL, o.SMSHeaders = set["SMS_URL"], set["SMS_HEADERS"]
	o.Gateway = courier.GatewaySettings{
		Method: set["SMS_METHOD"], Type: set["SMS_TYPE"], Body: set["SMS_BODY"], Success: set["SMS_SUCCESS"], Refused: set["SMS_REFUSED"],
		ID: set["SMS_ID"], StatusURL: set["SMS_STATUS_URL"], Status: set["SMS_STATUS"],
	}
}

// firmThatBreaksOut is a name with characters that are special in every encoding.
const firmThatBreaksOut = `Müller & "Söhne" 5%=+\{id}`

var vendors = []struct {
	name   string
	peer   func(testing.TB) *couriertest.VendorPeer
	key    string
	digits bool
	states map[string]courier.State // the state of a message by the vendor's answer; "" if the vendor can't be asked
}{
	{"Twilio", couriertest.NewTwilio, "your_auth_token", false, map[string]courier.State{
		"sent": courier.HandedOver, "delivered": courier.Delivered, "undelivered": courier.Failed, "canceled": courier.Queued,
	}},
	{"Vonage", couriertest.NewVonage, "your_api_secret", true, nil},
	{"MessageBird", couriertest.NewMessageBird, "your_live_access_key", true, map[string]courier.State{
		"buffered": courier.HandedOver, "delivered": courier.Delivered, "delivery_failed": courier.Failed,
	}},
}

// TestVendors tests the examples of the documentation against peers that behave as the vendors' documentation says.
func TestVendors(t *testing.T) {
	for _, v := range vendors {
		t.Run(v.name, func(t *testing.T) {
			var peer *couriertest.VendorPeer
			begin := func(change func(set map[string]string)) *world {
				peer = v.peer(t)
				set := documented(t, v.name)
				for name := range set {
					set[name] = peer.Here(set[name])
				}
				if change != nil {
					change(set)
				}
				w := newWorld(t, storetest.SQLite(t), func(o *courier.Options) {
					use(o, set)
					o.Firm = firmThatBreaksOut
				})
				t.Cleanup(func() {
					for name, value := range set {
						assert.NotContains(t, w.dump()+w.log.String(), v.key, "a key is in the database or the log")
						assert.False(t, name == "SMS_URL" && strings.Contains(w.log.String(), value), "a key is in the database or the log")
					}
					w.noSecrets()
				})
				return w
			}
			t.Run("takes it", func(t *testing.T) {
				w := begin(nil)
				ticket := w.enqueue(w.smsPost())
				w.deliver(ticket)
				m := w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
				got, to := peer.Accepted()[0], mobile
				if v.digits {
					to = strings.TrimPrefix(mobile, "+")
					assert.Equal(t, ticket.MessageID.String(), got.ID, "our id came as")
				}
				assert.Equal(t, to, got.To)
				assert.True(t, strings.HasPrefix(got.Text, firmThatBreaksOut))
				assert.Contains(t, got.Text, w.secrets[1])
				assert.Equal(t, got.ProviderID, m.ProviderID, "gateway's id")
				assert.NotEmpty(t, m.ProviderID)
			})
			t.Run("refuses the number", func(t *testing.T) {
				w := begin(nil)
				ticket := w.enqueueTo(w.smsPost(), peer.Barred)
				w.deliver(ticket)
				m := w.expect(ticket.MessageID, courier.Failed, "number_invalid", courier.Permanent)
				assert.True(t, m.AboutNumber(), "%+v", m)
				w.expectTrouble("", "", "", 0)
			})
			t.Run("refuses the firm", func(t *testing.T) {
				w := begin(nil)
				ticket := w.enqueueTo(w.smsPost(), "+12025550123")
				verdict := w.deliver(ticket)
				assert.True(t, verdict.Retry, "%+v", verdict)
				m := w.message(ticket.MessageID)
				assert.Equal(t, courier.Queued, m.State)
				assert.Equal(t, "gateway_refused", m.Reason)
				assert.NotEmpty(t, m.Detail)
			})
			t.Run("wrong key", func(t *testing.T) {
				w := begin(func(set map[string]string) {
					for name := range set {
						set[name] = strings.ReplaceAll(set[name], v.key, v.key+"-of-last-year")
					}
				})
				ticket := w.enqueue(w.smsPost())
				w.deliver(ticket)
				m := w.message(ticket.MessageID)
				assert.Equal(t, courier.Queued, m.State)
				assert.NotEmpty(t, m.Detail)
			})
			for _, missing := range []string{"SMS_TYPE", "SMS_BODY"} {
				if documented(t, v.name)[missing] == "" {
					continue
				}
				t.Run("without "+missing, func(t *testing.T) {
					w := begin(func(set map[string]string) {
						delete(set, missing)
						if missing == "SMS_TYPE" {
							delete(set, "SMS_BODY") // which is a form
						}
					})
					ticket := w.enqueue(w.smsPost())
					w.deliver(ticket)
					m := w.message(ticket.MessageID)
					assert.Equal(t, courier.Queued, m.State)
					assert.Empty(t, peer.Accepted())
				})
			}
			for said, state := range v.states {
				t.Run("says "+said, func(t *testing.T) {
					w := begin(nil)
					ticket := w.enqueue(w.smsPost())
					w.deliver(ticket)
					peer.SetStatus("queued")
					ask := func() {
						require.NoError(t, w.svc.AskStatuses(t.Context()))
					}
					ask()
					assert.Equal(t, 0, peer.Asked(), "asked at once")
					w.pass(time.Minute)
					ask()
					ask() // it is not due yet
					m := w.message(ticket.MessageID)
					assert.Equal(t, courier.HandedOver, m.State, "%s after %d questions", m.State, peer.Asked())
					assert.Equal(t, 1, peer.Asked())
					peer.SetStatus(said)
					w.pass(time.Minute)
					ask()
					m = w.message(ticket.MessageID)
					assert.Equal(t, state, m.State, "%s (%s) after %d questions", m.State, m.Reason, peer.Asked())
					assert.Equal(t, 2, peer.Asked())
					for range 60 {
						w.pass(2 * time.Hour)
						ask()
					}
					n := peer.Asked()
					assert.False(t, state == courier.HandedOver && n > 16, "asked %d times", n)
					assert.False(t, state != courier.HandedOver && n != 2)
				})
			}
		})
	}
}
