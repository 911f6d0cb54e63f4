package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// TestBrowserSort: a person sorts My transactions by clicking the headings, at a desk and on a phone, searches in it, and comes
// back to the work list. axe finds nothing on the way.
func TestBrowserSort(t *testing.T) {
	p := boot(t, nil)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	added := firm.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example",
	}).shows("Invited")
	berta := added.URL.Path[:strings.LastIndex(added.URL.Path, "/")]
	for _, name := range []string{"Mietvertrag", "Zoll", "Ärger"} {
		firm.get(berta+"/transactions/new").send("Save", map[string]string{"name": name})
	}
	b := openBrowser(t, p.URL)
	b.bringAxe()
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	const names = `[...document.querySelectorAll("table.transactions tbody .name")].map(n => n.innerText).join(" ")`
	shows := func(what, address, rows string) {
		t.Helper()
		b.waitFor(what, `location.pathname + location.search === "`+address+`" && `+names+` === "`+rows+`"`)
		var found []string
		b.eval(violations, &found)
		assert.Empty(t, found, what)
	}
	for _, width := range []int64{1440, 360} {
		b.look(width, "light", "en")
		b.visit("/transactions")
		shows("the work list", "/transactions", "Ärger Zoll Mietvertrag")
		b.run(chromedp.Click(`//th/a[normalize-space()="Name"]`, chromedp.BySearch))
		shows("by name", "/transactions?sort=name", "Ärger Mietvertrag Zoll")
		b.run(chromedp.Click(`//th/a[normalize-space()="Name"]`, chromedp.BySearch))
		shows("by name, descending", "/transactions?sort=-name", "Zoll Mietvertrag Ärger")
		b.run(chromedp.Click(`//th/a[normalize-space()="Customer"]`, chromedp.BySearch))
		shows("by customer", "/transactions?sort=customer", "Mietvertrag Zoll Ärger")
		b.run(chromedp.SendKeys(`#find`, "berta", chromedp.ByQuery))
		b.waitText("Search results: newest first")
		b.run(chromedp.Click(`//th/a[normalize-space()="Number"]`, chromedp.BySearch))
		shows("what is found, by number", "/transactions?q=berta&sort=number", "Mietvertrag Zoll Ärger")
		b.visit("/transactions?sort=customer&kind=other")
		b.run(chromedp.Click(`//main//a[normalize-space()="Show as work list"]`, chromedp.BySearch))
		shows("the work list", "/transactions?kind=other", "Ärger Zoll Mietvertrag")
	}
}
