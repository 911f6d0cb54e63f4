package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/access"
	"kontor/app/customer"
)

// endUser is somebody who registered, which signs in.
func (w *world) endUser() *browser {
	w.Helper()
	const email = "berta@kunde.example"
	token, _ := w.invite(email, "")
	b := w.browser()
	b.send("/register/"+token, "password", strong, "password_repeat", strong).goesTo(w.TB, "/portal")
	return b
}

// TestScannerChangesNothing: a mail scanner that opens the link a hundred times writes nothing, and the person can still
// register (S1).
func TestScannerChangesNothing(t *testing.T) {
	w := newWorld(t)
	token, code := w.invite("berta@kunde.example", "+4915123456789")
	everything := w.allTables()
	before := w.dump(everything...)
	for range 100 {
		w.browser().get("/register/"+token).want(t, http.StatusOK)
		w.browser().do(http.MethodHead, "/register/"+token, nil).want(t, http.StatusOK)
	}
	require.Equal(t, before, w.dump(everything...), "looking at the page wrote something")
	b := w.browser()
	b.send("/register/"+token, "code", code, "password", strong, "password_repeat", strong).goesTo(t, "/portal")
}

func TestRegister(t *testing.T) {
	w := newWorld(t)
	token, code := w.invite("berta@kunde.example", "+4915123456789")
	b := w.browser()
	page := b.get("/register/" + token)
	page.want(t, http.StatusOK, "Welcome, Berta Kühn", "Registration code", "789", "Kanzlei Berg")
	assert.Equal(t, "same-origin", page.Header.Get("Referrer-Policy"), "the address of the page may leave with a Referer")

	before := b.cookies["__Host-kontor-session"]
	wrong := b.send("/register/"+token, "code", "2222-2222", "password", strong, "password_repeat", strong)
	wrong.want(t, http.StatusUnprocessableEntity)
	assert.Contains(t, wrong.body, `value="2222-2222"`, "what was typed must be kept: the code, and the passwords, which nothing is wrong with")
	assert.Equal(t, 2, strings.Count(wrong.body, `value="`+strong+`"`), "what was typed must be kept: the code, and the passwords, which nothing is wrong with")
	assert.Equal(t, "no-store", wrong.Header.Get("Cache-Control"), "an answer with a password may be kept")
	assert.Contains(t, wrong.body, "<title>Error: ", "the title must begin with Error:")
	assert.NotContains(t, b.get("/register/"+token).body, strong, "the password is in an answer that is not to its own form")
	for _, bad := range [][2]string{{"short", "short"}, {strong, strong + "!"}} {
		again := b.send("/register/"+token, "code", "2222-2222", "password", bad[0], "password_repeat", bad[1])
		again.want(t, http.StatusUnprocessableEntity)
		assert.NotContains(t, again.body, `value="`+bad[0]+`"`, "a password that something is wrong with is repeated")
		assert.NotContains(t, again.body, `value="`+bad[1]+`"`, "a password that something is wrong with is repeated")
	}

	b.send("/register/"+token, "code", strings.ToLower(code), "password", strong, "password_repeat", strong).goesTo(t, "/portal")
	after := b.cookies["__Host-kontor-session"]
	assert.NotEmpty(t, after, "registering signs in with a new session")
	assert.NotEqual(t, before, after, "registering signs in with a new session")
	portal := b.get("/portal")
	portal.want(t, http.StatusOK, "Berta Kühn", "registriert und angemeldet")
	b.get("/register/"+token).want(t, http.StatusGone) // used
	elsewhere := w.browser()
	elsewhere.get("/register/"+token).want(t, http.StatusGone, "Sign in")
	elsewhere.signIn("berta@kunde.example", strong)
	elsewhere.get("/portal").want(t, http.StatusOK, "Berta Kühn")
	// A page that is not for end users is refused on a page of their own area, not of the firm's.
	refused := b.get("/customers")
	refused.want(t, http.StatusNotFound, "Nicht gefunden")
	assert.NotContains(t, refused.body, `role="search"`, "an end user is shown the firm's side: %s", refused.text())
	assert.NotContains(t, refused.body, `href="/transactions"`, "an end user is shown the firm's side: %s", refused.text())
}

// TestCodeLocks: after five wrong codes even the right one is refused, until a new one is requested.
func TestCodeLocks(t *testing.T) {
	w := newWorld(t)
	token, code := w.invite("berta@kunde.example", "+4915123456789")
	b := w.browser()
	for range 5 {
		b.send("/register/"+token, "code", "2222-2222", "password", strong, "password_repeat", strong)
	}
	b.send("/register/"+token, "code", code, "password", strong, "password_repeat", strong).want(t, http.StatusTooManyRequests)
	early := b.send("/register/" + token + "/code")
	w.Tick(2 * time.Minute)
	if early.StatusCode == http.StatusTooManyRequests && early.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.send("/register/"+token+"/code").goesTo(t, "/register/"+token)
}

// TestUnknownLinks: a token that is unknown, truncated, too long, for another purpose or invalidated gets the same bytes
// as answer (S6).
func TestUnknownLinks(t *testing.T) {
	w := newWorld(t)
	old, _ := w.invite("berta@kunde.example", "")
	reset := func() string {
		w.browser().send("/password/forgotten", "login", adminEmail)
		w.deliver()
		for _, m := range w.box() {
			if token := linkTo("password/reset", m.Text); token != "" {
				return token
			}
		}
		t.Fatal("no link to reset the password")
		return ""
	}()
	plain := func(path string) string {
		t.Helper()
		a := w.browser().get(path)
		a.want(t, http.StatusNotFound)
		return a.body
	}
	for _, base := range []string{"/register/", "/password/reset/"} {
		want := plain(base + strings.Repeat("A", 43))
		for name, token := range map[string]string{
			"truncated": old[:42], "longer": old + "A", "one character": "A", "not base64": strings.Repeat("!", 43),
			"of another purpose": map[string]string{"/register/": reset, "/password/reset/": old}[base],
		} {
			assert.Equal(t, want, plain(base+token), "the page of a token that is %s differs", name)
		}
	}
	rows, err := w.accesses.OfCustomer(context.Background(), w.admin, w.customer)
	must(t, err)
	want := plain("/register/" + strings.Repeat("A", 43))
	_, err = w.accesses.Correct(context.Background(), w.admin, w.customer, rows[0].ID, access.Correction{Form: access.Form{
		FirstName: "Berta", LastName: "Kühn", Email: "berta.neu@kunde.example", Locale: "de",
	}, Version: rows[0].Version})
	must(t, err)
	assert.Equal(t, want, plain("/register/"+old), "the page of a voided link differs")
}

// TestExpired: the page of an expired link offers to send a new one to the stored address, at most once a minute (S10,
// S14).
func TestExpired(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("berta@kunde.example", "")
	w.Tick(access.LinkLife - time.Second)
	w.browser().get("/register/"+token).want(t, http.StatusOK)
	w.Tick(2 * time.Second)
	b := w.browser()
	b.get("/register/"+token).want(t, http.StatusGone)
	b.send("/register/"+token, "password", strong, "password_repeat", strong).want(t, http.StatusGone)
	sent := len(w.box())
	b.send("/register/"+token+"/link").want(t, http.StatusOK)
	again := b.send("/register/" + token + "/link")
	again.want(t, http.StatusTooManyRequests)
	assert.NotEmpty(t, again.Header.Get("Retry-After"), "no Retry-After")
	w.deliver()
	got := len(w.box()) - sent
	assert.Equal(t, 1, got, "mails")
	mail := w.box()[0]
	assert.Equal(t, "berta@kunde.example", mail.To, "the new link went")
	// To an unknown token the answer is the same as to a good one.
	w.browser().send("/register/"+strings.Repeat("A", 43)+"/link").want(t, http.StatusOK)
}

// TestSecondCustomer: a person with an account signs in to add the customer, or presses a button if signed in already
// (N10).
func TestSecondCustomer(t *testing.T) {
	w := newWorld(t)
	b := w.endUser()
	second, _, err := w.customers.Add(context.Background(), w.admin, customer.Draft{
		Type: customer.Company, Data: customer.Data{CompanyName: "Hafen AG", FirstName: "Berta", LastName: "Kühn", Locale: "de"},
	}, nil)
	must(t, err)
	w.customer = second.ID
	token, _ := w.invite("berta@kunde.example", "")
	page := w.browser().get("/register/" + token)
	page.want(t, http.StatusOK, "Hafen AG")
	assert.NotContains(t, page.body, "password_repeat", "a new password is asked for")
	w.browser().send("/register/"+token, "password", "not this one at all").want(t, http.StatusUnprocessableEntity)
	assert.NotContains(t, b.get("/register/"+token).body, `type="password"`, "the password is asked for although the person is signed in")
	b.send("/register/"+token).goesTo(t, "/portal")
	b.get("/portal").want(t, http.StatusOK, "Hafen AG", "Berta Kühn")
}

// TestOpened: opening is noted only by the page's own POST.
func TestOpened(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("berta@kunde.example", "")
	opened := func() bool {
		rows, err := w.accesses.OfCustomer(context.Background(), w.admin, w.customer)
		must(t, err)
		return rows[0].OpenedAt != nil
	}
	b := w.browser()
	b.get("/register/" + token)
	require.False(t, opened(), "a GET counts as opened")
	b.send("/register/"+token+"/opened").want(t, http.StatusNoContent)
	require.True(t, opened(), "not noted")
	b.send("/register/"+strings.Repeat("A", 43)+"/opened").want(t, http.StatusNoContent)
}

// TestRecipientComesFromTheDatabase: whatever address a form contains, the mail is sent to the address stored with the
// access (S8, S36).
func TestRecipientComesFromTheDatabase(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("berta@kunde.example", "")
	w.Tick(access.LinkLife + time.Second)
	w.browser().send("/register/"+token+"/link", "email", "evil@example.org", "email", "evil2@example.org", "email[]", "evil3@example.org")
	w.deliver()
	for _, m := range w.box() {
		assert.NotContains(t, m.To, "evil", "mail")
	}
}
