package couriertest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// GatewayStep is what the SMS gateway does with one message. Status 0 means no answer at all.
type GatewayStep struct {
	Status     int
	RetryAfter string
	Body       string // "" means {"id": "<n>"} with 2xx; "%s" is replaced by the received text
	Location   string // of a redirect
}

// ReceivedSMS is a request that the gateway received.
type ReceivedSMS struct {
	To, Text, ID string
	Header       http.Header
	Accepted     bool
	ProviderID   string
}

// GatewayPeer is an HTTP gateway. Each message uses up one step; without steps the gateway accepts.
type GatewayPeer struct {
	server *httptest.Server

	mu      sync.Mutex
	script  []GatewayStep
	got     []ReceivedSMS
	changed chan struct{}
}

// NewGatewayPeer starts a gateway that ends with the test.
func NewGatewayPeer(tb testing.TB) *GatewayPeer {
	tb.Helper()
	p := &GatewayPeer{changed: make(chan struct{})}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	tb.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// URL is an SMS_URL.
func (p *GatewayPeer) URL() string { return p.server.URL + "/send?key=gateway-key" }

// Script adds steps.
func (p *GatewayPeer) Script(steps ...GatewayStep) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = append(p.script, steps...)
}

// Messages are all requests so far, accepted and refused.
func (p *GatewayPeer) Messages() []ReceivedSMS {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]ReceivedSMS(nil), p.got...)
}

// Wait waits until there are n requests and returns them all.
func (p *GatewayPeer) Wait(tb testing.TB, n int) []ReceivedSMS {
	tb.Helper()
	timeout := time.After(20 * time.Second)
	for {
		p.mu.Lock()
		got, changed := append([]ReceivedSMS(nil), p.got...), p.changed
		p.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-changed:
		case <-timeout:
			tb.Fatalf("%d of %d SMS came", len(got), n)
		}
	}
}

func (p *GatewayPeer) serve(w http.ResponseWriter, r *http.Request) {
	var in struct{ To, Text, ID string }
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&in) != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	step, provider := p.remember(in.To, in.Text, in.ID, r.Header.Clone())
	if step.Status == 0 {
		<-r.Context().Done() // no answer, until the client closes the connection
		return
	}
	if step.RetryAfter != "" {
		w.Header().Set("Retry-After", step.RetryAfter)
	}
	if step.Location != "" {
		w.Header().Set("Location", step.Location)
	}
	w.WriteHeader(step.Status)
	body := step.Body
	if body == "" && accepted(step) {
		body = `{"id": "` + provider + `"}`
	}
	_, _ = io.WriteString(w, strings.ReplaceAll(body, "%s", in.Text))
}

func (p *GatewayPeer) remember(to, text, id string, h http.Header) (GatewayStep, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	step := GatewayStep{Status: http.StatusOK}
	if len(p.script) > 0 {
		step, p.script = p.script[0], p.script[1:]
	}
	provider := "gw-" + strconv.Itoa(len(p.got)+1)
	p.got = append(p.got, ReceivedSMS{
		To: to, Text: text, ID: id, Header: h, Accepted: accepted(step), ProviderID: provider,
	})
	close(p.changed)
	p.changed = make(chan struct{})
	return step, provider
}

func accepted(s GatewayStep) bool { return s.Status >= 200 && s.Status < 300 }
