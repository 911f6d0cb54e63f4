package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var pageToken = regexp.MustCompile(`name="_csrf" value="([^"]+)"`)

// TestBaseURLSpellings: however BASE_URL is written, a form that a browser sends from that address signs in, and one from
// another address is refused.
func TestBaseURLSpellings(t *testing.T) {
	for written, origin := range map[string]string{
		"HTTPS://Kontor.Example:443/": "https://kontor.example", "https://Bücher.example.": "https://xn--bcher-kva.example", "http://kontor.example:80": "http://kontor.example",
	} {
		p := boot(t, map[string]string{"BASE_URL": written, "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword, "MAILBOX": "on"})
		assert.Equal(t, origin, p.URL, "%s: Kontor is at", written)
		for _, c := range []struct {
			origin  string
			refused bool
		}{{origin, false}, {"https://evil.example", true}} {
			status := postLogin(t, "http://"+p.Address, c.origin)
			assert.Equal(t, c.refused, status == http.StatusForbidden, "%s: a form from %s is answered, to be refused", written, c.origin)
			assert.False(t, !c.refused && status != http.StatusSeeOther, "%s: to be refused", written)
		}
	}
}

// TestLocalhost: without BASE_URL the program uses localhost. People who open it by its IP address can still sign in and
// add a customer.
func TestLocalhost(t *testing.T) {
	p := boot(t, map[string]string{"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword})
	_, port, err := net.SplitHostPort(p.Address)
	require.NoError(t, err, "Kontor is at")
	require.Equal(t, "http://localhost:"+port, p.URL)
	for i, base := range []string{p.URL, "http://" + p.Address} {
		somebody := visitor(t, base)
		somebody.get("/customers").is(http.StatusOK, "/login")
		somebody.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
		email := fmt.Sprintf("eva%d@kunde.example", i)
		somebody.get("/customers/new?type=person").send("Save", map[string]string{
			"first_name": "Eva", "last_name": "Ende", "email": email,
		}).is(http.StatusOK, "").shows("Queued for " + email)
	}
}

// TestStartSaysBaseURL: the start prints where links lead, how another spelling was changed, and a warning if the name
// leads to another program.
func TestStartSaysBaseURL(t *testing.T) {
	for written, want := range map[string]string{
		"": "BASE_URL  http://localhost:", "http://kontor.example": "BASE_URL  http://kontor.example\n",
		"HTTP://Bücher.Example:80/": `BASE_URL  http://xn--bcher-kva.example, as browsers write "HTTP://Bücher.Example:80/"`,
	} {
		said := boot(t, map[string]string{"BASE_URL": written}).Said
		assert.Contains(t, said, want, "%q: no %q in", written, want)
	}
	said := boot(t, nil).Said
	assert.NotContains(t, said, "another program", "nobody else is there")
	port := takenOnIPv6(t)
	if port == "" {
		return // on a machine without IPv6, no other program can listen there
	}
	said = boot(t, map[string]string{"LISTEN": "127.0.0.1:" + port}).Said
	assert.Contains(t, said, "another program listens on [::1]:"+port, "somebody else is there")
}

// takenOnIPv6 listens on a port of [::1] that is free on 127.0.0.1, until the test ends. It returns "" without IPv6.
func takenOnIPv6(t *testing.T) (port string) {
	t.Helper()
	for {
		other, err := net.Listen("tcp6", "[::1]:0")
		if err != nil {
			return ""
		}
		_, port, err = net.SplitHostPort(other.Addr().String())
		require.NoError(t, err)
		if same, err := net.Listen("tcp4", "127.0.0.1:"+port); err == nil {
			require.NoError(t, same.Close())
			t.Cleanup(func() { _ = other.Close() })
			return port
		}
		_ = other.Close() // the system gives another port next time
	}
}

// postLogin signs in with the form of a page, with all its cookies as behind a proxy, and returns the answer's status.
func postLogin(t *testing.T, at, origin string) int {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := client.Get(at + "/login")
	require.NoError(t, err)
	body, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	_ = page.Body.Close()
	token := pageToken.FindStringSubmatch(string(body))
	require.NotNil(t, token, "no token in the page")
	form := url.Values{"_csrf": token[1:], "login": {"admin@kontor.local"}, "password": {goodPassword}}
	req, err := http.NewRequest(http.MethodPost, at+"/login", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	for _, c := range page.Cookies() {
		req.AddCookie(c)
	}
	res, err := client.Do(req)
	require.NoError(t, err)
	_ = res.Body.Close()
	return res.StatusCode
}
