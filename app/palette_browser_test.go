package main

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// hotkey presses K with Ctrl.
var hotkey = chromedp.KeyEvent("k", chromedp.KeyModifiers(input.ModifierCtrl))

// focused waits until an expression is true of the element with the focus.
func (b *browser) focused(what, expression string) {
	b.t.Helper()
	b.waitFor("the focus on "+what, "document.activeElement"+expression)
}

// chosenInPalette waits until the palette's field names the entry that Enter would take.
func (b *browser) chosenInPalette(text string) {
	b.t.Helper()
	b.waitFor(text+" to be chosen", `document.getElementById(document.querySelector("#palette-q").getAttribute("aria-activedescendant"))?.innerText.includes("`+text+`")`)
}

// TestBrowserPalette: with the keyboard alone a person finds a customer, a transaction and a colleague from any page, does
// something, changes the colours, and comes back to where the focus was. axe finds nothing in what opens, nothing is cut
// off at any width, and nothing moves.
func TestBrowserPalette(t *testing.T) {
	p := boot(t, nil)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	added := firm.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example",
	})
	customer := added.URL.Path[:len("/customers/")+36]
	firm.get(customer+"/transactions/new").send("Save", map[string]string{"name": "Dachschaden"}).shows("Dachschaden")

	b := openBrowser(t, p.URL)
	b.bringAxe()
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/specialists")
	b.run(chromedp.Focus(".main table a.name", chromedp.ByQuery))
	b.eval(watchShifts, nil)
	b.run(hotkey)
	b.chosenInPalette("Kühn, Berta") // added, so opened, in the other browser
	b.waitFor("what is said", `document.querySelector("#palette-said").textContent.endsWith(" results")`)
	b.run(chromedp.KeyEvent(kb.ArrowUp))
	b.chosenInPalette("Sign out")
	b.run(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown))
	b.chosenInPalette("Add customer")
	b.run(chromedp.KeyEvent("administ"))
	b.chosenInPalette("Administrator")
	b.run(chromedp.KeyEvent(kb.Escape))
	b.waitFor("the palette closed", `!document.querySelector("#palette").open`)
	b.focused("what had it", `.matches(".main table a.name")`)
	b.wantNoShift("the palette")

	b.run(hotkey)
	b.chosenInPalette("Kühn, Berta")
	b.run(chromedp.KeyEvent("kuhn"))
	b.waitFor("both", `document.querySelectorAll("#palette-list [role=group]").length === 2`)
	for _, width := range widths {
		b.resize(width)
		b.wantFits("palette", width)
	}
	for _, scheme := range []string{"light", "dark"} {
		b.colour(scheme)
		var found []string
		b.eval(violations, &found)
		assert.Empty(t, found, "in the palette, %s", scheme)
	}
	b.resize(1440)
	b.chosenInPalette("Kühn, Berta")
	b.run(chromedp.KeyEvent(kb.ArrowDown))
	b.chosenInPalette("Dachschaden")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.waitFor("the transaction", `location.pathname.startsWith("/transactions/")`)

	b.colour("light")
	b.run(hotkey, chromedp.KeyEvent("theme dark"))
	b.chosenInPalette("Theme: Dark")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.waitFor("the same page in the dark", `document.documentElement.dataset.bsTheme === "dark" && location.pathname.startsWith("/transactions/")`)
	b.run(hotkey, chromedp.KeyEvent("zzzzz"))
	b.waitFor("nothing", `document.querySelector("#palette-q").getAttribute("aria-expanded") === "false" && document.querySelector("#palette-said").textContent === "Nothing matches"`)
	b.run(hotkey)
	b.waitFor("the palette closed by the same keys", `!document.querySelector("#palette").open`)
	b.run(hotkey, chromedp.KeyEvent("sign out"))
	b.chosenInPalette("Sign out")
	b.run(chromedp.KeyEvent(kb.Enter))
	b.waitFor("being signed out", `location.pathname === "/login"`)
	b.quiet()
}

// TestBrowserKeys: letters lead to places and through rows, and do nothing while somebody types or when they are switched
// off. The help names exactly the places that this person may open.
func TestBrowserKeys(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	for keys, path := range map[string]string{"gt": "/transactions", "ga": "/attention", "gp": "/policies", "gl": "/audit", "gc": "/customers"} {
		b.visit("/account")
		b.eval(`document.activeElement.blur()`, nil)
		b.run(chromedp.KeyEvent(keys))
		b.waitFor(path, `location.pathname === "`+path+`"`)
	}
	b.visit("/customers")
	row := func(n string) string {
		return `=== document.querySelectorAll("main .rows tbody tr")[` + n + `].querySelector("a.name")`
	}
	b.run(chromedp.KeyEvent("j"))
	b.focused("the first row", row("0"))
	b.run(chromedp.KeyEvent("jj"))
	b.focused("the third row", row("2"))
	b.run(chromedp.KeyEvent("k"))
	b.focused("the second row", row("1"))
	var name string
	b.eval(`document.activeElement.textContent.trim()`, &name)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.waitFor("the customer", `location.pathname.endsWith("/data") && document.querySelector("h1").textContent.includes("`+name+`")`)

	b.visit("/customers?q=muller+sohne")
	b.run(chromedp.Focus("#q", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowDown))
	b.focused("the first hit", row("0"))
	b.run(chromedp.KeyEvent(kb.Enter))
	b.waitFor("the customer", `location.pathname.endsWith("/data")`)
	b.eval(`document.activeElement.blur()`, nil)
	b.run(chromedp.KeyEvent("9"), chromedp.KeyEvent("a"), chromedp.KeyEvent("z")) // there is no ninth tab, no selection and nothing to undo
	b.run(chromedp.KeyEvent("2"))
	b.waitFor("the groups of the second tab", `location.pathname.endsWith("/authorisations") && document.querySelector("input.tickable") !== null`)
	b.run(chromedp.KeyEvent("j"), chromedp.KeyEvent("x"))
	b.waitFor("a row that is selected", `document.querySelectorAll("input.tickable:checked").length === 1`)
	b.run(chromedp.KeyEvent("a"))
	b.focused("what can be done with it", `.textContent.trim() === "Remove authorisation"`)
	b.eval(`document.querySelector("input.tickable:checked").focus()`, nil)
	b.run(chromedp.KeyEvent("x"))
	b.waitFor("a row that is not", `document.querySelectorAll("input.tickable:checked").length === 0`)

	b.eval(`document.activeElement.blur()`, nil)
	b.run(chromedp.KeyEvent("?"))
	b.waitFor("the help", `document.querySelector("#keys").open`)
	var same bool
	b.eval(`[...document.querySelectorAll("#keys [aria-labelledby=keys-places] dd")].map(d => d.innerText).join() === [...document.querySelectorAll("#nav a > span:first-of-type")].map(s => s.innerText).join()`, &same)
	assert.True(t, same, "the help names other places than the menu")
	for _, width := range widths {
		b.resize(width)
		b.wantFits("help on the keyboard", width)
	}
	b.resize(1440)

	b.visit("/account")
	b.run(chromedp.Click("#f-shortcuts", chromedp.ByQuery), chromedp.Click(`form[action="/account"] .btn-primary`, chromedp.ByQuery))
	b.waitFor("the confirmation", `document.querySelector("#toast") !== null`)
	b.eval(`document.activeElement.blur()`, nil)
	b.run(hotkey, chromedp.KeyEvent("gt"), chromedp.KeyEvent("j"))
	b.eval(`document.querySelector("dialog[open]") === null && location.pathname === "/account" && document.activeElement === document.body`, &same)
	assert.True(t, same, "something happens although it is switched off")
	b.quiet()
}

// TestBrowserFocus: who opens a form can type at once, unless a mistake is to be read first or the screen is touched. What
// takes the place of the element with the focus has it then.
func TestBrowserFocus(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.visit("/login")
	b.focused("the login", `.name === "login"`)
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/customers/new?type=company")
	b.focused("the first field", `.name === "company_name"`)
	b.press("Save")
	b.focused("the complaints", `.id === "summary"`)
	b.visit("/specialists/new")
	b.focused("the name", `.name === "name"`)

	b.visit("/customers/new?type=company")
	b.run(chromedp.Click("#type-person", chromedp.ByQuery))
	b.waitFor("the other form", `document.querySelector("[name=date_of_birth]") !== null`)
	b.focused("the type that was chosen", `.id === "type-person"`)

	// A list is replaced: the same row has the focus, or where it is gone the heading of what took the list's place.
	b.visit("/customers")
	b.run(chromedp.Focus("#list a.name", chromedp.ByQuery))
	b.eval(`window.row = document.activeElement.href`, nil)
	b.eval(`htmx.ajax("GET", "/customers?sort=-name", "#list")`, nil)
	b.focused("the same row", `.href === window.row && document.querySelector("#list a.name").href !== window.row`)
	b.eval(`htmx.ajax("GET", "/customers?q=zzzzz", "#list")`, nil)
	b.focused("the heading", `.matches("#list h2") && document.activeElement.textContent === "Nothing matches"`)
	b.run(emulation.SetTouchEmulationEnabled(true))
	b.visit("/specialists/new")
	b.focused("nothing", ` === document.body`)
	b.quiet()
}
