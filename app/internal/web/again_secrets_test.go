package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"kontor/app/internal/web/kit"
)

// TestNothingSecretIsShownAgain: the page that says that nothing could be saved asks again for passwords and codes. It never
// contains what was typed into them, however often a field was sent and whatever its name is.
func TestNothingSecretIsShownAgain(t *testing.T) {
	const secret = "Vierzig geheime Pferde"
	w := newWorld(t)
	b := w.signedIn()
	token := b.token()
	w.DB.SetMaxOpenConns(1)
	exec(t, w.DB, "PRAGMA query_only = 1")
	defer exec(t, w.DB, "PRAGMA query_only = 0")
	for _, c := range []struct {
		path  string
		names []string
	}{
		{"/account/email", []string{"email_password"}},
		{"/account/password", []string{"current_password", "password", "password_repeat"}},
		{"/account/password", []string{"next_years_password"}}, // of no form yet
		{"/register/" + strings.Repeat("x", 43), []string{"code", "password"}},
	} {
		for _, times := range []int{1, 2} {
			form := url.Values{kit.CSRFField: {token}, "email": {"new@kanzlei.example"}}
			for _, name := range c.names {
				for range times {
					form.Add(name, secret)
				}
			}
			a := b.do(http.MethodPost, c.path, form)
			if strings.Contains(a.body, secret) {
				t.Errorf("POST %s with %v, %d times each: status %d, and the answer contains what was typed", c.path, c.names, times, a.StatusCode)
			}
			if a.StatusCode != http.StatusServiceUnavailable {
				continue
			}
			for _, name := range c.names {
				if a.doc(t).Find("input:not([type=hidden])[name="+name+"]").Length() != 1 {
					t.Errorf("POST %s, status %d: %s is not asked for again", c.path, a.StatusCode, name)
				}
			}
		}
	}
}
