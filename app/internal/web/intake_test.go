package web

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/valyala/fasthttp"

	"kontor/app/effort"
	"kontor/app/internal/web/kit"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

const formType = "application/x-www-form-urlencoded"

// raw sends a request as it is written, with header lines that may repeat, and keeps no cookies.
func (b *browser) raw(method, target, body string, headers ...string) answer {
	b.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.RequestURI = target
	r.Host = strings.TrimPrefix(baseURL, "https://")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := b.Handler().Test(r, 20_000)
	// A refusal of the HTTP server itself comes as an error here, because there is no connection.
	switch {
	case err != nil && strings.Contains(err.Error(), "invalid header value"):
		return answer{&http.Response{StatusCode: http.StatusBadRequest}, err.Error()}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return answer{&http.Response{StatusCode: http.StatusRequestEntityTooLarge}, err.Error()}
	case err != nil:
		b.Fatalf("%s %.200s: %v", method, target, err)
	}
	text, err := io.ReadAll(res.Body)
	must(b.TB, err)
	return answer{res, string(text)}
}

// gzipped is a body packed times over.
func gzipped(t testing.TB, plain []byte, times int) string {
	t.Helper()
	for range times {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write(plain)
		must(t, err)
		must(t, w.Close())
		plain = b.Bytes()
	}
	return string(plain)
}

const multipartBody = "--x\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\na\r\n--x--\r\n"

// hostile is a request that must be refused with a status, whatever route it goes to.
type hostile struct {
	name    string
	query   string
	body    string
	headers []string
	want    int
}

// unread are refused by every route: for what they say of their body, or for an address or a header that is no text.
func unread(t testing.TB) []hostile {
	bomb := gzipped(t, make([]byte, 1<<16), 2)
	long := strings.Repeat("a", kit.MaxParam+1)
	all := []hostile{
		{"coded twice", "", bomb, []string{"Content-Type", formType, "Content-Encoding", "gzip, gzip"}, 415},
		{"coded in capitals", "", bomb, []string{"Content-Encoding", "GZip"}, 415},
		{"an unknown coding", "", bomb, []string{"Content-Encoding", "x-none"}, 415},
		{"coded after identity", "", bomb, []string{"Content-Encoding", "identity,br"}, 415},
		{"coded in a second line", "", bomb, []string{"Content-Encoding", "identity", "Content-Encoding", "deflate"}, 415},
		{"coded without a body", "", "", []string{"Content-Encoding", "zstd"}, 415},
		{"multipart", "", multipartBody, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415},
		{"multipart in capitals", "", multipartBody, []string{"Content-Type", "Multipart/Mixed; boundary=x"}, 415},
		{"multipart, coded", "", gzipped(t, []byte(multipartBody), 1), []string{"Content-Type", "multipart/form-data; boundary=x", "Content-Encoding", "gzip"}, 415},
		{"multipart that is none", "", strings.Repeat("z", 100), []string{"Content-Type", "multipart/form-data; boundary=x"}, 415},
		{"multipart without an end", "", "--x\r\nContent-Disposition: form-data", []string{"Content-Type", "multipart/form-data; boundary=x"}, 415},
		{"a NUL in a parameter", "q=a%00", "", nil, 400},
		{"no text in a parameter", "x=%c3%28", "", nil, 400},
		{"no text, as it is", "x=\xff", "", nil, 400},
		{"a NUL in a parameter's name", "a%00=b", "", nil, 400},
		{"no text in a parameter's name", "%ff", "", nil, 400},
		{"a long parameter", "sort=" + long, "", nil, 400},
		{"a long parameter's name", long + "=1", "", nil, 400},
		{"a second one that is long", "q=a&after=b&after=" + long, "", nil, 400},
		{"many parameters", strings.Repeat("a&", kit.MaxParams) + "a", "", nil, 400},
	}
	for _, name := range []string{"User-Agent", "Accept-Language", "X-Forwarded-For", "Origin", "HX-Request", "Sec-Fetch-Site", kit.CSRFHeader, "Range", "If-None-Match"} {
		all = append(all,
			hostile{"no text in " + name, "", "", []string{name, "a\xffb"}, 400}, hostile{"half a letter in " + name, "", "", []string{name, "\xc3"}, 400},
			hostile{"a NUL in " + name, "", "", []string{name, "a\x00b"}, 400})
	}
	return append(all, hostile{"no text in our cookie", "", "", []string{"Cookie", "__Host-kontor-session=\xff"}, 400},
		hostile{"a NUL in our cookie", "", "", []string{"Cookie", "kontor-toast=a\x00"}, 400})
}

// TestIntake: requests that would cost memory, or are not text, are refused on every route of the router's own table
// before any query of the database, signed in or not.
func TestIntake(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	routes := append(w.table(), kit.Route{Method: http.MethodGet, Path: "/static/x/y"}, kit.Route{Method: http.MethodGet, Path: "/nothing", Audience: kit.Anyone})
	for who, b := range map[string]*browser{"signed in": w.signedIn(), "nobody": w.browser()} {
		for n, r := range routes {
			if n%effort.Every(13) != 0 {
				continue
			}
			path := x.address(t, r.Path)
			check := func(h hostile) {
				t.Helper()
				target := path
				if h.query != "" {
					target += "?" + h.query
				}
				assert.Equal(t, h.want, b.raw(r.Method, target, h.body, h.headers...).StatusCode, "%s, %s %s", who, r.Method, r.Path)
			}
			for _, h := range unread(t) {
				if r.Takes != kit.PartsBody || !strings.HasPrefix(h.name, "multipart") || strings.Contains(h.name, "coded") {
					check(h)
				}
			}
			for _, segment := range []string{"%00", "a%00b", "%ff", "\xff", strings.Repeat("a", kit.MaxSegment+1), strings.Repeat("%61", kit.MaxSegment+1)} {
				if i := strings.Index(r.Path, ":"); i > 0 {
					assert.Equal(t, http.StatusBadRequest, b.raw(r.Method, r.Path[:i]+segment, "").StatusCode, "%s, %s %s with %.10q", who, r.Method, r.Path, segment)
				}
			}
			if r.Method == http.MethodPost && r.Takes == kit.FormBody {
				for _, h := range noForms() {
					check(h)
				}
				assert.NotEqual(t, http.StatusUnsupportedMediaType, b.raw(r.Method, path, "", "Content-Type", "application/json").StatusCode, "%s, %s: an empty body was refused", who, r.Path)
			}
			a := b.raw(r.Method, path, "", "Content-Encoding", "Identity, identity")
			assert.Less(t, a.StatusCode, 500, "%s, %s %s, not coded", who, r.Method, r.Path)
			assert.NotEqual(t, 415, a.StatusCode, "%s, %s %s, not coded", who, r.Method, r.Path)
		}
	}
	// Other programs on the same host may set any cookies.
	w.browser().raw(http.MethodGet, "/login", "", "Cookie", "theirs=\xff; kontor=\xff").want(t, http.StatusOK)
	// A form that reaches every limit is accepted.
	b := w.browser()
	full := url.Values{kit.CSRFField: {b.token()}, "login": {strings.Repeat("ä", kit.MaxField/2)}, "password": {"x"}}.Encode() + strings.Repeat("&a=1", kit.MaxFields-3)
	a := b.raw(http.MethodPost, "/login", full, "Content-Type", "Application/X-WWW-Form-URLencoded ; charset=utf-8")
	assert.Equal(t, http.StatusUnauthorized, a.StatusCode, "a full form: %s", a.text())
}

// TestOnlyTheBodyCounts: parameters of the address count neither as fields of a form nor as a token.
func TestOnlyTheBodyCounts(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	b := w.signedIn()
	token := b.token()
	for _, r := range w.table() {
		if r.Method != http.MethodPost || r.Audience == kit.Automatic {
			continue
		}
		for _, body := range []url.Values{nil, {}, {"name": {"a"}}} {
			target := x.address(t, r.Path) + "?" + url.Values{kit.CSRFField: {token}}.Encode()
			assert.Equal(t, http.StatusForbidden, b.do(r.Method, target, body).StatusCode, "%s with the token in the address", r.Path)
		}
	}
	before := w.dump("account")
	form := url.Values{kit.CSRFField: {token}, "username": {adminEmail}, "locale": {"de"}}
	assert.Equal(t, http.StatusUnprocessableEntity, b.do(http.MethodPost, "/account?name=Mallory&username=mallory", form).StatusCode, "a name in the address")
	assert.Equal(t, before, w.dump("account"), "the account is now")
	a := b.do(http.MethodPost, "/login?login="+adminEmail+"&password="+url.QueryEscape(strong), url.Values{kit.CSRFField: {w.browser().token()}})
	assert.NotEqual(t, http.StatusSeeOther, a.StatusCode, "somebody signed in by an address")
}

// TestHostileReports: a hook gets arbitrary bytes; its parser says what is wrong with them.
func TestHostileReports(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		x := w.furnish()
		id := x.mail.String()
		for name, body := range map[string]string{
			"empty": "", "nothing": "{}", "deep": strings.Repeat(`{"id":`, 20_000), "deep lists": strings.Repeat("[", 1<<19),
			"a NUL in the id": `{"id":"a\u0000b","status":"failed"}`, "a NUL in the detail": `{"id":"` + id + `","status":"failed","detail":"a\u0000b"}`,
			"a NUL": "{\"id\":\"\x00\",\"status\":\"failed\"}", "no text": "{\"id\":\"" + id + "\",\"status\":\"failed\",\"detail\":\"\xff\xfe\"}",
			"half a surrogate": `{"id":"` + id + `","status":"failed","detail":"\ud800"}`, "a huge number": `{"id":1e999999,"status":"failed"}`,
			"a long detail": `{"message_id":"<` + id + `.1@kontor.example>","status":"5.1.1","detail":"` + strings.Repeat("ä", 400_000) + `"}`,
			"a NUL of a mail": "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: a\r\n\r\n" +
				"Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 a\x00\xffb\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" +
				"Message-Id: <" + id + ".1@kontor.example>\r\n\r\n--b--\r\n",
			"parts in parts": strings.Repeat("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n", 10_000),
		} {
			mac := hmac.New(sha256.New, []byte(w.Key.MACs("hooks")[0]))
			_, _ = mac.Write([]byte(body))
			for _, hook := range []string{"/hooks/sms", "/hooks/bounce"} {
				a := w.browser().raw(http.MethodPost, hook, body, kit.SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
				assert.Contains(t, []int{204, 404, 422}, a.StatusCode, "%s to %s", name, hook)
			}
		}
	})
}

// noForms are refused by every route that takes a form.
func noForms() []hostile {
	form := func(name, body string, want int) hostile {
		return hostile{name, "", body, []string{"Content-Type", formType}, want}
	}
	return []hostile{
		form("a NUL in a field", "name=a%00b", 400), form("a NUL as it is", "name=a\x00b", 400), form("no text in a field", "name=%e4", 400),
		form("no text in a field's name", "%ff=1", 400), form("a NUL in a field's name", "a=1&%00=1", 400),
		form("half a surrogate", "name=%ed%a0%80", 400),
		form("many fields", strings.Repeat("a&", kit.MaxFields)+"a", 413), form("many empty fields", strings.Repeat("&", 1<<20-1), 413),
		form("half a million fields", strings.Repeat("a&", 1<<19-1), 413),
		form("a long field", "name="+strings.Repeat("a", kit.MaxField+1), 413), form("a field's long name", strings.Repeat("a", kit.MaxField+1), 413),
		form("a byte over the limit", "name="+strings.Repeat("a", 1<<20), 413),
		{"JSON", "", `{"name":"a"}`, []string{"Content-Type", "application/json"}, 415},
		{"plain text", "", "name=a", []string{"Content-Type", "text/plain"}, 415},
		{"of no type", "", "name=a", nil, 415},
		{"almost a form", "", "name=a", []string{"Content-Type", formType + "2"}, 415},
	}
}

// TestUnseenIsNotShownAgain: a form that is shown again contains the values that were checked, without invisible
// characters and with LF as line end. Passwords stay as typed.
func TestUnseenIsNotShownAgain(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	a := b.send("/customers", "type", "person", "first_name", "\u202eA\u0308n\u200bne\ufe0f", "last_name", "\u2800\u00ad", "note", "eins\r\n\u200bzwei",
		"street", "Kai\u00a01\u2011a", "phone", "\u206a040 1234567", "country", "DE", "locale", "de")
	a.want(t, http.StatusUnprocessableEntity)
	a.wantTyped(t, url.Values{"first_name": {"Änne"}, "last_name": {" "}, "note": {"eins\nzwei"}, "street": {"Kai 1-a"}, "phone": {"040 1234567"}})
}
