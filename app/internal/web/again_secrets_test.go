package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

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
		{"/account/password", []string{"next_years_password"}}, // a field that no form has yet
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
			assert.NotContains(t, a.body, secret, "POST %s with %v, %d times each: and the answer contains what was typed", c.path, c.names, times)
			if a.StatusCode != http.StatusServiceUnavailable {
				continue
			}
			for _, name := range c.names {
				assert.Equal(t, 1, a.doc(t).Find("input:not([type=hidden])[name="+name+"]").Length(), "POST %s, is not asked for again", c.path)
			}
		}
	}
}
