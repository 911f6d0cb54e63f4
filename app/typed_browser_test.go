package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// written is what a person types into a field of several lines; a browser sends its line breaks as CR LF.
const written = "Bitte anrufen,\nnicht mailen.\n\nDanke & Gruß <Ö>"

// wantFields fails for each field of the form that does not hold what was typed.
func (b *browser) wantFields(typed map[string]string) {
	b.t.Helper()
	for name, want := range typed {
		var got string
		b.eval(fmt.Sprintf(`document.querySelector('main form [name=%q]')?.value ?? "(no such field)"`, name), &got)
		assert.Equal(b.t, want, got, "%s typed", name)
	}
}

// fill types text into fields.
func (b *browser) fill(typed map[string]string) {
	b.t.Helper()
	for name, text := range typed {
		b.typeInto(name, text)
	}
}

// forgetCookies is what a browser does that is closed: the tabs that it restores are there, its sessions are not.
func (b *browser) forgetCookies() {
	b.t.Helper()
	b.run(network.ClearBrowserCookies())
}

// endSessions ends all sessions of a person from somewhere else: their browser keeps its cookie.
func endSessions(t *testing.T, base, login, password string) {
	t.Helper()
	elsewhere := visitor(t, base)
	elsewhere.signIn(login, password)
	elsewhere.get("/account").send("Sign out everywhere", nil).is(http.StatusOK, "/login")
}

const admin = "admin@kontor.local"

// addPerson adds a customer and returns the path of its pages.
func addPerson(t *testing.T, p *program, fields map[string]string) string {
	t.Helper()
	firm := visitor(t, p.URL)
	firm.signIn(admin, p.Password)
	return firm.get("/customers/new?type=person").send("Save", fields).URL.Path[:len("/customers/")+36]
}

// TestBrowserTypedSurvives: what a person types while their session ends is in the same form after they have pressed Save
// and signed in again. It tests each form with much text, after the session has ended, and after the browser was closed
// and has restored the tab.
func TestBrowserTypedSurvives(t *testing.T) {
	p := boot(t, nil)
	customer := addPerson(t, p, map[string]string{"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example"})
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	for _, form := range []struct {
		name, path string
		typed      map[string]string
		saved      string // the end of the address that saving leads to
		restored   bool
	}{
		{"a new customer", "/customers/new?type=company", map[string]string{
			"company_name": "Hafen <AG>", "first_name": "Änne", "last_name": "O'Groß", "email": "aenne@kunde.example", "note": written,
		}, "/authorisations", false},
		{"a customer's note", customer + "/data", map[string]string{"note": written}, "/data", false},
		{"a business transaction", customer + "/transactions/new", map[string]string{"name": `Vertrag "Nord" & Süd`}, "", true},
	} {
		b.signIn(admin, p.Password)
		b.visit(form.path)
		b.fill(form.typed)
		if form.restored {
			b.forgetCookies()
		} else {
			endSessions(t, p.URL, admin, p.Password)
		}
		b.press("Save")
		b.waitText("nothing has been saved yet. Sign in again within 15 minutes")
		b.fill(map[string]string{"login": admin, "password": p.Password})
		b.press("Sign in")
		b.waitText("You're signed in again, but nothing has been saved yet")
		b.wantFields(form.typed)
		b.press("Save")
		b.waitFor(form.name+" to be saved", fmt.Sprintf(`location.pathname.endsWith(%q) && !document.querySelector("#summary")`, form.saved))
		endSessions(t, p.URL, admin, p.Password)
	}
	b.quiet()
}

// TestBrowserTwoTabs: a sign-in page in a second tab redirects when the person has signed in with the first. A restored
// form says that it must be sent again. A registration page says who is signed in by now, and still works.
func TestBrowserTwoTabs(t *testing.T) {
	p := boot(t, nil)
	addPerson(t, p, map[string]string{
		"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example", "mobile": "0151 23456789",
	})
	reader := visitor(t, p.URL)
	reader.signIn(admin, p.Password)
	link := linkIn(t, reader.received("email", "berta@kunde.example").Text)
	code := codeIn(t, reader.received("sms", "+4915123456789").Text)

	first := openBrowser(t, p.URL)
	first.look(1440, "light", "en")
	second, registration := first.anotherTab(), first.anotherTab()
	second.visit("/login?next=/account")
	registration.visit(link)
	registration.fill(map[string]string{"code": code, "password": goodPassword, "password_repeat": goodPassword})
	first.signIn(admin, p.Password)

	second.fill(map[string]string{"login": admin, "password": "whatever"})
	second.press("Sign in")
	second.waitFor("the page that was asked for", `location.pathname === "/account"`)

	registration.press("Register")
	registration.waitText("You are registered")
	registration.waitText("Administrator is still signed in")
	registration.press("Sign out")
	registration.waitFor("the sign-in page", `location.pathname === "/login"`)
	registration.wantFields(map[string]string{"login": "berta@kunde.example"})

	registration.forgetCookies() // and the tab is restored
	registration.typeInto("password", goodPassword)
	registration.press("Sign in")
	registration.waitText("Enter passwords and codes again")
	registration.wantFields(map[string]string{"login": "berta@kunde.example", "password": ""})
	registration.typeInto("password", goodPassword)
	registration.press("Sign in")
	registration.waitFor("the portal", `location.pathname === "/portal"`)
	for _, b := range []*browser{first, second, registration} {
		b.quiet()
	}
}

// TestBrowserPollsAfterSession: a page that refreshes itself notices that the session has ended. If nothing was begun, it
// leads to the sign-in page and back. If something is selected or typed, it stays and says so.
func TestBrowserPollsAfterSession(t *testing.T) {
	p := boot(t, nil)
	customer := addPerson(t, p, map[string]string{"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example"})
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn(admin, p.Password)
	page := customer + "/authorisations" // asks every two seconds: the access is not registered
	b.visit(page)
	b.waitFor("a page that asks", `!!document.querySelector("#accesses [hx-trigger*=every]")`)
	b.run(chromedp.Click(`main input.tickable`, chromedp.ByQuery))
	endSessions(t, p.URL, admin, p.Password)
	b.waitText("You're no longer signed in. What you typed is kept")
	b.waitFor("to be where it was, with the tick", fmt.Sprintf(`location.pathname === %q && !!document.querySelector("main input.tickable:checked")`, page))

	b.visit(page)
	b.signIn(admin, p.Password)
	b.visit(page)
	endSessions(t, p.URL, admin, p.Password)
	b.waitFor("the sign-in page", `location.pathname === "/login"`)
	b.quiet()
}
