package main

import (
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestBrowserSearch searches from any page with the keyboard only. Results appear below the field while typing; the arrow
// keys move into them, Esc moves back, Enter opens a result.
func TestBrowserSearch(t *testing.T) {
	p := boot(t, nil)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	added := firm.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example",
	})
	customer := added.URL.Path[:len("/customers/")+36]
	firm.get(customer+"/transactions/new").send("Save", map[string]string{"name": "Dachschaden"}).shows("Dachschaden")

	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	focused := func(what, expression string) {
		t.Helper()
		b.waitFor("the focus on "+what, "document.activeElement"+expression)
	}
	slash := input.DispatchKeyEvent(input.KeyDown).WithKey("/").WithCode("Slash").WithText("/") // one event as from a keyboard, refused as a whole
	hidden := `document.getElementById("found").getClientRects().length === 0`
	for _, width := range []int64{1440, 360} {
		b.resize(width)
		b.visit("/specialists")
		b.run(slash)
		focused("the field", `.id === "q"`)
		b.run(chromedp.KeyEvent("kuhn"))
		b.waitFor("both groups", `document.querySelectorAll("#found section").length === 2`)
		b.waitFor("what is said", `document.getElementById("live").textContent === "1 customer, 1 business transaction"`)
		b.picture("search-found", width, "light")
		b.run(chromedp.KeyEvent(kb.ArrowDown))
		focused("the customer", `.textContent.includes("Kühn, Berta")`)
		b.run(chromedp.KeyEvent(kb.ArrowDown))
		focused("the transaction, past the link to all", `.textContent.includes("Dachschaden")`)
		b.run(chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(kb.ArrowUp))
		focused("the field again", `.id === "q"`)
		b.run(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Escape))
		focused("the field, closed", `.id === "q" && `+hidden)

		b.run(chromedp.KeyEvent("x"))
		b.waitFor("something similar", `document.getElementById("found").innerText.includes("No exact match")`)
		b.run(chromedp.KeyEvent("qz"))
		b.waitFor("nothing found", `document.getElementById("found").innerText.includes("Nothing matches")`)
		b.run(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
		b.waitFor("nothing below the field once it is left", hidden)

		b.run(slash, chromedp.KeyEvent(kb.End), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace))
		b.waitFor("both groups", `document.querySelectorAll("#found section").length === 2`)
		b.run(chromedp.KeyEvent(kb.Enter))
		b.waitFor("the page", `location.pathname + location.search === "/search?q=kuhn" && document.querySelectorAll("#hits section").length === 2`)
		b.run(chromedp.Click("#q", chromedp.ByQuery), chromedp.KeyEvent(kb.End), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent("dach"))
		b.waitFor("the page following what is typed", `location.search === "?q=dach" && document.querySelectorAll("#hits section").length === 1`)
		b.run(chromedp.Click("#hits .hits a", chromedp.ByQuery))
		b.waitFor("the transaction", `location.pathname.startsWith("/transactions/")`)
	}
	b.quiet()
}
