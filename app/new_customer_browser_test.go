package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestBrowserNewCustomer: the title begins with Error as long as the page shows errors. A hint about an existing customer
// is shown beside the field and moves nothing else.
func TestBrowserNewCustomer(t *testing.T) {
	p := boot(t, nil)
	there := addPerson(t, p, map[string]string{"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example"})
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn(admin, p.Password)
	b.visit("/customers/new?type=person")
	b.press("Save")
	b.waitFor("the complaints", `document.querySelector("#summary") !== null && document.title.startsWith("Error:")`)
	b.run(chromedp.Click("#type-company", chromedp.ByQuery))
	b.waitFor("no complaint", `document.querySelector("#summary") === null && !document.title.includes("Error")`)

	var before, after float64
	const save = `document.querySelector("main .actions button").getBoundingClientRect().top + scrollY`
	for _, width := range []int64{320, 360, 1024, 1440} {
		b.resize(width)
		b.visit("/customers/new?type=person")
		b.eval(save, &before)
		b.typeInto("email", "Berta@kunde.example"+kb.Tab)
		b.waitFor("the hint", `document.querySelector("#known-by-email button")?.checkVisibility()`)
		if b.eval(save, &after); before != after {
			t.Errorf("%d px: Save went from %v to %v", width, before, after)
		}
		b.wantFits("new customer, hinted", width)
	}
	b.run(chromedp.Click("#known-by-email button", chromedp.ByQuery))
	b.waitFor("the list", `document.querySelector("#known-email:popover-open") !== null`)
	b.run(chromedp.KeyEvent(kb.Escape))
	b.waitFor("the list to close", `document.querySelector("#known-email:popover-open") === null`)
	b.run(chromedp.Click("#known-by-email button", chromedp.ByQuery), chromedp.Click("#known-email a", chromedp.ByQuery))
	b.waitFor("the customer", `location.pathname === "`+there+`/data"`)
	b.quiet()
}
