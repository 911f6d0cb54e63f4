package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.get("/").goesTo(t, "/login")
	for login, password := range map[string]string{adminEmail: "wrong wrong wrong", "nobody@kanzlei.example": strong} {
		a := w.browser().send("/login", "login", login, "password", password)
		a.want(t, http.StatusUnauthorized)
		if password != "" && strings.Contains(a.body, password) {
			t.Error("the password is on the page")
		}
	}
	b.send("/login", "login", "  ANNA@kanzlei.example ", "password", strong).goesTo(t, "/customers")
	b.get("/login").goesTo(t, "/customers")
	first := b.cookies["__Host-kontor-session"]
	b.send("/login", "login", adminEmail, "password", strong).goesTo(t, "/customers")
	second := b.cookies["__Host-kontor-session"]
	require.NotEqual(t, second, first, "the session is the old one")
	old := w.browser() // S15
	old.cookies["__Host-kontor-session"] = first
	old.get("/account").goesTo(t, "/login?next=%2Faccount")
	b.send("/logout").goesTo(t, "/login")
	b.cookies["__Host-kontor-session"] = second
	b.get("/account").goesTo(t, "/login?next=%2Faccount")
}

// TestSlowDown: repeated guessing is answered more and more slowly, with the time until the next try (S20).
func TestSlowDown(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		a := w.browser().send("/login", "login", adminEmail, "password", "guess guess guess")
		if a.StatusCode == http.StatusTooManyRequests {
			require.NotEmpty(t, a.Header.Get("Retry-After"), "Retry-After %q", a.Header.Get("Retry-After"))
			require.GreaterOrEqual(t, i, 4, "after %d tries, Retry-After %q", i, a.Header.Get("Retry-After"))
			w.Tick(16 * time.Minute) // nobody is locked out for good
			w.signedIn()
			return
		}
	}
	t.Fatal("never slowed down")
}

// TestForgottenPassword: the page says the same for known and unknown people; the link works once.
func TestForgottenPassword(t *testing.T) {
	w := newWorld(t)
	known := w.browser().send("/password/forgotten", "login", adminEmail)
	unknown := w.browser().send("/password/forgotten", "login", "nobody@kanzlei.example")
	known.want(t, http.StatusOK)
	assert.Equal(t, unknown.body, known.body, "the page tells who has an account")
	w.browser().send("/password/forgotten", "login", "").want(t, http.StatusUnprocessableEntity)
	w.deliver()
	token := linkTo("password/reset", w.box()[0].Text)
	path := "/password/reset/" + token
	before := w.dump("link", "account", "session")
	w.browser().get(path).want(t, http.StatusOK, "Anna Berg")
	assert.Equal(t, before, w.dump("link", "account", "session"), "looking at the link wrote something")
	signed := w.signedIn()
	b := w.browser()
	b.send(path, "password", "short", "password_repeat", "short").want(t, http.StatusUnprocessableEntity)
	fresh := "Sieben Amseln am Kanal"
	b.send(path, "password", fresh, "password_repeat", fresh).goesTo(t, "/login")
	signed.get("/account").goesTo(t, "/login?next=%2Faccount") // S16
	b.get(path).want(t, http.StatusGone)
	b.signIn(adminEmail, fresh)
}

// TestLanguage: the person's setting comes first, then the browser's, then LOCALE.
func TestLanguage(t *testing.T) {
	w := newWorld(t)
	for accept, want := range map[string]string{
		"de": "Anmelden", "de-AT,de;q=0.9": "Anmelden", "fr, de;q=0.5, en;q=0.4": "Anmelden", "fr": "Sign in", "en;q=1, de;q=0.1": "Sign in",
	} {
		b := w.browser()
		b.language = accept
		b.get("/login").want(t, http.StatusOK, want)
	}
	b := w.signedIn()
	b.send("/account", "name", "Anna Berg", "username", "anna", "locale", "de").goesTo(t, "/account")
	page := b.get("/account")
	page.want(t, http.StatusOK, "Abmelden")
	assert.Contains(t, page.body, `<html lang="de">`, "the page does not say that it is German")
}

func TestAccountPage(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	b.get("/account").want(t, http.StatusOK, "Anna Berg", adminEmail)
	wrong := b.send("/account", "name", "", "username", "anna", "locale", "en")
	wrong.want(t, http.StatusUnprocessableEntity)
	assert.Contains(t, wrong.body, `value="anna"`, "what was typed is lost")

	fresh := "Sieben Amseln am Kanal"
	b.send("/account/password", "current_password", "not it", "password", fresh, "password_repeat", fresh).
		want(t, http.StatusUnprocessableEntity)
	other := w.signedIn()
	b.send("/account/password", "current_password", strong, "password", fresh, "password_repeat", fresh).goesTo(t, "/account")
	other.get("/account").goesTo(t, "/login?next=%2Faccount")
	b.get("/account").want(t, http.StatusOK) // this browser's session goes on

	b.send("/account/sessions").goesTo(t, "/login")
	b.get("/account").goesTo(t, "/login?next=%2Faccount")
}

// TestNewEmail: the link is sent to the new address, opening it changes nothing, and the old address is informed.
func TestNewEmail(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	wrong := b.send("/account/email", "email", "anna.neu@kanzlei.example", "email_password", "not it")
	wrong.want(t, http.StatusUnprocessableEntity)
	assert.Contains(t, wrong.body, `id="w-email_password"`, "the complaint about the password is not at its field")
	assert.Contains(t, wrong.body, `href="#f-email_password"`, "the complaint about the password is not at its field")
	b.send("/account/email", "email", "anna.neu@kanzlei.example", "email_password", strong).goesTo(t, "/account")
	w.deliver()
	mail := w.box()[0]
	require.Equal(t, "anna.neu@kanzlei.example", mail.To, "the link went")
	path := "/account/email/" + linkTo("account/email", mail.Text)
	before := w.dump("account", "link", "audit")
	for range 10 {
		w.browser().get(path).want(t, http.StatusOK)
	}
	require.Equal(t, before, w.dump("account", "link", "audit"), "looking at the link wrote something")
	anybody := w.browser()
	anybody.send(path).goesTo(t, "/login")
	w.deliver()
	told := map[string]string{}
	for _, m := range w.box()[:2] {
		told[m.To] = m.Subject
	}
	assert.Equal(t, "Your e-mail address was changed", told[adminEmail], "told")
	assert.Equal(t, "Your new e-mail address is in use", told["anna.neu@kanzlei.example"])
	w.browser().signIn("anna.neu@kanzlei.example", strong)
	anybody.send(path).want(t, http.StatusGone)
	anybody.send("/account/email/"+strings.Repeat("A", 43)).want(t, http.StatusNotFound)
}
