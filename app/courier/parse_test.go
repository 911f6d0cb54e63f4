package courier

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/effort"
	"kontor/app/secret"
)

func TestPauses(t *testing.T) {
	for _, c := range []struct {
		channel  Channel
		attempts int
		asked    time.Duration
		want     time.Duration
	}{
		{Email, 1, 0, 30 * time.Second}, {Email, 2, 0, 2 * time.Minute}, {Email, 3, 0, 10 * time.Minute},
		{Email, 4, 0, 30 * time.Minute}, {Email, 5, 0, time.Hour}, {Email, 6, 0, time.Hour}, {Email, 99, 0, time.Hour},
		{Email, 0, 0, 30 * time.Second},
		{SMS, 1, 0, 5 * time.Second}, {SMS, 2, 0, 20 * time.Second}, {SMS, 3, 0, time.Minute}, {SMS, 4, 0, 3 * time.Minute},
		{SMS, 5, 0, 10 * time.Minute}, {SMS, 6, 0, time.Hour}, {SMS, 99, time.Minute, time.Hour},
		{SMS, 1, time.Minute, time.Minute}, {SMS, 5, time.Minute, 10 * time.Minute}, {SMS, 1, 24 * time.Hour, time.Hour},
	} {
		f := refusal(reasonGatewayBusy, "")
		f.after = c.asked
		assert.Equal(t, c.want, defaultSchedule().pause(c.channel, c.attempts, f), "%s after %d, asked %s", c.channel, c.attempts, c.asked)
	}
	assert.Equal(t, 4*time.Hour, defaultSchedule().pause(SMS, 6, refusal(reasonTimeout, "")), "an SMS that may have arrived five times: again after")
}

// TestNextTry: a try that would come too late is made after half of the remaining time, until hardly any time is left.
func TestNextTry(t *testing.T) {
	now := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct{ pause, left, want time.Duration }{
		{time.Hour, 2 * time.Hour, time.Hour}, {time.Hour, time.Hour + 1, time.Hour}, {time.Hour, time.Hour, 30 * time.Minute},
		{time.Hour, 10 * time.Minute, 5 * time.Minute}, {time.Hour, time.Minute, 30 * time.Second}, {time.Hour, time.Minute - 1, 0},
		{time.Second, 2 * time.Second, time.Second}, {time.Second, time.Second, 0}, {time.Hour, 0, 0}, {time.Hour, -time.Hour, 0},
	} {
		at, ok := nextTry(now, c.pause, now.Add(c.left))
		assert.Equal(t, c.want > 0, ok, "after %s with %s left", c.pause, c.left)
		assert.False(t, ok && !at.Equal(now.Add(c.want)), "after %s with %s left: %s", c.pause, c.left, at.Sub(now))
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
		{checkSMSHeaders, "", true},
		{checkSMSHeaders, "Authorization: Bearer a; X-B: c", true},
		{checkSMSHeaders, "Authorization: Bearer a\nAccept: text/plain; q=1\n", true},
		{checkSMSHeaders, "nothing", false},
		{checkSMSHeaders, "A b: c", false},
		{checkSMSHeaders, "A: \x01", false},
	} {
		assert.Equal(t, c.ok, c.check(c.in) == nil, "%q", c.in)
	}
	for _, secretive := range []string{"smtp://user:hunter22@host:99999", "smtp://user:hunter22%zz@host", "smtp://user:hunter22@ho st"} {
		err := CheckSMTPURL(secretive)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter22")
		err = CheckSMSURL(strings.Replace(secretive, "smtp", "smpp", 1))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter22")
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
		_ = checkSMSHeaders(s)
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
		assert.Equal(t, want, VerifySignature(key, body, header))
	}
	empty := hmac.New(sha256.New, nil)
	empty.Write(body)
	assert.False(t, VerifySignature(nil, body, hex.EncodeToString(empty.Sum(nil))), "an empty key is none")
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
		assert.False(t, want == nil && !errors.Is(err, ErrReport), "%s: %v", body, err)
		assert.False(t, want != nil && (err != nil || !reflect.DeepEqual(got, *want)), "%s: %+v", body, got)
	}
}

// bouncesOf returns a service that reads bounces. ours and oursToken identify the message that the samples are about.
func bouncesOf(tb testing.TB) *Service {
	tb.Helper()
	k, err := secret.NewKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(tb, err)
	return &Service{key: k}
}

const oursToken = "agjvsdt3jryabaaaaaaaaaaaagux76s7ys6oqya"

var ours = uuid.Must(uuid.FromString("0193590e-7b4c-7000-8000-000000000001"))

// bounceSamples are what the mails in testdata/bounces say about the message to anna@example.org: what happened to it,
// and for a failure the reason and what it is about (blame).
var bounceSamples = map[string]string{
	"postfix": "failed recipient_unknown 5.1.1", "postfix-header-only": "failed recipient_unknown 5.1.1",
	"sendmail": "failed recipient_unknown 5.1.1", "exchange": "failed recipient_unknown 5.1.10", "gmail": "failed recipient_unknown 5.1.1",
	"ses": "failed recipient_unknown 5.1.1", "verp-only": "failed recipient_unknown 5.1.1", "verp-in-capitals": "failed recipient_unknown 5.1.1",
	"verp-envelope-to": "failed recipient_unknown 5.1.1", "mixed": "failed recipient_unknown 5.1.1",
	"alternative-inside": "failed recipient_unknown 5.1.1", "forwarded": "failed recipient_unknown 5.1.1",
	"forwarded-inline": "failed recipient_unknown 5.1.1", "quoted-with-leading-line": "failed recipient_unknown 5.1.1",
	"quoted-with-leading-blank": "failed recipient_unknown 5.1.1", "quoted-with-from-line": "failed recipient_unknown 5.1.1",
	"quoted-with-escaped-from-line": "failed recipient_unknown 5.1.1", "quoted-with-broken-line": "failed recipient_unknown 5.1.1",
	"blank-before-colon": "failed recipient_unknown 5.1.1", "no-action": "failed recipient_unknown 5.1.1", "no-action-delayed": "delayed 4.4.1",
	"no-status": "failed recipient_unknown 5.1.1", "neither-action-nor-status": "failed recipient_unknown 5.1.1",
	"status-with-comment": "failed recipient_unknown 5.1.1", "boundary-unquoted": "failed recipient_unknown 5.1.1",
	"boundary-missing": "failed recipient_unknown 5.1.1", "bom": "failed recipient_unknown 5.1.1", "from-line": "failed recipient_unknown 5.1.1",
	"crlf": "failed recipient_unknown 5.1.1", "cr": "failed recipient_unknown 5.1.1", "mixed-line-ends": "failed recipient_unknown 5.1.1",
	"base64": "failed recipient_unknown 5.1.1", "quoted-printable": "failed recipient_unknown 5.1.1",
	"delivery-status-as-text": "failed recipient_unknown 5.1.1", "cut-off": "failed recipient_unknown 5.1.1",
	"several-ours-failed": "failed recipient_unknown 5.1.1", "several-ours-delivered": "delivered 2.1.5",
	"several-behind-an-alias": "failed mailbox_full 5.2.2", "several-strangers": "relayed 2.0.0",
	"delayed": "delayed 4.4.1", "relayed": "relayed 2.0.0", "expanded": "expanded 2.0.0", "delivered": "delivered 2.0.0",

	"exim": "failed recipient_unknown 5.1.1", "exim-delayed": "delayed", "exim-retry-timeout": "failed bounced",
	"exim-unrouteable": "failed recipient_unknown 5.1.1", "exim-relay-denied": "refused blocked", "qmail": "failed recipient_unknown 5.1.1",
	"qmail-too-long-in-queue": "failed bounced 4.3.0", "gmx": "failed recipient_unknown 5.1.1", "t-online": "failed mailbox_full 5.2.2",
	"german-unknown": "failed recipient_unknown 5.1.1", "in-reply-to-only": "failed recipient_unknown 5.1.1",
	"references-only": "failed recipient_unknown 5.1.1", "delayed-in-words": "delayed 4.4.1", "spam-in-words": "refused spam 5.7.1",

	"delivered-in-words":                "delivered",
	"delivered-in-german":               "delivered",
	"relayed-in-german":                 "relayed",
	"exchange-2003":                     "failed recipient_unknown 5.1.1",
	"domino":                            "failed recipient_unknown 5.1.1",
	"domino-german":                     "failed recipient_unknown 5.1.1",
	"cr-cr-lf":                          "failed recipient_unknown 5.1.1",
	"html-only":                         "failed recipient_unknown 5.1.1",
	"folded-status":                     "failed recipient_unknown 5.1.1",
	"several-in-one-block":              "delivered 2.0.0",
	"answer-auto-replied-about-failure": "nothing",
	"exchange-online-no-such-address":   "failed recipient_unknown 5.4.1",
	"courier":                           "failed recipient_unknown 5.0.0",
	"mimecast":                          "failed recipient_unknown 5.0.0",
	"barracuda":                         "refused spam",

	"accepted-in-words":      "nothing",
	"delivered-to-in-german": "delivered",
	"deferred-in-words":      "delayed",
	"delayed-undelivered":    "delayed",
	"warning-in-words":       "delayed 4.7.1",
	"expanded-in-words":      "expanded",
	"answer-person-asking":   "nothing",
	"tls-report":             "nothing",
	"full-in-german":         "failed mailbox_full 5.2.2",
	"no-account-in-words":    "failed recipient_unknown 5.1.1",
	"status-of-no-kind":      "failed recipient_unknown 5.1.1",
	"forwarded-as-a-file":    "failed recipient_unknown 5.1.1",
	"answer-has-left":        "nothing",

	"answer-out-of-office": "nothing", "answer-abwesend": "nothing", "answer-vacation-by-daemon": "nothing", "answer-ticket": "nothing",
	"answer-challenge": "nothing", "answer-person": "nothing", "answer-person-about-failure": "nothing", "read-receipt": "nothing",
	"complaint": "nothing", "stranger": "error", "forged-token": "error",
}

// judged returns what a bounce says, in the form of bounceSamples.
func judged(r ProviderReport, err error) string {
	r = r.about("Anna@example.org")
	blame, reason := r.verdict(Email)
	words := []string{"failed", reason}
	switch {
	case err != nil:
		return "error"
	case r.Nothing:
		return "nothing"
	case r.Delivered:
		words = []string{"delivered"}
	case r.Delayed:
		words = []string{"delayed"}
	case r.Relayed:
		words = []string{"relayed"}
	case r.Expanded:
		words = []string{"expanded"}
	case blame == ofFirm:
		words[0] = "refused"
	}
	return strings.TrimSpace(strings.Join(append(words, r.Status), " "))
}

func TestBounceSamples(t *testing.T) {
	s := bouncesOf(t)
	require.Equal(t, oursToken, tokenOf(s.key, ours), "the samples have another token than")
	files, err := filepath.Glob("testdata/bounces/*.eml")
	require.NoError(t, err)
	require.Len(t, files, len(bounceSamples), "samples, verdicts")
	for n, file := range files {
		if n%effort.Every(5) != 0 {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(file), ".eml")
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		for way, change := range bounceWays {
			r, err := s.ParseBounce(change(body))
			assert.Equal(t, bounceSamples[name], judged(r, err), "%s: (%q)", way, r.Detail)
			if !errors.Is(err, ErrReport) && !r.Nothing && r.MessageID != ours {
				t.Errorf("%s, %s: about %s", name, way, r.MessageID)
			}
		}
	}
}

// bounceWays are changes that servers make to any mail; they do not change what a bounce says.
var bounceWays = map[string]func([]byte) []byte{
	"as it is": func(b []byte) []byte { return b },
	"CR LF": func(b []byte) []byte {
		return bytes.ReplaceAll([]byte(unixLines(string(b))), []byte("\n"), []byte("\r\n"))
	},
	"mailbox file": func(b []byte) []byte {
		return append([]byte("From MAILER-DAEMON Thu Nov 26 09:00:05 2026\n"), bytes.TrimPrefix(b, []byte("\ufeff"))...)
	},
	"byte order mark": func(b []byte) []byte { return append([]byte("\ufeff"), b...) },
	"blank lines":     func(b []byte) []byte { return append([]byte("\r\n\r\n"), bytes.TrimPrefix(b, []byte("\ufeff"))...) },
	"a line that is no field": func(b []byte) []byte {
		return bytes.Replace(b, []byte("From: "), []byte("This line is no field\r\nFrom: "), 1)
	},
	"a long rest": func(b []byte) []byte { return append(b, bytes.Repeat([]byte("\nx"), reportLimit)...) },
}

// TestBounceOfStranger: a person who does not know a mail of ours can't name one.
func TestBounceOfStranger(t *testing.T) {
	s := bouncesOf(t)
	body, err := os.ReadFile("testdata/bounces/ses.eml")
	require.NoError(t, err)
	other := tokenOf(s.key, uuid.Must(uuid.NewV7()))
	for name, token := range map[string]string{
		"no token": "", "one letter else": "b" + oursToken[1:], "another check": oursToken[:26] + other[26:],
		"another key": tokenOf(secret.Key{}, ours), "an id alone": oursToken[:26], "a longer one": "a" + oursToken,
		"an id as it is": strings.ReplaceAll(ours.String(), "-", ""),
	} {
		r, err := s.ParseBounce(bytes.ReplaceAll(body, []byte(oursToken), []byte(token)))
		assert.ErrorIs(t, err, ErrReport, "%s: %+v", name, r)
	}
	r, err := s.ParseBounce(bytes.ReplaceAll(body, []byte(oursToken), []byte(other)))
	require.NoError(t, err)
	assert.NotEqual(t, ours, r.MessageID)
}

func TestJSONBounce(t *testing.T) {
	s := bouncesOf(t)
	for body, want := range map[string]string{
		`{"message_id": "<` + ours.String() + `.2@kontor.test>", "status": "5.2.2", "detail": "full"}`: "failed mailbox_full 5.2.2",
		`{"message_id": "` + ours.String() + `.2@kontor.test"}`:                                        "failed bounced",
		`{"message_id": "` + oursToken + `", "status": "4.4.1"}`:                                       "delayed 4.4.1",
		"\ufeff \n" + `{"message_id": "` + oursToken + `", "status": "2.0.0"}`:                         "delivered 2.0.0",
		`{"message_id": "` + ours.String() + `.2@kontor.test", "status": "bad"}`:                       "error",
		`{"message_id": "<abc@kontor.test>", "status": "5.0.0"}`:                                       "error",
		`{"message_id": "` + oursToken + `"` + strings.Repeat(" ", reportLimit) + `}`:                  "error",
		`{"message_id": `: "error", "": "error", "not a mail": "error", "\n\n": "error", "-": "error",
		"From: a@b.example\n\nHello": "nothing",
	} {
		r, err := s.ParseBounce([]byte(body))
		assert.Equal(t, want, judged(r, err), "%.80s", body)
	}
}

func FuzzReports(f *testing.F) {
	files, err := filepath.Glob("testdata/bounces/*.eml")
	require.NoError(f, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Add([]byte(`{"message_id": "<0193590e-7b4c-7000-8000-000000000001.3@kontor.test>", "status": "5.1.1"}`))
	f.Add([]byte(`{"id": "gw-1", "status": "delivered"}`))
	s := bouncesOf(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := s.ParseBounce(body)
		if err == nil && (r.MessageID == uuid.Nil) != r.Nothing {
			t.Error("a bounce of nothing")
		}
		if err == nil && !bytes.Contains(bytes.ToLower(body), []byte(ours.String()[:8])) && r.MessageID == ours {
			p, _ := readMail(body)
			named := false // by its id or a token, as it stands or decoded from what the mail was written in
			for _, all := range []string{string(body), decodeQuoted(string(body)), allText(p), unfolded(p)} {
				all = strings.ToLower(all)
				named = named || strings.Contains(all, oursToken) || strings.Contains(all, ours.String())
			}
			assert.True(t, named, "a message that nobody named")
		}
		assert.Equal(t, r.MessageID, r.about("anna@example.org").MessageID, "another message")
		if r, err := ParseDeliveryReport(body); err == nil && r.ProviderID == "" {
			t.Error("a report of nothing")
		}
	})
}

// unfolded returns all fields of a mail and its parts.
func unfolded(p part) string {
	var b strings.Builder
	for _, one := range p.fields {
		b.WriteString(one.value + "\n")
	}
	for _, inner := range p.parts {
		b.WriteString(unfolded(inner))
	}
	return b.String()
}

func checkSMSHeaders(s string) error {
	_, err := parseSMSHeaders(s)
	return err
}
