package web

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"kontor/app/attention"
	"kontor/app/effort"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/views"
)

const formType = "application/x-www-form-urlencoded"

// raw sends a request as it is written, with header lines that may repeat, and keeps no cookies.
func (b *browser) raw(method, target, body string, headers ...string) answer {
	b.t.Helper()
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
	// What the server itself refuses comes back as an error here, since there is no connection to answer on.
	switch {
	case err != nil && strings.Contains(err.Error(), "invalid header value"):
		return answer{&http.Response{StatusCode: http.StatusBadRequest}, err.Error()}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return answer{&http.Response{StatusCode: http.StatusRequestEntityTooLarge}, err.Error()}
	case err != nil:
		b.t.Fatalf("%s %.200s: %v", method, target, err)
	}
	text, err := io.ReadAll(res.Body)
	must(b.t, err)
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
	long := strings.Repeat("a", maxParam+1)
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
		{"many parameters", strings.Repeat("a&", maxParams) + "a", "", nil, 400},
	}
	for _, name := range []string{"User-Agent", "Accept-Language", "X-Forwarded-For", "Origin", "HX-Request", "Sec-Fetch-Site", csrfHeader, "Range", "If-None-Match"} {
		all = append(all,
			hostile{"no text in " + name, "", "", []string{name, "a\xffb"}, 400}, hostile{"half a letter in " + name, "", "", []string{name, "\xc3"}, 400},
			hostile{"a NUL in " + name, "", "", []string{name, "a\x00b"}, 400})
	}
	return append(all, hostile{"no text in our cookie", "", "", []string{"Cookie", "__Host-kontor-session=\xff"}, 400},
		hostile{"a NUL in our cookie", "", "", []string{"Cookie", "kontor-toast=a\x00"}, 400})
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
		form("many fields", strings.Repeat("a&", maxFields)+"a", 413), form("many empty fields", strings.Repeat("&", 1<<20-1), 413),
		form("half a million fields", strings.Repeat("a&", 1<<19-1), 413),
		form("a long field", "name="+strings.Repeat("a", maxField+1), 413), form("a field's long name", strings.Repeat("a", maxField+1), 413),
		form("a byte over the limit", "name="+strings.Repeat("a", 1<<20), 413),
		{"JSON", "", `{"name":"a"}`, []string{"Content-Type", "application/json"}, 415},
		{"plain text", "", "name=a", []string{"Content-Type", "text/plain"}, 415},
		{"of no type", "", "name=a", nil, 415},
		{"almost a form", "", "name=a", []string{"Content-Type", formType + "2"}, 415},
	}
}

// TestIntake: what costs memory, or is no text, is refused on every route of the router's own table before anything is
// asked of the database, signed in or not.
func TestIntake(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	routes := append(w.table(), route{method: http.MethodGet, path: "/static/x/y"}, route{method: http.MethodGet, path: "/nothing", audience: anyone})
	for who, b := range map[string]*browser{"signed in": w.signedIn(), "nobody": w.browser()} {
		for n, r := range routes {
			if n%effort.Every(7) != 0 {
				continue
			}
			path := x.address(t, r.path)
			check := func(h hostile) {
				t.Helper()
				target := path
				if h.query != "" {
					target += "?" + h.query
				}
				if a := b.raw(r.method, target, h.body, h.headers...); a.StatusCode != h.want {
					t.Errorf("%s, %s %s, %s: %d, want %d", who, r.method, r.path, h.name, a.StatusCode, h.want)
				}
			}
			for _, h := range unread(t) {
				check(h)
			}
			for _, segment := range []string{"%00", "a%00b", "%ff", "\xff", strings.Repeat("a", maxSegment+1), strings.Repeat("%61", maxSegment+1)} {
				if i := strings.Index(r.path, ":"); i > 0 {
					if a := b.raw(r.method, r.path[:i]+segment, ""); a.StatusCode != http.StatusBadRequest {
						t.Errorf("%s, %s %s with %.10q: %d, want 400", who, r.method, r.path, segment, a.StatusCode)
					}
				}
			}
			if r.method == http.MethodPost && r.takes == formBody {
				for _, h := range noForms() {
					check(h)
				}
				if a := b.raw(r.method, path, "", "Content-Type", "application/json"); a.StatusCode == http.StatusUnsupportedMediaType {
					t.Errorf("%s, %s: an empty body was refused", who, r.path)
				}
			}
			if a := b.raw(r.method, path, "", "Content-Encoding", "Identity, identity"); a.StatusCode >= 500 || a.StatusCode == 415 {
				t.Errorf("%s, %s %s, not coded: %d", who, r.method, r.path, a.StatusCode)
			}
		}
	}
	// Others on the same host may set what cookies they like.
	w.browser().raw(http.MethodGet, "/login", "", "Cookie", "theirs=\xff; kontor=\xff").want(t, http.StatusOK)
	// A form at every limit is taken.
	b := w.browser()
	full := url.Values{csrfField: {b.token()}, "login": {strings.Repeat("ä", maxField/2)}}.Encode() + strings.Repeat("&a=1", maxFields-2)
	if a := b.raw(http.MethodPost, "/login", full, "Content-Type", "Application/X-WWW-Form-URLencoded ; charset=utf-8"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a full form: %d %s", a.StatusCode, a.text())
	}
}

// TestTaking: a route gets what it asks for, as it came, and nothing else.
func TestTaking(t *testing.T) {
	for _, c := range []struct {
		takes payload
		kind  string
		want  int
	}{
		{partsBody, "multipart/form-data; boundary=x", 200}, {rawBody, "multipart/form-data; boundary=x", 415}, {formBody, "multipart/form-data; boundary=x", 415},
		{rawBody, "application/json", 200}, {partsBody, "application/octet-stream", 200}, {formBody, "application/json", 415},
	} {
		app := fiber.New(fiber.Config{DisablePreParseMultipartForm: true})
		app.Post("/", take(c.takes), func(c *fiber.Ctx) error { return c.Send(c.Request().Body()) })
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(multipartBody))
		r.Header.Set("Content-Type", c.kind)
		res, err := app.Test(r)
		must(t, err)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if res.StatusCode != c.want || c.want == http.StatusOK && string(body) != multipartBody {
			t.Errorf("%d with %s: %d %q", c.takes, c.kind, res.StatusCode, body)
		}
	}
}

// wordsOfSources are all words of this package's sources that could be the name of a field or of a parameter.
func wordsOfSources(t testing.TB) []string {
	t.Helper()
	words := map[string]bool{}
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		source, err := os.ReadFile(f)
		must(t, err)
		for _, m := range regexp.MustCompile(`"(_?[a-z][a-z_]{0,24})"`).FindAllStringSubmatch(string(source), -1) {
			words[m[1]] = true
		}
	}
	for _, known := range []string{"login", "after", "specialist", "_csrf", "q", "version", "edit"} {
		if !words[known] {
			t.Fatalf("%s is not among the words", known)
		}
	}
	return slices.Sorted(maps.Keys(words))
}

// paramNames are those that handlers read from the address.
func paramNames(t testing.TB) []string {
	t.Helper()
	names := map[string]bool{seenQuery: true}
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, f := range files {
		source, err := os.ReadFile(f)
		must(t, err)
		for _, m := range regexp.MustCompile(`(?:c\.Query(?:Int)?\(|(?:queryTerm|askedTerm|asked|paramValues|chosenIDs|queryID)\(c, )"([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			names[m[1]] = true
		}
	}
	if len(names) < 15 {
		t.Fatalf("only %d parameters", len(names))
	}
	return slices.Sorted(maps.Keys(names))
}

// oddities are texts that are text, and yet not what anybody expects.
func oddities() []string {
	cursor := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	id := "0193a3c0-0000-7000-8000-000000000000"
	raw, _ := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	return []string{
		"'", `\"%_*$1;--`, "\x01\u202e\ufeff\r\n", "𝕏🫥ﷺİß", "99999999999999999999", "1e999", "0000-01-01", "99999-12-31", id, "K-99999999999", "/..//a:b|c",
		cursor("0000-01-01|1|" + id), cursor("0000-01-01T00:00:00Z|1|" + id), cursor("9999-12-31T23:59:59+14:00|9223372036854775807|" + id),
		cursor("2026-11-20|-9223372036854775808|" + id), cursor(string(raw) + "a\x00b"), cursor(string(raw) + "\xff"), cursor("\x02\x00\x00\x01a\x00"),
		cursor("\x02\x00\x01\xff\xff\xff\xff\x07zz"), cursor("\x01\xff\xff\xff\xff\xff\xff\xff\xff" + string(raw)),
	}
}

// rerouted is the address of a route with something else in place of its first placeholder.
func rerouted(r route, segment string) (string, bool) {
	before, after, found := strings.Cut(r.path, ":")
	if !found {
		return "", false
	}
	_, after, more := strings.Cut(after, "/")
	if more {
		after = "/" + after
	}
	return before + segment + after, true
}

// endsSessions says whether who asks for a route is signed out by it.
func endsSessions(r route) bool { return r.path == "/logout" || r.path == "/account/sessions" }

// TestNoRequestIsAFault: whatever stands in an address or a form, no answer of any route is the server's fault, on both
// databases; a search term of any length is cut, and no error.
func TestNoRequestIsAFault(t *testing.T) {
	long := []string{strings.Repeat("ab ", 1600), strings.Repeat("%", 1600), strings.Repeat("ﷺ", 101)}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		x := w.furnish()
		words, params := wordsOfSources(t), paramNames(t)
		for who, b := range map[string]*browser{"signed in": w.signedIn(), "nobody": w.browser()} {
			fine := func(a answer, r route, with string) {
				t.Helper()
				if a.StatusCode >= 500 && a.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("%s, %s %s with %.60q: %d", who, r.method, r.path, with, a.StatusCode)
				}
			}
			for n, r := range w.table() {
				if n%effort.Every(23) != 0 {
					continue
				}
				if who == "nobody" && r.audience != anyone && r.audience != automatic {
					continue // to sign in, whatever it is: see TestNotSignedIn and TestIntake
				}
				path := x.address(t, r.path)
				with := func(query string) string {
					if strings.Contains(path, "?") {
						return path + "&" + query
					}
					return path + "?" + query
				}
				for i, odd := range oddities() {
					if other, ok := rerouted(r, url.PathEscape(odd)); ok && i < 11 && i%2 == 0 {
						fine(b.raw(r.method, other, ""), r, odd)
					}
					query := url.Values{}
					for _, name := range params {
						query.Add(name, odd)
					}
					if r.method == http.MethodGet {
						fine(b.raw(r.method, with(query.Encode()), ""), r, odd)
					}
				}
				if r.method != http.MethodGet {
					continue
				}
				plain := b.raw(r.method, path, "").StatusCode
				for _, text := range long {
					query := url.Values{}
					for name := range searchTerms {
						query.Set(name, text)
					}
					if a := b.raw(r.method, with(query.Encode()), ""); a.StatusCode != plain {
						t.Errorf("%s, %s with terms of %d bytes: %d, without %d", who, r.path, len(text), a.StatusCode, plain)
					}
				}
			}
			for _, odd := range []string{"'", "\x01𝕏ﷺ", "0000-01-01", "99999999999999999999", strings.Repeat("x", 1500)} {
				token := b.token()
				for _, r := range w.table() {
					if r.method != http.MethodPost || r.takes != formBody || endsSessions(r) || who == "nobody" && r.audience != anyone {
						continue
					}
					form := url.Values{csrfField: {token}}
					for _, name := range words {
						if name != csrfField && name != "narrow" && name != "choose" {
							form.Add(name, odd)
						}
					}
					fine(b.do(r.method, x.address(t, r.path), form), r, odd)
				}
			}
		}
	})
}

// TestCraftedCursors: where a list goes on is what somebody sent; one that no page of ours wrote is no fault of the server's.
func TestCraftedCursors(t *testing.T) {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	id := "0193a3c0-0000-7000-8000-000000000000"
	var timed, cursors []string
	for _, at := range []string{"0000-01-01", "0000-12-31", "0001-01-01", "9999-12-31", "a\x00"} {
		for _, clock := range []string{"", "T00:00:00Z", "T23:59:59.999999999-23:59", "T00:00:00+23:59"} {
			timed = append(timed, encode(at+clock+"|1|"+id))
		}
	}
	for _, number := range []string{"-9223372036854775808", "9223372036854775807"} {
		timed = append(timed, encode("2026-11-20|"+number+"|"+id), encode("2026-11-20T00:00:00Z|"+number+"|"+id))
	}
	of := strings.Repeat("\x01", 16)
	for _, s := range []string{
		of, of + "a", of + "a\x00b", of + "\xff", of + of, of + of + of, strings.Repeat("\xff", 16), strings.Repeat("\x00", 32), "\x02\x00\x00\x01a\x00",
		"\x02\x00\x01\xff\xff\xff\xff\x07zz", "\x02\x00\x02\x01a", "\x02\x01\x00\xff\xff\xff\xff\x07", "\x02\x03\x01\x01z",
		"\x01\xff\xff\xff\xff\xff\xff\xff\xff" + of, "\x01\x00\x00\x00\x00\x00\x00\x00\x01" + of, "\x01\x03\x84\x22\xf4\xd3\xd4\x00\x00" + of,
	} {
		cursors = append(cursors, encode(s))
	}
	cursors = append(cursors, id, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", strings.Repeat("A", maxParam))
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		x := w.furnish()
		b := w.signedIn()
		lists := []string{
			"/customers?q=k&after=", "/customers?after=", "/customers?before=", "/customers?sort=number&after=", "/customers?sort=-number&before=",
			"/customers?sort=-name&after=", "/transactions?after=", "/transactions?before=", "/customers/" + x.customer.String() + "/transactions?after=",
			"/specialists?after=", "/specialists/" + x.specialist.String() + "/sees?customers=", "/specialists/" + x.specialist.String() + "/sees?transactions=",
			"/audit?after=", "/customers/" + x.customer.String() + "/log?after=", "/transactions/" + x.transaction.String() + "/log?after=",
		}
		try := func(list string, cursors []string) {
			for _, cursor := range cursors {
				if a := b.raw(http.MethodGet, list+cursor, ""); a.StatusCode != http.StatusOK {
					t.Errorf("%s%.80s: %d", list, cursor, a.StatusCode)
				}
			}
		}
		for _, list := range lists {
			try(list, append(cursors, timed[0]))
		}
		for _, section := range attention.Sections {
			try("/attention?section="+string(section)+"&after=", append(timed, cursors[0]))
		}
	})
}

// TestFarDays: days at the edges of the calendar are kept out, or can be read again.
func TestFarDays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		x := w.furnish()
		b := w.signedIn()
		deputies := "/specialists/" + w.admin.ID.String() + "/deputies"
		for _, day := range []string{"0000-01-01", "0001-01-01", "9998-12-31", "9999-12-30", "9999-12-31"} {
			b.send(deputies, "deputy", x.specialist.String(), "from", day, "until", day)
			b.send("/customers/"+x.customer.String()+"/transactions", "name", "Fern", "kind", "tax_return", "due", day)
			b.send("/customers/"+x.customer.String()+"/data", "first_name", "B", "last_name", "K", "version", "1", "locale", "de", "date_of_birth", day)
			for _, page := range []string{deputies, "/customers/" + x.customer.String() + "/transactions", "/customers/" + x.customer.String() + "/data", "/attention", "/customers", "/specialists/" + x.specialist.String()} {
				if a := b.get(page); a.StatusCode != http.StatusOK {
					t.Errorf("%s after %s: %d", page, day, a.StatusCode)
				}
			}
		}
	})
}

// TestLongAddressSignsIn: who follows a long address without a session is asked to sign in, and not refused by our own link.
func TestLongAddressSignsIn(t *testing.T) {
	b := newWorld(t).browser()
	for _, n := range []int{10, maxParam - 20, maxParam, 15_000} {
		to := b.get("/customers?q=" + strings.Repeat("a", n)).Header.Get("Location")
		if n == 10 && !strings.Contains(to, "next=") {
			t.Errorf("%s does not lead back", to)
		}
		b.get(to).want(t, http.StatusOK)
	}
}

// TestOnlyTheBodyCounts: what stands in the address is no field of a form, and no token.
func TestOnlyTheBodyCounts(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	b := w.signedIn()
	token := b.token()
	for _, r := range w.table() {
		if r.method != http.MethodPost || r.audience == automatic {
			continue
		}
		for _, body := range []url.Values{nil, {}, {"name": {"a"}}} {
			target := x.address(t, r.path) + "?" + url.Values{csrfField: {token}}.Encode()
			if a := b.do(r.method, target, body); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s with the token in the address: %d, want 403", r.path, a.StatusCode)
			}
		}
	}
	before := w.dump("account")
	form := url.Values{csrfField: {token}, "username": {adminEmail}, "locale": {"de"}}
	if a := b.do(http.MethodPost, "/account?name=Mallory&username=mallory", form); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a name in the address: %d", a.StatusCode)
	}
	if after := w.dump("account"); after != before {
		t.Errorf("the account is now %s", after)
	}
	if a := b.do(http.MethodPost, "/login?login="+adminEmail+"&password="+url.QueryEscape(strong), url.Values{csrfField: {w.browser().token()}}); a.StatusCode == http.StatusSeeOther {
		t.Error("somebody signed in by an address")
	}
}

// TestEveryFormNamesItsAction: a form without one is sent to the address it stands at, with all that the address says.
func TestEveryFormNamesItsAction(t *testing.T) {
	inner := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	forms := 0
	must(t, fs.WalkDir(views.Pages(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		source, err := fs.ReadFile(views.Pages(), path)
		for _, tag := range regexp.MustCompile(`(?is)<form\b[^>]*>`).FindAllString(inner.ReplaceAllString(string(source), "x"), -1) {
			forms++
			if !regexp.MustCompile(`\saction="[^"?]+"`).MatchString(tag) {
				t.Errorf("%s: %s", path, tag)
			}
			if strings.Contains(tag, "enctype") {
				t.Errorf("%s: no route takes %s", path, tag)
			}
		}
		return err
	}))
	if forms < 40 {
		t.Errorf("only %d forms", forms)
	}
}

// TestHostileReports: what a hook is sent is bytes; its parser says what is wrong with them.
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
			mac := hmac.New(sha256.New, w.hookKeys[0])
			_, _ = mac.Write([]byte(body))
			for _, hook := range []string{"/hooks/sms", "/hooks/bounce"} {
				a := w.browser().raw(http.MethodPost, hook, body, signatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
				if !slices.Contains([]int{204, 404, 422}, a.StatusCode) {
					t.Errorf("%s to %s: %d %s", name, hook, a.StatusCode, a.body)
				}
			}
		}
	})
}

// FuzzForm: whatever a form's body is, what is read of it is bounded text; and what a browser writes is read as it was.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "a=b&c=d", "a", "&&a=&=b", "a=%00", "%ff=%zz", "a+b=c%20d&a=%", strings.Repeat("a&", 2100), "a=" + strings.Repeat("x", maxField+1), "a;b=c", "é=\x80"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		form, err := parseForm(body)
		if err != nil {
			if form != nil || !slices.Contains([]error{errTooLarge, errNoText}, err) {
				t.Fatalf("%v, %v", form, err)
			}
			return
		}
		n := 0
		for name, values := range form {
			for _, v := range values {
				if n++; len(name) > maxField || len(v) > maxField || !isText([]byte(name+v)) {
					t.Fatalf("%q = %q", name, v)
				}
			}
		}
		if n > maxFields {
			t.Fatalf("%d fields", n)
		}
		if want, err := url.ParseQuery(string(body)); err == nil && !maps.EqualFunc(want, form, slices.Equal) {
			t.Fatalf("%v, want %v", form, want)
		}
		if again, err := parseForm([]byte(url.Values(form).Encode())); err != nil || !maps.EqualFunc(again, form, slices.Equal) {
			t.Fatalf("%v became %v, %v", form, again, err)
		}
	})
}

// TestOneWayIn: nothing but intake.go reads a body or a form, and every header that is read anywhere is judged there.
func TestOneWayIn(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	other := regexp.MustCompile(`\.(FormValue|PostArgs|PostBody|BodyParser|FormFile|MultipartForm|SaveFile|BodyGunzip|BodyUncompressed|GetReqHeaders|BodyRaw)\(|\bc\.Body\(`)
	intake, err := os.ReadFile("intake.go")
	must(t, err)
	_, judged, _ := strings.Cut(string(intake), "var readHeaders")
	judged, _, _ = strings.Cut(judged, "}\n")
	read := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		source, err := os.ReadFile(f)
		must(t, err)
		if m := other.Find(source); m != nil {
			t.Errorf("%s: %s", f, m)
		}
		for _, m := range regexp.MustCompile(`\bc\.Get\(([^),]+)\)`).FindAllSubmatch(source, -1) {
			if read++; !strings.Contains(judged, string(m[1])) {
				t.Errorf("%s reads the header %s, which intake does not judge", f, m[1])
			}
		}
	}
	if read < 10 {
		t.Errorf("only %d headers are read", read)
	}
}

// TestUnseenIsNotShownAgain: a form that comes back holds what was judged, without the characters that nobody sees, and a
// line ends with LF. Passwords are what was typed.
func TestUnseenIsNotShownAgain(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	a := b.send("/customers", "type", "person", "first_name", "\u202eA\u0308n\u200bne\ufe0f", "last_name", "\u2800\u00ad", "note", "eins\r\n\u200bzwei",
		"street", "Kai\u00a01\u2011a", "phone", "\u206a040 1234567", "country", "DE", "locale", "de")
	a.want(t, http.StatusUnprocessableEntity)
	a.wantTyped(t, url.Values{"first_name": {"Änne"}, "last_name": {" "}, "note": {"eins\nzwei"}, "street": {"Kai 1-a"}, "phone": {"040 1234567"}})
	form, err := parseForm([]byte("password=a%E2%80%8Bb%0D%0A&email_password=%C2%AD&name=a%E2%80%8Bb"))
	must(t, err)
	for name, want := range map[string]string{"password": "a\u200bb\r\n", "email_password": "\u00ad", "name": "ab"} {
		if got := form[name][0]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
