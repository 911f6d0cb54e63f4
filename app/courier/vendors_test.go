package courier_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/store/storetest"
)

// documented reads the settings for a vendor from the documentation.
func documented(t *testing.T, vendor string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../docs/sms-gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(raw), "\n## "+vendor)
	_, block, fenced := strings.Cut(section, "```ini\n")
	block, _, closed := strings.Cut(block, "\n```")
	if !found || !fenced || !closed {
		t.Fatalf("no settings of %s in the docs", vendor)
	}
	set := map[string]string{}
	for _, line := range strings.Split(block, "\n") {
		name, value, ok := strings.Cut(line, "=")
		if !ok || !strings.HasPrefix(name, "SMS_") {
			t.Fatalf("line %q", line)
		}
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
	states map[string]courier.State // what becomes of a message, by the vendor's word; "" where nobody can be asked
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
						if strings.Contains(w.dump()+w.log.String(), v.key) || name == "SMS_URL" && strings.Contains(w.log.String(), value) {
							t.Error("a key is in the database or the log")
						}
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
					if got.ID != ticket.MessageID.String() {
						t.Errorf("our id came as %q", got.ID)
					}
				}
				if got.To != to || !strings.HasPrefix(got.Text, firmThatBreaksOut) || !strings.Contains(got.Text, w.secrets[1]) || m.ProviderID != got.ProviderID || m.ProviderID == "" {
					t.Errorf("%+v, gateway's id %q", got, m.ProviderID)
				}
			})
			t.Run("refuses the number", func(t *testing.T) {
				w := begin(nil)
				ticket := w.enqueueTo(w.smsPost(), peer.Barred)
				w.deliver(ticket)
				if m := w.expect(ticket.MessageID, courier.Failed, "number_invalid", courier.Permanent); !m.AboutNumber() {
					t.Errorf("%+v", m)
				}
				w.expectTrouble("", "", "", 0)
			})
			t.Run("refuses the firm", func(t *testing.T) {
				w := begin(nil)
				ticket := w.enqueueTo(w.smsPost(), "+12025550123")
				if verdict := w.deliver(ticket); !verdict.Retry {
					t.Errorf("%+v", verdict)
				}
				if m := w.message(ticket.MessageID); m.State != courier.Queued || m.Reason != "gateway_refused" || m.Detail == "" {
					t.Errorf("%+v", m)
				}
			})
			t.Run("wrong key", func(t *testing.T) {
				w := begin(func(set map[string]string) {
					for name := range set {
						set[name] = strings.ReplaceAll(set[name], v.key, v.key+"-of-last-year")
					}
				})
				ticket := w.enqueue(w.smsPost())
				w.deliver(ticket)
				if m := w.message(ticket.MessageID); m.State != courier.Queued || m.Detail == "" {
					t.Errorf("%+v", m)
				}
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
					if m := w.message(ticket.MessageID); m.State != courier.Queued || len(peer.Accepted()) != 0 {
						t.Errorf("%+v", m)
					}
				})
			}
			for said, state := range v.states {
				t.Run("says "+said, func(t *testing.T) {
					w := begin(nil)
					ticket := w.enqueue(w.smsPost())
					w.deliver(ticket)
					peer.SetStatus("queued")
					ask := func() {
						if err := w.svc.AskStatuses(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					ask()
					if peer.Asked() != 0 {
						t.Error("asked at once")
					}
					w.pass(time.Minute)
					ask()
					ask() // not its turn
					if m := w.message(ticket.MessageID); m.State != courier.HandedOver || peer.Asked() != 1 {
						t.Errorf("%s after %d questions", m.State, peer.Asked())
					}
					peer.SetStatus(said)
					w.pass(time.Minute)
					ask()
					m := w.message(ticket.MessageID)
					if m.State != state || peer.Asked() != 2 {
						t.Errorf("%s (%s) after %d questions", m.State, m.Reason, peer.Asked())
					}
					for range 60 {
						w.pass(2 * time.Hour)
						ask()
					}
					if n := peer.Asked(); state == courier.HandedOver && n > 16 || state != courier.HandedOver && n != 2 {
						t.Errorf("asked %d times", n)
					}
				})
			}
		})
	}
}
