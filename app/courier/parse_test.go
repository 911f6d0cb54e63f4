package courier

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
)

func TestPauses(t *testing.T) {
	for _, c := range []struct {
		channel  Channel
		attempts int
		asked    time.Duration
		want     time.Duration
	}{
		{Email, 1, 0, 30 * time.Second}, {Email, 2, 0, 2 * time.Minute}, {Email, 3, 0, 10 * time.Minute},
		{Email, 4, 0, 30 * time.Minute}, {Email, 5, 0, time.Hour}, {Email, 6, 0, 4 * time.Hour}, {Email, 99, 0, 4 * time.Hour},
		{Email, 0, 0, 30 * time.Second},
		{SMS, 1, 0, 5 * time.Second}, {SMS, 2, 0, 20 * time.Second}, {SMS, 3, 0, time.Minute}, {SMS, 4, 0, 3 * time.Minute},
		{SMS, 5, 0, 10 * time.Minute}, {SMS, 6, 0, time.Hour}, {SMS, 99, time.Minute, time.Hour},
		{SMS, 1, time.Minute, time.Minute}, {SMS, 5, time.Minute, 10 * time.Minute}, {SMS, 1, 24 * time.Hour, time.Hour},
	} {
		f := refusal(reasonGatewayBusy, "")
		f.after = c.asked
		if got := DefaultSchedule().pause(c.channel, c.attempts, f); got != c.want {
			t.Errorf("%s after %d, asked %s: %s, want %s", c.channel, c.attempts, c.asked, got, c.want)
		}
	}
	if got := DefaultSchedule().pause(SMS, 6, refusal(reasonTimeout, "")); got != 4*time.Hour {
		t.Errorf("an SMS that may have arrived five times: again after %s", got)
	}
}

func TestCheckURLs(t *testing.T) {
	for _, c := range []struct {
		check func(string) error
		in    string
		ok    bool
	}{
		{CheckSMTPURL, "", true},
		{CheckSMTPURL, "smtp://mail.example.org", true},
		{CheckSMTPURL, "smtp://user:p%40ss%3A@mail.example.org:587?tls=starttls", true},
		{CheckSMTPURL, "smtp://user:pass@[::1]:465?tls=implicit", true},
		{CheckSMTPURL, "smtp://127.0.0.1:25?tls=none", true},
		{CheckSMTPURL, "smtp://:pass@host", false},
		{CheckSMTPURL, "smtps://host", false},
		{CheckSMTPURL, "smtp://", false},
		{CheckSMTPURL, "smtp://host?tls=maybe", false},
		{CheckSMTPURL, "smtp://host?tls=none&tls=implicit", false},
		{CheckSMTPURL, "smtp://host?verify=no", false},
		{CheckSMTPURL, "smtp://host/path", false},
		{CheckSMTPURL, "smtp://host:99999", false},
		{CheckSMTPURL, "host:25", false},
		{CheckSMSURL, "", true},
		{CheckSMSURL, "https://user:pass@sms.example.org/send?key=1", true},
		{CheckSMSURL, "http://127.0.0.1:8080", true},
		{CheckSMSURL, "smpp://system:pass@host", true},
		{CheckSMSURL, "smpp://system:pass@host:2775?from=Kontor", true},
		{CheckSMSURL, "smpp://host:2775", false},
		{CheckSMSURL, "smpp://system:password-too-long@host", false},
		{CheckSMSURL, "smpp://system:pass@host?what=ever", false},
		{CheckSMSURL, "ftp://host", false},
		{CheckSMSURL, "https:///send", false},
		{CheckSMSHeaders, "", true},
		{CheckSMSHeaders, "Authorization: Bearer a; X-B: c", true},
		{CheckSMSHeaders, "Authorization: Bearer a\nAccept: text/plain; q=1\n", true},
		{CheckSMSHeaders, "nothing", false},
		{CheckSMSHeaders, "A b: c", false},
		{CheckSMSHeaders, "A: \x01", false},
	} {
		if err := c.check(c.in); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.in, err)
		}
	}
	for _, secretive := range []string{"smtp://user:hunter22@host:99999", "smtp://user:hunter22%zz@host", "smtp://user:hunter22@ho st"} {
		if err := CheckSMTPURL(secretive); err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%v", err)
		}
		if err := CheckSMSURL(strings.Replace(secretive, "smtp", "smpp", 1)); err == nil || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%v", err)
		}
	}
}

func FuzzCheckURLs(f *testing.F) {
	f.Add("smtp://user:pass@host:25?tls=none")
	f.Add("smpp://system:pass@host:2775?from=Kontor")
	f.Add("https://host/?a=b")
	f.Add("A: b\nC: d")
	f.Fuzz(func(_ *testing.T, s string) {
		_ = CheckSMTPURL(s)
		_ = CheckSMSURL(s)
		_ = CheckSMSHeaders(s)
		_, _ = parseFrom(s)
		_, _ = parseReceipt(s)
		_ = retryAfter(s, time.Unix(0, 0))
	})
}

func TestVerifySignature(t *testing.T) {
	key, body := []byte("key"), []byte(`{"id":"1"}`)
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	good := hex.EncodeToString(mac.Sum(nil))
	for header, want := range map[string]bool{
		good: true, "sha256=" + good: true, strings.ToUpper(good): true, "": false, "sha256=": false, good[:62]: false,
		strings.Repeat("0", 64): false, "zz": false,
	} {
		if VerifySignature(key, body, header) != want {
			t.Errorf("%q: want %v", header, want)
		}
	}
	empty := hmac.New(sha256.New, nil)
	empty.Write(body)
	if VerifySignature(nil, body, hex.EncodeToString(empty.Sum(nil))) {
		t.Error("an empty key is none")
	}
}

func TestParseDeliveryReport(t *testing.T) {
	id := "0193590e-7b4c-7000-8000-000000000001"
	for body, want := range map[string]*ProviderReport{
		`{"id": "gw-1", "status": "delivered"}`:                {ProviderID: "gw-1", Delivered: true},
		`{"id": "gw-1", "status": "invalid"}`:                  {ProviderID: "gw-1", Invalid: true},
		`{"id": "gw-1", "status": "Rejected"}`:                 {ProviderID: "gw-1", Refused: true},
		`{"id": 4711, "status": "FAILED", "detail": "absent"}`: {ProviderID: "4711", Detail: "absent"},
		`{"id": "` + id + `", "status": "delivered"}`:          {MessageID: uuid.Must(uuid.FromString(id)), ProviderID: id, Delivered: true},
		`{"id": "gw-1", "status": "sent"}`:                     nil,
		`{"id": "", "status": "delivered"}`:                    nil,
		`{"id": {}, "status": "delivered"}`:                    nil,
		`{"id": "a b", "status": "delivered"}`:                 nil,
		`[]`:                                                   nil,
		``:                                                     nil,
	} {
		got, err := ParseDeliveryReport([]byte(body))
		if want == nil && !errors.Is(err, ErrReport) || want != nil && (err != nil || got != *want) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

const dsn = "Return-Path: <>\r\nFrom: MAILER-DAEMON@example.org\r\nSubject: Undelivered Mail Returned to Sender\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n" +
	"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n" +
	"Final-Recipient: rfc822; anna@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n" +
	"Diagnostic-Code: smtp; 550 5.1.1 <anna@example.org>:\r\n  unknown\r\n\r\n" +
	"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: no-reply@kontor.test\r\n" +
	"Message-ID: <0193590e-7b4c-7000-8000-000000000001.3@kontor.test>\r\nSubject: x\r\n\r\nHello\r\n--b--\r\n"

func TestParseBounce(t *testing.T) {
	id := uuid.Must(uuid.FromString("0193590e-7b4c-7000-8000-000000000001"))
	text := "550 5.1.1 <anna@example.org>: unknown"
	for name, c := range map[string]struct {
		body string
		want *ProviderReport
	}{
		"mail": {dsn, &ProviderReport{MessageID: id, Status: "5.1.1", Detail: text}},
		"only headers": {strings.Replace(dsn, "message/rfc822", "text/rfc822-headers", 1),
			&ProviderReport{MessageID: id, Status: "5.1.1", Detail: text}},
		"bare line feeds": {strings.ReplaceAll(dsn, "\r\n", "\n"), &ProviderReport{MessageID: id, Status: "5.1.1", Detail: text}},
		"delayed": {strings.NewReplacer("Action: failed", "Action: delayed", "Status: 5.1.1", "Status: 4.4.7").Replace(dsn),
			&ProviderReport{MessageID: id, Status: "4.4.7", Detail: text, Delayed: true}},
		"delivered": {strings.NewReplacer("Action: failed", "Action: delivered", "Status: 5.1.1", "Status: 2.0.0").Replace(dsn),
			&ProviderReport{MessageID: id, Status: "2.0.0", Detail: text, Delivered: true}},
		"cut off":       {dsn[:strings.Index(dsn, "Hello")], &ProviderReport{MessageID: id, Status: "5.1.1", Detail: text}},
		"no quote":      {strings.Replace(dsn, "message/rfc822", "text/plain", 1), nil},
		"not ours":      {strings.Replace(dsn, ".3@", "@", 1), nil},
		"no status":     {strings.Replace(dsn, "message/delivery-status", "text/plain", 1), nil},
		"ordinary mail": {"From: a@b\r\n\r\nHello", nil},
		"json": {`{"message_id": "<` + id.String() + `.2@kontor.test>", "status": "5.2.2", "detail": "full"}`,
			&ProviderReport{MessageID: id, Status: "5.2.2", Detail: "full"}},
		"json without status": {`{"message_id": "` + id.String() + `.2@kontor.test"}`, &ProviderReport{MessageID: id}},
		"json bad status":     {`{"message_id": "` + id.String() + `.2@kontor.test", "status": "bad"}`, nil},
		"json foreign id":     {`{"message_id": "<abc@kontor.test>", "status": "5.0.0"}`, nil},
		"json broken":         {`{"message_id": `, nil},
		"nothing":             {"", nil},
		"too long":            {dsn + strings.Repeat("x", ReportLimit), nil},
	} {
		got, err := ParseBounce([]byte(c.body))
		if c.want == nil && !errors.Is(err, ErrReport) || c.want != nil && (err != nil || got != *c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzReports(f *testing.F) {
	f.Add([]byte(dsn))
	f.Add([]byte(`{"message_id": "<0193590e-7b4c-7000-8000-000000000001.3@kontor.test>", "status": "5.1.1"}`))
	f.Add([]byte(`{"id": "gw-1", "status": "delivered"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := ParseBounce(body); err == nil && r.MessageID == uuid.Nil {
			t.Error("a bounce of nothing")
		}
		if r, err := ParseDeliveryReport(body); err == nil && r.ProviderID == "" {
			t.Error("a report of nothing")
		}
	})
}
