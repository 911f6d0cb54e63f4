package couriertest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// VendorPeer is a gateway that answers according to a vendor's public documentation, and refuses what the vendor would
// refuse.
type VendorPeer struct {
	// Host is the vendor's host, as https://host. Barred is a number that the vendor refuses.
	Host   string
	Barred string

	server *httptest.Server
	answer func(p *VendorPeer, w http.ResponseWriter, r *http.Request)

	mu     sync.Mutex
	taken  []ReceivedSMS
	status string
	asked  int
}

func newVendor(tb testing.TB, host string, answer func(*VendorPeer, http.ResponseWriter, *http.Request)) *VendorPeer {
	tb.Helper()
	p := &VendorPeer{Host: host, Barred: "+4915100000000", answer: answer}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.answer(p, w, r) }))
	tb.Cleanup(p.server.Close)
	return p
}

// Here replaces the vendor's address by the peer's in the text of a setting.
func (p *VendorPeer) Here(setting string) string {
	_, host, _ := strings.Cut(p.Host, "://")
	_, here, _ := strings.Cut(p.server.URL, "://")
	return strings.ReplaceAll(strings.ReplaceAll(setting, "https://", "http://"), host, here)
}

// Accepted returns the SMS that were accepted.
func (p *VendorPeer) Accepted() []ReceivedSMS {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]ReceivedSMS(nil), p.taken...)
}

// SetStatus sets the status that is reported for all SMS from now on.
func (p *VendorPeer) SetStatus(status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// Asked is how often the status was asked for.
func (p *VendorPeer) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *VendorPeer) take(to, text, id, provider string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = append(p.taken, ReceivedSMS{To: to, Text: text, ID: id, Accepted: true, ProviderID: fmt.Sprintf(provider, len(p.taken)+1)})
}

// asks returns the SMS with a gateway's id, and its status.
func (p *VendorPeer) asks(id string) (m ReceivedSMS, status string, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	for _, m := range p.taken {
		if m.ProviderID == id {
			return m, p.status, true
		}
	}
	return m, "", false
}

func say(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// form reads a form from the body, and nothing else.
func form(r *http.Request) (url.Values, bool) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	raw, err := io.ReadAll(r.Body)
	values, err2 := url.ParseQuery(string(raw))
	return values, kind == "application/x-www-form-urlencoded" && err == nil && err2 == nil
}

var (
	e164   = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	digits = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)
)

// NewTwilio is the Messages resource of Twilio's REST API 2010-04-01.
func NewTwilio(tb testing.TB) *VendorPeer {
	tb.Helper()
	const account, token = "AC0123456789abcdef0123456789abcdef", "your_auth_token"
	const base = "/2010-04-01/Accounts/" + account + "/Messages"
	return newVendor(tb, "https://api.twilio.com", func(p *VendorPeer, w http.ResponseWriter, r *http.Request) {
		no := func(status, code int, message string) {
			say(w, status, map[string]any{"code": code, "message": message, "more_info": fmt.Sprint("https://www.twilio.com/docs/errors/", code), "status": status})
		}
		message := func(m ReceivedSMS, status string) map[string]any {
			return map[string]any{
				"sid": m.ProviderID, "account_sid": account, "to": m.To, "body": m.Text, "status": status, "error_code": nil,
				"error_message": nil, "num_segments": "1", "direction": "outbound-api", "api_version": "2010-04-01",
			}
		}
		if user, password, ok := r.BasicAuth(); !ok || user != account || password != token {
			no(http.StatusUnauthorized, 20003, "Authenticate with "+user+":"+password)
			return
		}
		if id, ok := strings.CutPrefix(strings.TrimSuffix(r.URL.Path, ".json"), base+"/"); ok && r.Method == http.MethodGet {
			if m, status, found := p.asks(id); found {
				say(w, http.StatusOK, message(m, status))
				return
			}
			no(http.StatusNotFound, 20404, "The requested resource was not found")
			return
		}
		if r.Method != http.MethodPost || r.URL.Path != base+".json" {
			no(http.StatusNotFound, 20404, "The requested resource was not found")
			return
		}
		f, ok := form(r)
		switch to := f.Get("To"); {
		case !ok || to == "":
			no(http.StatusBadRequest, 21604, "A 'To' phone number is required.")
		case f.Get("From") == "":
			no(http.StatusBadRequest, 21603, "A 'From' phone number is required.")
		case f.Get("Body") == "":
			no(http.StatusBadRequest, 21602, "Message body is required.")
		case !e164.MatchString(to), to == p.Barred:
			no(http.StatusBadRequest, 21211, "The 'To' number "+to+" is not a valid phone number.")
		case strings.HasPrefix(to, "+1"):
			no(http.StatusBadRequest, 21408, "Permission to send an SMS has not been enabled for the region: "+f.Get("Body"))
		default:
			p.take(to, f.Get("Body"), "", "SM%032x")
			say(w, http.StatusCreated, message(p.Accepted()[len(p.Accepted())-1], "queued"))
		}
	})
}

// NewVonage is Vonage's SMS API. It always answers 200, with a status in the body.
func NewVonage(tb testing.TB) *VendorPeer {
	tb.Helper()
	return newVendor(tb, "https://rest.nexmo.com", func(p *VendorPeer, w http.ResponseWriter, r *http.Request) {
		no := func(status, text string) {
			say(w, http.StatusOK, map[string]any{"message-count": "1", "messages": []any{map[string]any{"status": status, "error-text": text}}})
		}
		if r.URL.Path != "/sms/json" || r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		f, ok := form(r)
		switch to := f.Get("to"); {
		case !ok || f.Get("api_key") == "" || f.Get("api_secret") == "" || to == "" || f.Get("from") == "" || f.Get("text") == "":
			no("2", "Missing required params")
		case f.Get("api_key") != "abcd1234" || f.Get("api_secret") != "your_api_secret":
			no("4", "Bad Credentials: "+f.Get("api_key")+" / "+f.Get("api_secret"))
		case !digits.MatchString(to):
			no("3", "Invalid `to` param")
		case "+"+to == p.Barred:
			no("7", "Number barred: "+f.Get("text"))
		case strings.HasPrefix(to, "1"):
			no("9", "Quota Exceeded - rejected: "+f.Get("text"))
		default:
			p.take(to, f.Get("text"), f.Get("client-ref"), "0C%014X")
			m := p.Accepted()[len(p.Accepted())-1]
			say(w, http.StatusOK, map[string]any{"message-count": "1", "messages": []any{map[string]any{
				"to": to, "message-id": m.ProviderID, "status": "0", "remaining-balance": "3.14", "message-price": "0.03", "network": "26201",
			}}})
		}
	})
}

// NewMessageBird is the SMS messaging API of MessageBird.
func NewMessageBird(tb testing.TB) *VendorPeer {
	tb.Helper()
	return newVendor(tb, "https://rest.messagebird.com", func(p *VendorPeer, w http.ResponseWriter, r *http.Request) {
		no := func(status, code int, text string) {
			say(w, status, map[string]any{"errors": []any{map[string]any{"code": code, "description": text, "parameter": nil}}})
		}
		message := func(m ReceivedSMS, status string) map[string]any {
			return map[string]any{
				"id": m.ProviderID, "direction": "mt", "type": "sms", "body": m.Text, "reference": m.ID,
				"recipients": map[string]any{"totalCount": 1, "items": []any{map[string]any{"recipient": json.Number(m.To), "status": status}}},
			}
		}
		if r.Header.Get("Authorization") != "AccessKey your_live_access_key" {
			no(http.StatusUnauthorized, 2, "Request not allowed (incorrect access_key: "+r.Header.Get("Authorization")+")")
			return
		}
		if id, ok := strings.CutPrefix(r.URL.Path, "/messages/"); ok && r.Method == http.MethodGet {
			if m, status, found := p.asks(id); found {
				say(w, http.StatusOK, message(m, status))
				return
			}
			no(http.StatusNotFound, 20, "message not found")
			return
		}
		var in struct {
			Originator, Body, Reference string
			Recipients                  []json.Number
		}
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch err := json.NewDecoder(r.Body).Decode(&in); {
		case r.Method != http.MethodPost || r.URL.Path != "/messages":
			no(http.StatusMethodNotAllowed, 98, "not found")
		case err != nil || kind != "application/json" || in.Body == "" || in.Originator == "":
			no(http.StatusUnprocessableEntity, 10, "missing params")
		case len(in.Originator) > 11:
			no(http.StatusUnprocessableEntity, 10, "originator is invalid")
		case len(in.Recipients) != 1 || !digits.MatchString(in.Recipients[0].String()) || "+"+in.Recipients[0].String() == p.Barred:
			no(http.StatusUnprocessableEntity, 9, "no (correct) recipients found")
		case strings.HasPrefix(in.Recipients[0].String(), "1"):
			no(http.StatusUnprocessableEntity, 25, "Not enough balance: "+in.Body)
		default:
			p.take(in.Recipients[0].String(), in.Body, in.Reference, "%032x")
			say(w, http.StatusCreated, message(p.Accepted()[len(p.Accepted())-1], "sent"))
		}
	})
}
