package courier_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
)

// TestAnswersOfGateways: a 2xx that does not look like a success settles nothing. Of the other answers, only one that
// is about the number settles the message.
func TestAnswersOfGateways(t *testing.T) {
	lines := courier.GatewaySettings{Method: "GET", Success: "^OK", Refused: "^ERR number", ID: "^OK: (.+)"}
	for name, c := range map[string]struct {
		set              courier.GatewaySettings
		status           int
		answer           string
		state            courier.State
		reason, provider string
	}{
		"taken":                        {lines, 200, "OK: 4711", courier.HandedOver, "", "4711"},
		"taken, without an id":         {lines, 200, "OK", courier.HandedOver, "", ""},
		"taken, with CR LF":            {courier.GatewaySettings{Success: "^OK", ID: "OK: (.+)"}, 200, "OK: 4711\r\ncost: 1\r\n", courier.HandedOver, "", "4711"},
		"a line and its end":           {courier.GatewaySettings{Success: "^100$"}, 200, "100\n", courier.HandedOver, "", ""},
		"a number alone":               {courier.GatewaySettings{Success: "$=100|101"}, 200, "101\r\n", courier.HandedOver, "", ""},
		"another number alone":         {courier.GatewaySettings{Success: "$=100|101"}, 200, "900", courier.Queued, "gateway_refused", ""},
		"an error with 200":            {lines, 200, "ERR credit", courier.Queued, "gateway_refused", ""},
		"a page with 200":              {lines, 200, "<html>down for maintenance", courier.Queued, "gateway_refused", ""},
		"nothing with 204":             {lines, 204, "", courier.Queued, "gateway_refused", ""},
		"the number with 200":          {lines, 200, "ERR number", courier.Failed, "number_invalid", ""},
		"the number with 403":          {lines, 403, "ERR number", courier.Failed, "number_invalid", ""},
		"400 about something else":     {lines, 400, "ERR sender", courier.Queued, "gateway_refused", ""},
		"a success with 500":           {lines, 500, "OK: 1", courier.Queued, "gateway_error", ""},
		"400 where nothing is said":    {courier.GatewaySettings{Success: "^OK"}, 400, "", courier.Failed, "number_invalid", ""},
		"any 200 where nothing is":     {courier.GatewaySettings{}, 200, "hm", courier.HandedOver, "", ""},
		"an id that is none":           {courier.GatewaySettings{ID: "(?s).*"}, 200, "a b\nc", courier.HandedOver, "", ""},
		"a number as an id":            {courier.GatewaySettings{}, 200, `{"id":17}`, courier.HandedOver, "", "17"},
		"an id in the middle":          {courier.GatewaySettings{ID: "$.r[0].i"}, 201, `{"r":[{"i":"x-1"}]}`, courier.HandedOver, "", "x-1"},
		"an answer that breaks off":    {courier.GatewaySettings{Success: "$.ok=true"}, 299, `{"ok":tr`, courier.Queued, "connection_lost", ""},
		"broken off, but nobody cares": {courier.GatewaySettings{}, 299, `{"id":"1`, courier.HandedOver, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			withoutPostgres(t, func(o *courier.Options) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if c.status == 299 {
						w.Header().Set("Content-Length", "100")
					}
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, c.answer)
				}))
				t.Cleanup(server.Close)
				o.SMSURL, o.Gateway = server.URL, c.set
			}, func(t *testing.T, w *world) {
				ticket := w.enqueue(w.smsPost())
				w.deliver(ticket)
				m := w.message(ticket.MessageID)
				assert.Equal(t, c.state, m.State)
				assert.Equal(t, c.reason, m.Reason)
				assert.Equal(t, c.provider, m.ProviderID, "gateway's id")
			})
		})
	}
}

// TestEveryNumberInTheBody: the rule of three numbers in a row also applies if a pattern finds the refusal.
func TestEveryNumberInTheBody(t *testing.T) {
	withoutPostgres(t, func(o *courier.Options) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ERR number") }))
		t.Cleanup(server.Close)
		o.SMSURL, o.Gateway = server.URL, courier.GatewaySettings{Success: "^OK", Refused: "number"}
	}, func(t *testing.T, w *world) {
		var tickets []courier.Ticket
		for _, to := range []string{"+4915112345671", "+4915112345672", "+4915112345673"} {
			tickets = append(tickets, w.enqueueTo(w.smsPost(), to))
			w.deliver(tickets[len(tickets)-1])
		}
		for _, ticket := range tickets {
			m := w.message(ticket.MessageID)
			assert.Equal(t, courier.Queued, m.State)
			assert.Equal(t, "every_number", m.Reason)
		}
	})
}

// TestByGET: the text is added to the query of the address, and nothing of it is logged.
func TestByGET(t *testing.T) {
	var asked *http.Request
	each(t, func(o *courier.Options) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/status") {
				if r.URL.Query().Get("msg") != "a/b&c" || r.Header.Get("X-Key") != "header-key" {
					http.Error(w, "who?", http.StatusNotFound)
					return
				}
				_, _ = io.WriteString(w, "state: DELIVERED at noon")
				return
			}
			asked = r.Clone(r.Context())
			body, _ := io.ReadAll(r.Body)
			if len(body) > 0 || r.Header.Get("Content-Type") != "" {
				http.Error(w, "what is that body for?", http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, "100\na/b&c")
		}))
		t.Cleanup(server.Close)
		o.Firm = firmThatBreaksOut
		o.SMSURL, o.SMSHeaders = server.URL+"/send?key=gateway-key", "X-Key: header-key"
		o.Gateway = courier.GatewaySettings{
			Method: "GET", Body: "to={to}&text={text}&ref={id}&from={from}", Success: "^100", ID: "\n(.+)", StatusURL: server.URL + "/status?msg={id}", Status: "state: ([A-Z]+)",
		}
	}, func(t *testing.T, w *world) {
		ticket := w.enqueue(w.smsPost())
		w.deliver(ticket)
		w.expect(ticket.MessageID, courier.HandedOver, "", courier.Accepted)
		q := asked.URL.Query()
		assert.Equal(t, http.MethodGet, asked.Method)
		assert.Equal(t, "gateway-key", q.Get("key"))
		assert.Equal(t, mobile, q.Get("to"))
		assert.Contains(t, q.Get("text"), w.secrets[1])
		assert.True(t, strings.HasPrefix(q.Get("text"), firmThatBreaksOut))
		assert.Equal(t, ticket.MessageID.String(), q.Get("ref"))
		assert.Equal(t, "Mueller  So", q.Get("from"))
		assert.Len(t, q, 5)
		w.pass(time.Minute)
		require.NoError(t, w.svc.AskStatuses(t.Context()))
		w.expect(ticket.MessageID, courier.Delivered, "", courier.Accepted, courier.Arrived)
		w.noSecrets()
		s := w.dump() + w.log.String()
		assert.NotContains(t, s, "gateway-key", "a key is in the database or the log")
		assert.NotContains(t, s, "header-key", "a key is in the database or the log")
	})
}
