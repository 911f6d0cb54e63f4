package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/effort"
	"kontor/app/internal/web/kit"
)

// fill puts something that could be an id into the placeholders of a route.
func fill(path string) string {
	return regexp.MustCompile(`:[a-z]+`).ReplaceAllString(path, "0193a3c0-0000-7000-8000-000000000000")
}

// TestForeignPosts: every request that may change something is refused without the token of its own session, and if the
// browser says that another site caused it (S18), whoever is signed in. The test uses the router's own table, so no new
// route can be forgotten.
func TestForeignPosts(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	tables := w.allTables()
	mine := w.signedIn()
	w.Tick(2 * time.Second)
	for who, pair := range map[string][2]*browser{"signed in": {mine, w.signedIn()}, "signed out": {w.browser(), w.browser()}} {
		own, other := pair[0].token(), pair[1].token()
		before, tested := w.dump(tables...), 0
		for _, r := range w.table() {
			if !r.Changes() || r.Audience == kit.Automatic {
				continue
			}
			if tested++; tested%effort.Every(9) != 0 {
				continue
			}
			for name, c := range map[string]struct {
				token   string
				headers []string
			}{
				"no token":                 {"", nil},
				"another session's token":  {other, nil},
				"a token of nobody":        {strings.Repeat("A", len(own)), nil},
				"cross-site":               {own, []string{"Sec-Fetch-Site", "cross-site"}},
				"same-site":                {own, []string{"Sec-Fetch-Site", "same-site"}},
				"foreign Origin":           {own, []string{"Origin", "https://evil.example"}},
				"Origin null":              {own, []string{"Origin", "null"}},
				"Origin like ours":         {own, []string{"Origin", baseURL + ".evil.example"}},
				"forged Host with Origin":  {own, []string{"Origin", "https://evil.example", "Host", "evil.example"}},
				"token in the header, too": {"", []string{"X-CSRF-Token", other}},
				"HTMX without token":       {"", []string{"HX-Request", "true"}},
			} {
				form := url.Values{}
				if c.token != "" {
					form.Set(kit.CSRFField, c.token)
				}
				assert.Equal(t, http.StatusForbidden, pair[0].do(r.Method, x.address(t, r.Path), form, c.headers...).StatusCode, "%s %s, %s, %s", r.Method, r.Path, who, name)
				if after := w.dump(tables...); after != before {
					t.Errorf("%s %s, %s, %s: something was written", r.Method, r.Path, who, name)
					before = after
				}
			}
		}
		require.GreaterOrEqual(t, tested, 15, "only %d routes", tested)
	}
	// The same token from our own page is accepted.
	require.Equal(t, http.StatusSeeOther, mine.send("/account/sessions").StatusCode, "own request")
}

// TestSessionRunOut: a person who saves a form after the session has ended is asked to sign in, and not refused as a
// forgery.
func TestSessionRunOut(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	token := b.token()
	w.Tick(time.Hour)
	form := url.Values{kit.CSRFField: {token}}
	b.do(http.MethodPost, "/account", form).want(t, http.StatusUnauthorized, "Sign in", "Your session has ended")
	a := b.do(http.MethodPost, "/account", form, "HX-Request", "true")
	a.want(t, http.StatusUnprocessableEntity, "Sign in", "Your session has ended")
	assert.Equal(t, "body", a.Header.Get("HX-Retarget"), "HTMX")
	old := url.Values{kit.CSRFField: {"of the version before"}}
	b.do(http.MethodPost, "/account", old).want(t, http.StatusUnauthorized, "You were no longer signed in, so nothing was saved")
	b.do(http.MethodPost, "/account", form, "Origin", "https://evil.example").want(t, http.StatusForbidden)
}

// TestNotSignedIn: without signing in, no page of the firm or of a person can be read.
func TestNotSignedIn(t *testing.T) {
	w := newWorld(t)
	for _, r := range w.table() {
		if r.Audience == kit.Anyone || r.Audience == kit.Automatic || r.Method != http.MethodGet {
			continue
		}
		a := w.browser().get(fill(r.Path))
		assert.Equal(t, http.StatusSeeOther, a.StatusCode, "%s: to %q", r.Path, a.Header.Get("Location"))
		assert.True(t, strings.HasPrefix(a.Header.Get("Location"), "/login?next="), "%s", r.Path)
	}
}

// TestEndUserStaysOut: an end user sees nothing of the firm's pages, and can't find out that they exist.
func TestEndUserStaysOut(t *testing.T) {
	w := newWorld(t)
	b := w.endUser()
	for _, r := range w.table() {
		if r.Audience != kit.Firm {
			continue
		}
		var a answer
		if r.Method == http.MethodGet {
			a = b.get(fill(r.Path))
		} else {
			a = b.send(fill(r.Path))
		}
		assert.Equal(t, http.StatusNotFound, a.StatusCode, "%s %s", r.Method, r.Path)
	}
	b.get("/mailbox").want(t, http.StatusNotFound)
	b.get("/mailbox.json").want(t, http.StatusNotFound)
	b.get("/").goesTo(t, "/portal")
}

// TestHeaders: every answer, whatever its status, forbids content from other sites, inline content, framing and caching
// (S21).
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	for _, path := range []string{"/", "/login", "/account", "/specialists", "/queues", "/audit", "/mailbox", "/nothing", "/healthz", "/register/x"} {
		a := b.get(path)
		csp := a.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			assert.Contains(t, csp, want, "%s: lacks", path)
		}
		assert.NotContains(t, csp, "unsafe", path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
		} {
			assert.Equal(t, want, a.Header.Get(name), "%s: %s", path, name)
		}
		assert.NotEmpty(t, a.Header.Get("Strict-Transport-Security"), "%s: no Strict-Transport-Security", path)
	}
}

// TestPagesAreOurOwn: no page contains an inline script, style or handler, or an address of another host.
func TestPagesAreOurOwn(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("berta@kunde.example", "+4915123456789")
	b := w.signedIn()
	inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|hx-vals='js|hx-trigger="[^"]*\[`)
	foreign := regexp.MustCompile(`(?i)(?:src|href|action|hx-get|hx-post)="(?:https?:)?//[^"]*"`)
	for _, path := range []string{"/login", "/account", "/specialists", "/specialists/new", "/queues", "/audit", "/mailbox", "/register/" + token} {
		body := b.get(path).body
		assert.Empty(t, inline.FindString(body), "%s: inline", path)
		for _, m := range foreign.FindAllString(body, -1) {
			assert.Contains(t, m, `"`+baseURL+"/", "%s: foreign", path)
		}
	}
}

// TestCookies: over HTTPS all cookies are bound to the host, and scripts can't read them (S17).
func TestCookies(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	seen := 0
	for _, a := range []answer{b.get("/login"), b.send("/login", "login", adminEmail, "password", strong), b.send("/logout")} {
		for _, c := range a.Cookies() {
			seen++
			assert.True(t, strings.HasPrefix(c.Name, "__Host-"), "cookie %+v", c)
			assert.True(t, c.Secure)
			assert.True(t, c.HttpOnly)
			assert.Equal(t, http.SameSiteLaxMode, c.SameSite)
			assert.Equal(t, "/", c.Path)
			assert.Empty(t, c.Domain)
		}
	}
	require.GreaterOrEqual(t, seen, 3, "only %d cookies", seen)
}

// TestForgedHost: the host in a request does not appear in any link, mail or redirect (S7).
func TestForgedHost(t *testing.T) {
	w := newWorld(t)
	forged := []string{"Host", "evil.example", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "Forwarded", "host=evil.example"}
	b := w.browser()
	for _, path := range []string{"/", "/login", "/password/forgotten", "/customers", "/account", "/register/x", "/nothing"} {
		a := b.get(path, forged...)
		assert.NotContains(t, a.body+a.Header.Get("Location"), "evil.example", "%s: the forged host is in the answer", path)
	}
	form := url.Values{kit.CSRFField: {b.token()}, "login": {adminEmail}}
	b.do(http.MethodPost, "/password/forgotten", form, forged...).want(t, http.StatusOK)
	w.deliver()
	mail := w.box()[0]
	assert.NotContains(t, mail.Text+mail.HTML, "evil.example", "the mail says")
	assert.NotEmpty(t, linkTo("password/reset", mail.Text))
}

// TestNext: after signing in, a person is redirected only to our own pages (S42).
func TestNext(t *testing.T) {
	w := newWorld(t)
	for next, want := range map[string]string{
		"":                       "/customers",
		"/":                      "/customers",
		"/audit?after=x":         "/audit?after=x",
		"//evil.example":         "/customers",
		"///evil.example":        "/customers",
		`/\evil.example`:         "/customers",
		`\\evil.example`:         "/customers",
		"https://evil.example":   "/customers",
		"javascript:alert(1)":    "/customers",
		"/\t/evil.example":       "/customers",
		"/\r\nSet-Cookie: a=b":   "/customers",
		"account":                "/customers",
		"/%0d%0aSet-Cookie: a=b": "/%0d%0aSet-Cookie: a=b",
	} {
		b := w.browser()
		b.send("/login", "login", adminEmail, "password", strong, "next", next).goesTo(t, want)
	}
}

// TestSmallHeadersPass: a header of 5 kB is accepted (S44).
func TestSmallHeadersPass(t *testing.T) {
	w := newWorld(t)
	w.browser().get("/login", "X-Long", strings.Repeat("a", 5000)).want(t, http.StatusOK)
}
