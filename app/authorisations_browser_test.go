package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// explains opens Why? with the keyboard: the answer is below the row on the same page, and Esc puts it away again.
func (b *browser) explains(link, text string) {
	b.t.Helper()
	b.run(chromedp.Focus(link, chromedp.ByQuery))
	b.waitFor("a closed disclosure", `document.activeElement.getAttribute("role") === "button" && document.activeElement.getAttribute("aria-expanded") === "false"`)
	b.run(chromedp.KeyEvent(" "))
	b.waitFor("the reason", fmt.Sprintf(`document.getElementById(document.activeElement.getAttribute("aria-controls"))?.innerText.includes(%q)`, text))
	var open bool
	b.eval(`document.activeElement.getAttribute("aria-expanded") === "true" && !location.pathname.endsWith("/why")`, &open)
	assert.True(b.t, open, "%s does not say that it is open, or leads away", link)
	b.run(chromedp.KeyEvent(kb.Escape))
	b.waitFor("the reason away and the focus where it was", `!document.querySelector(".reason") && document.activeElement.getAttribute("aria-expanded") === "false"`)
}

// TestBrowserAuthorisations: the button that removes is visible only while something is selected (R20), for the mouse,
// the keyboard and screen readers. The toast's button restores what was removed. All of this works on a phone as well.
func TestBrowserAuthorisations(t *testing.T) {
	p := boot(t, nil)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	firm.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example",
	}).shows("Invited")
	for _, name := range []string{"Ben Büro", "Clara Cron"} {
		firm.get("/specialists/new").send("Add and send link", map[string]string{"name": name, "email": name[:3] + "@kanzlei.example"})
	}
	b := openBrowser(t, p.URL)
	for _, width := range []int64{1440, 360} {
		b.look(width, "light", "en")
		b.signIn("admin@kontor.local", p.Password)
		var shown bool
		if b.eval(`document.querySelector(".opener").getClientRects().length > 0`, &shown); shown != (width < 768) {
			t.Errorf("%d: the menu button is shown: %v", width, shown)
		}
		if width < 768 { // on a phone the navigation is a menu
			if b.eval(`document.querySelector("#nav").getClientRects().length > 0`, &shown); shown {
				t.Errorf("%d: the navigation is open before anybody asked for it", width)
			}
			b.press("Menu")
			b.press("My transactions")
			b.waitFor("my transactions", `location.pathname === "/transactions"`)
		}
		b.visit("/customers?q=kuhn")
		b.press("Kühn, Berta")
		b.waitFor("the customer", `location.pathname.endsWith("/data")`)
		b.press("Authorisations")
		b.waitFor("the authorisations", `location.pathname.endsWith("/authorisations")`)

		// Two administrators are found by typing. The first one stays chosen during the second search.
		b.press("Determine administrator")
		b.waitFor("people to choose from", `!!document.querySelector("#people input")`)
		b.run(chromedp.SendKeys("#find", "büro", chromedp.ByQuery))
		b.waitFor("one found", `document.querySelectorAll("#people input").length === 1`)
		b.run(chromedp.Click("#people label", chromedp.ByQuery))
		b.eval(`(document.querySelector("#find").value = "")`, nil)
		b.run(chromedp.SendKeys("#find", "cron", chromedp.ByQuery))
		b.waitFor("the other one, and the first still chosen", `[...document.querySelectorAll("#people input")].map(i => i.checked).join() === "true,false"`)
		b.run(chromedp.Click("#people .choice:nth-of-type(2)", chromedp.ByQuery))
		b.run(chromedp.Click(".actions .btn-primary", chromedp.ByQuery))
		b.waitText("are now administrators of this customer")

		button := func() (displayed, reachable bool) {
			b.eval(`(() => { const x = [...document.querySelectorAll(".bar button")].pop(); return x.getClientRects().length > 0; })()`, &displayed)
			b.eval(`(() => { const x = [...document.querySelectorAll(".bar button")].pop(); x.focus(); return document.activeElement === x; })()`, &reachable)
			return displayed, reachable
		}
		shown, reachable := button()
		assert.False(t, shown, "%d: nothing is selected, and the button is displayed: %v, reachable", width, shown)
		assert.False(t, reachable, "%d: nothing is selected, and the button is displayed: reachable: %v", width, reachable)
		var id string
		b.eval(`[...document.querySelectorAll("[name=administrator]")].find(i => i.getAttribute("aria-label") === "Select Ben Büro").id`, &id)
		box := fmt.Sprintf("#%s", id)
		b.run(chromedp.Focus(box, chromedp.ByQuery), input.DispatchKeyEvent(input.KeyDown).WithKey(" ").WithCode("Space").WithText(" ").WithWindowsVirtualKeyCode(32),
			input.DispatchKeyEvent(input.KeyUp).WithKey(" ").WithCode("Space").WithWindowsVirtualKeyCode(32))
		b.waitText("Selected: 1 administrator")
		shown, reachable = button()
		assert.True(t, shown, "%d: selected, and the button is displayed: %v, reachable", width, shown)
		assert.True(t, reachable, "%d: selected, and the button is displayed: reachable: %v", width, reachable)
		b.picture("authorisations-selected", width, "light")
		var sideways int
		b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &sideways)
		assert.LessOrEqual(t, sideways, 0, "%d: the page scrolls sideways by %d px", width, sideways)
		b.press("Clear selection")
		b.waitFor("no bar any more", `document.querySelector(".bar").getClientRects().length === 0`)
		b.run(chromedp.Click(`[data-all=administrator]`, chromedp.ByQuery))
		b.waitText("Selected: 3 administrators")
		b.run(chromedp.Click(`[data-all=administrator]`, chromedp.ByQuery))
		b.run(chromedp.Click(box, chromedp.ByQuery))
		b.waitText("Selected: 1 administrator")
		b.press("Remove authorisation")
		b.waitText("Ben Büro's authorisation has been removed")
		b.run(chromedp.KeyEvent("z")) // takes it back
		b.waitText("what was removed is back")
		b.run(chromedp.Click(box, chromedp.ByQuery))
		b.waitText("Selected: 1 administrator")
		b.press("Remove authorisation")
		b.waitText("Ben Büro's authorisation has been removed")
		b.waitFor("B is gone from the group", `!document.querySelector("[aria-labelledby=g-administrators]").innerText.includes("Ben Büro")`)
		b.picture("authorisations-removed", width, "light")
		var path string
		b.eval(`location.pathname`, &path)
		b.visit(path) // after loading the page again, the toast is gone and the undo is still there
		b.waitText("You removed the authorisation of Ben Büro at")
		b.picture("authorisations-undo", width, "light")
		b.press("Undo")
		b.waitText("what was removed is back")
		b.waitFor("B is back", `document.querySelector("[aria-labelledby=g-administrators]").innerText.includes("Ben Büro")`)

		// The answer to "Why?" opens below its row. The matrix fits without scrolling the page sideways.
		b.explains(`[aria-labelledby=g-administrators] a[data-why]`, "as an administrator of the customer")
		b.explains(`#accesses a[data-why]`, "as long as the registration is missing")
		b.run(chromedp.KeyEvent(kb.Enter)) // on the same link: a click would have to hit a page that may still be scrolling
		b.waitFor("the reason", `document.querySelector("#accesses .reason")?.innerText.includes("as long as the registration is missing")`)
		b.eval(`htmx.ajax("GET", document.querySelector("#accesses [hx-get]").getAttribute("hx-get"), { target: "#accesses" }).then(() => true)`, nil) // nothing new
		b.eval(`htmx.ajax("GET", location.href, { target: "#accesses" }).then(() => true)`, nil)
		b.waitFor("what is open to stay so when the group is refreshed", `(() => {
			const link = document.querySelector("#accesses a[data-why]");
			return link.getAttribute("aria-expanded") === "true" && !!document.getElementById(link.getAttribute("aria-controls"))?.querySelector(".why");
		})()`)
		b.visit(path + "/matrix")
		b.waitText("Whole customer")
		b.explains(`#matrix td a[data-why]`, "business transactions of this customer")
		b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &sideways)
		assert.LessOrEqual(t, sideways, 0, "%d: the matrix scrolls the page sideways by %d px", width, sideways)

		// The administrators of the first round are removed, after the page that asks about the last one.
		b.visit(path)
		b.waitFor("the groups", `!!document.querySelector("[data-all=administrator]")`)
		b.run(chromedp.Click(`[data-all=administrator]`, chromedp.ByQuery))
		b.press("Remove authorisation")
		b.waitText("Without an active administrator")
		b.press("Cancel")
		b.waitFor("the groups again", `!!document.querySelector("[data-all=administrator]")`)
		for _, name := range []string{"Ben Büro", "Clara Cron"} {
			b.run(chromedp.Click(fmt.Sprintf(`[name=administrator][aria-label="Select %s"]`, name), chromedp.ByQuery))
		}
		b.press("Remove authorisation")
		b.waitText("2 authorisations have been removed")
		b.press("Access matrix")
		b.waitText("Whole customer")
		b.visit("/customers")
		b.run(chromedp.Evaluate(`document.querySelector("form[action='/logout']").submit()`, nil))
		b.waitFor("being signed out", `location.pathname.startsWith("/login")`)
	}
	b.quiet()
}
