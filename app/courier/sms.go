package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/http/httpguts"
)

var (
	errSMSURL     = errors.New("SMS_URL: want https://…, http://… or smpp://system:password@host:port")
	errSMSHeaders = errors.New(`SMS_HEADERS: want "Name: value", several by line or semicolon`)
)

// gatewayBody is how much of a gateway's answer is read.
const gatewayBody = 64 << 10

// CheckSMSURL says whether s can be SMS_URL; "" is the built-in mailbox. The error never repeats s.
func CheckSMSURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := parseSMSURL(s)
	if err == nil && u.Scheme == "smpp" {
		_, err = parseSMPP(u)
	}
	return err
}

// CheckSMSHeaders says whether s can be SMS_HEADERS. The error never repeats s.
func CheckSMSHeaders(s string) error {
	_, err := parseSMSHeaders(s)
	return err
}

func parseSMSURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || !validHost(u.Hostname()) || u.Port() != "" && !validPort(u.Port()) {
		return nil, errSMSURL
	}
	switch u.Scheme {
	case "http", "https", "smpp":
		return u, nil
	}
	return nil, errSMSURL
}

// parseSMSHeaders reads "Name: value" by line; a text of one line is several by semicolon.
func parseSMSHeaders(s string) (http.Header, error) {
	sep := ";"
	if strings.Contains(strings.TrimSpace(s), "\n") {
		sep = "\n"
	}
	h := http.Header{}
	for _, line := range strings.Split(s, sep) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, errSMSHeaders
		}
		h.Add(name, value)
	}
	return h, nil
}

// smsCarrier is what SMS_URL asks for.
func (s *Service) smsCarrier(o Options, dial time.Duration) (carrier, error) {
	u, err := parseSMSURL(o.SMSURL)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "smpp" {
		a, err := parseSMPP(u)
		if err != nil {
			return nil, err
		}
		return &smppCarrier{address: a, dial: dial, report: s.Report, log: s.log}, nil
	}
	headers, err := parseSMSHeaders(o.SMSHeaders)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dial}).DialContext,
		TLSClientConfig:     o.TLS,
		TLSHandshakeTimeout: dial,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
		ForceAttemptHTTP2:   true,
	}
	return &gateway{url: u.String(), headers: headers, now: s.now, client: &http.Client{
		Transport: transport,
		// a redirect would hand number and code to somebody whom nobody has named
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// gateway hands SMS to an HTTP gateway.
type gateway struct {
	url     string
	headers http.Header
	client  *http.Client
	now     func() time.Time
}

func (g *gateway) send(ctx context.Context, l letter) (string, error) {
	body, err := json.Marshal(map[string]string{"to": l.To, "text": l.Text, "id": l.ID.String()})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return "", refusal(reasonNotConfigured, "")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Kontor")
	req.Header.Set("Idempotency-Key", l.ID.String()) // ignored where it is not known
	for name, values := range g.headers {
		req.Header[name] = values
	}
	res, err := g.client.Do(req)
	if err != nil {
		// *url.Error would repeat the address with what may be a key in it
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return "", netFailure(err, reasonConnectionLost)
	}
	defer func() { _ = res.Body.Close() }()
	// An answer that breaks off is an answer still: the status counts.
	answer, _ := io.ReadAll(io.LimitReader(res.Body, gatewayBody))
	return g.judge(res, answer)
}

func (g *gateway) judge(res *http.Response, answer []byte) (string, error) {
	detail := strconv.Itoa(res.StatusCode) + " " + string(answer)
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		var taken struct {
			ID any `json:"id"`
		}
		d := json.NewDecoder(bytes.NewReader(answer))
		d.UseNumber()
		if err := d.Decode(&taken); err != nil {
			taken.ID = nil // accepted all the same: only its own id for the message is not known
		}
		return providerID(taken.ID), nil
	default:
		f := gatewayFailure(code)
		f.detail, f.after = detail, retryAfter(res.Header.Get("Retry-After"), g.now())
		return "", f
	}
}

// gatewayFailure says what a status that is no success means. Only 400 and 422 are about the number; whatever else the
// gateway says it would say of any other.
func gatewayFailure(code int) *failure {
	switch code {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return permanent(reasonNumberInvalid, "")
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return refusal(reasonAuth, "")
	case http.StatusPaymentRequired:
		return refusal(reasonCredit, "")
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return refusal(reasonGatewayBusy, "")
	}
	if code >= 400 && code < 500 {
		return refusal(reasonGatewayRefused, "")
	}
	return refusal(reasonGatewayError, "") // 5xx, or a redirect: the address is wrong, which can be mended
}

func (g *gateway) close() error {
	g.client.CloseIdleConnections()
	return nil
}

// providerID takes an id that is a string or a number, of a length that an id has.
func providerID(v any) string {
	var id string
	switch v := v.(type) {
	case string:
		id = v
	case json.Number:
		id = v.String()
	}
	if len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return ""
	}
	return id
}

// retryAfter reads the header of that name (RFC 9110 §10.2.3), seconds or a date; 0 when it says nothing sensible.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		return time.Duration(max(0, min(seconds, int(longestAsked/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), longestAsked)
	}
	return 0
}
