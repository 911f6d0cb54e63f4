package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/internal/web/kit"
)

// behind is a browser whose requests come from an address.
func (b *browser) login(address, login, password string) answer {
	b.Helper()
	page := b.get("/login", "X-Forwarded-For", address)
	m := regexp.MustCompile(`name="_csrf" value="([^"]+)"`).FindStringSubmatch(page.body)
	require.NotNil(b, m, "no token on the page: %s", page.body)
	return b.do(http.MethodPost, "/login", map[string][]string{
		kit.CSRFField: {m[1]}, "login": {login}, "password": {password},
	}, "X-Forwarded-For", address)
}

// TestAttackerBehindTheOffice: somebody behind the same address guesses passwords without end, of the person and of
// others. The browser with which the person has signed in before can still sign in, and so can a browser without cookies
// at the known address. A link by mail works everywhere.
func TestAttackerBehindTheOffice(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Proxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/32")} })
	const office, home = "192.0.2.7", "203.0.113.7:51234"
	own := w.browser()
	own.login(office, adminEmail, strong).goesTo(t, "/customers")
	known := own.cookies["__Host-kontor-known"]
	require.Len(t, known, 43, "cookies %v", own.cookies)
	delete(own.cookies, "__Host-kontor-session")
	attack := func() (last answer) {
		attacker := w.browser()
		for i := range 40 {
			last = attacker.login(office, []string{adminEmail, fmt.Sprint("victim", i)}[i%2], "guess")
		}
		return last
	}
	a := attack()
	require.Equal(t, http.StatusTooManyRequests, a.StatusCode, "the attacker is not slowed down")
	require.NotEmpty(t, a.Header.Get("Retry-After"), "the attacker is not slowed down")
	w.browser().login(office, adminEmail, strong).goesTo(t, "/customers")
	again := own.login(office, adminEmail, strong)
	again.goesTo(t, "/customers")
	cookie := ""
	for _, line := range again.Header.Values("Set-Cookie") {
		if strings.HasPrefix(line, "__Host-kontor-known=") {
			cookie = line
		}
	}
	for _, want := range []string{"HttpOnly", "secure", "SameSite=Lax", "path=/", "max-age=7776000"} {
		assert.Contains(t, strings.ToLower(cookie), strings.ToLower(want), "is not")
	}
	assert.NotEqual(t, known, own.cookies["__Host-kontor-known"], "the token is the same for ever")

	// After signing out, the browser is still known, and its cookie does not say whose it was.
	own.send("/logout").goesTo(t, "/login")
	assert.NotEmpty(t, own.cookies["__Host-kontor-known"], "signing out forgets the browser")

	// At home, strangers guess passwords as well.
	stranger := w.browser()
	for i := range 8 {
		stranger.login(fmt.Sprint("203.0.113.", 10+i), adminEmail, "guess")
	}
	phone := w.browser()
	require.Equal(t, http.StatusTooManyRequests, phone.login(home, adminEmail, strong).StatusCode, "the strangers don't keep anybody out")
	phone.send("/password/forgotten", "login", adminEmail).want(t, http.StatusOK)
	w.deliver()
	token := ""
	for _, m := range w.box() {
		if l := linkTo("password/reset", m.Text); l != "" && token == "" {
			token = l
		}
	}
	const fresh = "Gurke Wolke Hammer Tisch 7"
	phone.send("/password/reset/"+token, "password", fresh, "password_repeat", fresh).goesTo(t, "/login")
	phone.login(home, adminEmail, fresh).goesTo(t, "/customers")
}
