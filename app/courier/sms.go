package courier

import (
	"cmp"
	"context"
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

// gatewayBody is how many bytes of a gateway's answer are read.
const gatewayBody = 64 << 10

// CheckSMSURL says whether s can be SMS_URL; "" means the built-in mailbox. The error never repeats s.
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

// parseSMSHeaders reads "Name: value" headers, one per line. In a text of only one line they are separated by
// semicolons. The error never repeats s.
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

// smsTransport returns the transport that SMS_URL asks for.
func (s *Service) smsTransport(o Options, dial time.Duration) (transport, error) {
	u, err := parseSMSURL(o.SMSURL)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "smpp" {
		a, err := parseSMPP(u)
		if err != nil {
			return nil, err
		}
		return &smppTransport{address: a, dial: dial, report: s.Report, log: s.log}, nil
	}
	settings := o.Gateway
	settings.URL, settings.Headers = o.SMSURL, o.SMSHeaders
	how, setting, takes := parseGateway(settings)
	if setting != "" {
		return nil, settingError(setting, takes)
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
	return &gateway{url: u, dialect: how, sender: settings.Sender, now: s.now, client: &http.Client{
		Transport: transport,
		// a redirect would send number and code to a server that the operator has not named
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// gateway sends SMS to an HTTP gateway.
type gateway struct {
	*dialect
	url    *url.URL
	sender string // SMS_FROM; "": that of the message
	client *http.Client
	now    func() time.Time
}

func (g *gateway) send(ctx context.Context, l rendered) (string, error) {
	req, err := g.request(ctx, l)
	if err != nil {
		return "", refusal(reasonNotConfigured, "")
	}
	res, err := g.client.Do(req)
	if err != nil {
		return "", doFailure(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, broken := io.ReadAll(io.LimitReader(res.Body, gatewayBody))
	return g.judge(res, answer, broken != nil)
}

// request returns the message as an HTTP request in the gateway's format.
func (g *gateway) request(ctx context.Context, l rendered) (*http.Request, error) {
	rendered := g.body.render(placeholders(l.To, l.Text, l.ID.String(), cmp.Or(g.sender, l.Sender)))
	to, body := *g.url, io.Reader(strings.NewReader(rendered))
	if g.method == http.MethodGet {
		to.RawQuery, body = strings.TrimPrefix(to.RawQuery+"&"+rendered, "&"), nil
	}
	req, err := http.NewRequestWithContext(ctx, g.method, to.String(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", g.kind)
	}
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	req.Header.Set("Idempotency-Key", l.ID.String()) // gateways that do not know it ignore it
	g.sign(req)
	return req, nil
}

// sign adds the headers of requests that may contain the firm's key.
func (g *gateway) sign(req *http.Request) {
	req.Header.Set("User-Agent", "Kontor")
	for name, values := range g.headers {
		req.Header[name] = values
	}
}

// doFailure says what an error of the HTTP client means. It unwraps *url.Error, which would repeat the address and a
// key in it.
func doFailure(err error) *failure {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return netFailure(err, reasonConnectionLost)
}

// judge says what an answer means. SMS_REFUSED is a verdict about the number, whatever the status is. If SMS_SUCCESS is
// set, a success must match it. An answer that was cut off is judged like any other, except if the status is good but
// SMS_SUCCESS does not match: the rest may have been a success.
func (g *gateway) judge(res *http.Response, answer []byte, broken bool) (string, error) {
	code, good := res.StatusCode, res.StatusCode >= 200 && res.StatusCode < 300
	var f *failure
	switch {
	case g.refused != nil && g.refused.matches(answer):
		f = permanent(reasonNumberInvalid, "")
	case good && (g.success == nil || g.success.matches(answer)):
		id, _ := g.id.find(answer) // without an id the message is accepted, too; only the gateway's own id is unknown
		return providerID(id), nil
	case good && broken:
		return "", refusal(reasonConnectionLost, "") // it may have been a success
	case good:
		f = refusal(reasonGatewayRefused, "")
	default:
		f = gatewayFailure(code)
		if f.blame == ofRecipient && g.refused != nil { // an answer about the number would have matched SMS_REFUSED
			f = refusal(reasonGatewayRefused, "")
		}
	}
	f.detail, f.after = strconv.Itoa(code)+" "+g.discreet(string(answer)), retryAfter(res.Header.Get("Retry-After"), g.now())
	return "", f
}

// gatewayFailure says what a status other than 2xx means. Only 400 and 422 are about the number; the gateway would
// return any other status for every number.
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
	return refusal(reasonGatewayError, "") // 5xx, or a redirect: the address is wrong, which the operator can correct
}

// probe sends a HEAD request to the gateway's host. Any answer shows that the gateway can be reached, except the answer
// of a proxy that it can't.
func (g *gateway) probe(ctx context.Context) error {
	root := url.URL{Scheme: g.url.Scheme, Host: g.url.Host, Path: "/"} // without path, key and password, which are not needed
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, root.String(), nil)
	if err != nil {
		return refusal(reasonNotConfigured, "")
	}
	req.Header.Set("User-Agent", "Kontor")
	res, err := g.client.Do(req)
	if err != nil {
		return doFailure(err)
	}
	_ = res.Body.Close()
	switch res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return refusal(reasonGatewayError, strconv.Itoa(res.StatusCode))
	}
	return nil
}

func (g *gateway) close() error {
	g.client.CloseIdleConnections()
	return nil
}

// providerID returns id, or "" if an id can't be that long or contain such characters.
func providerID(id string) string {
	if len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return ""
	}
	return id
}

// retryAfter reads the Retry-After header (RFC 9110 §10.2.3), which contains seconds or a date; 0 if it can't be used.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		return time.Duration(max(0, min(seconds, int(longestAsked/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), longestAsked)
	}
	return 0
}
