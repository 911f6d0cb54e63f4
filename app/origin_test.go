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
)

var pageToken = regexp.MustCompile(`name="_csrf" value="([^"]+)"`)

// TestBaseURLSpellings: however BASE_URL is written, a form that a browser sends from that address signs in, and one from
// another address is refused.
func TestBaseURLSpellings(t *testing.T) {
	for written, origin := range map[string]string{
		"HTTPS://Kontor.Example:443/": "https://kontor.example", "https://Bücher.example.": "https://xn--bcher-kva.example", "http://kontor.example:80": "http://kontor.example",
	} {
		p := boot(t, map[string]string{"BASE_URL": written, "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword, "MAILBOX": "on"})
		if p.URL != origin {
			t.Errorf("%s: Kontor is at %s, want %s", written, p.URL, origin)
		}
		for _, c := range []struct {
			origin  string
			refused bool
		}{{origin, false}, {"https://evil.example", true}} {
			status := postLogin(t, "http://"+p.Address, c.origin)
			if (status == http.StatusForbidden) != c.refused || !c.refused && status != http.StatusSeeOther {
				t.Errorf("%s: a form from %s is answered %d, to be refused: %v", written, c.origin, status, c.refused)
			}
		}
	}
}

// TestLocalhost: without BASE_URL the program uses localhost. People who open it by its IP address can still sign in and
// add a customer.
func TestLocalhost(t *testing.T) {
	p := boot(t, map[string]string{"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword})
	_, port, err := net.SplitHostPort(p.Address)
	if err != nil || p.URL != "http://localhost:"+port {
		t.Fatalf("Kontor is at %s (%v)", p.URL, err)
	}
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
		if said := boot(t, map[string]string{"BASE_URL": written}).Said; !strings.Contains(said, want) {
			t.Errorf("%q: no %q in\n%s", written, want, said)
		}
	}
	if said := boot(t, nil).Said; strings.Contains(said, "another program") {
		t.Errorf("nobody else is there:\n%s", said)
	}
	other, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return // a machine without IPv6 has no other program there
	}
	defer func() { _ = other.Close() }()
	_, port, _ := net.SplitHostPort(other.Addr().String())
	if said := boot(t, map[string]string{"LISTEN": "127.0.0.1:" + port}).Said; !strings.Contains(said, "another program listens on [::1]:"+port) {
		t.Errorf("somebody else is there:\n%s", said)
	}
}

// postLogin signs in with the form of a page, with all its cookies as behind a proxy, and returns the answer's status.
func postLogin(t *testing.T, at, origin string) int {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := client.Get(at + "/login")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(page.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = page.Body.Close()
	token := pageToken.FindStringSubmatch(string(body))
	if token == nil {
		t.Fatal("no token in the page")
	}
	form := url.Values{"_csrf": token[1:], "login": {"admin@kontor.local"}, "password": {goodPassword}}
	req, err := http.NewRequest(http.MethodPost, at+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	for _, c := range page.Cookies() {
		req.AddCookie(c)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
