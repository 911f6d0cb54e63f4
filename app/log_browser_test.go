package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestBrowserLog: the log follows what is typed and chosen, the address too, and the way back leads to the filter before.
func TestBrowserLog(t *testing.T) {
	p := boot(t, nil)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	for _, last := range []string{"Kühn", "Yıldız"} {
		firm.get("/customers/new?type=person").send("Save", map[string]string{"first_name": "Berta", "last_name": last, "email": "berta@kunde.example"})
	}
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	rows := `[...document.querySelectorAll("#log tbody .name")].map(e => e.textContent).join()`
	b.visit("/audit")
	b.run(chromedp.Click("#find", chromedp.ByQuery), chromedp.KeyEvent("kuhn"))
	b.waitFor("what was done to one of them", rows+` === "Access created,Customer added" || `+rows+` === "Customer added,Access created"`)
	b.waitFor("the focus still in the field", `document.activeElement.id === "find"`)
	b.run(chromedp.SetValue("#what", "customer.created", chromedp.ByQuery))
	b.run(chromedp.Evaluate(`document.getElementById("what").dispatchEvent(new Event("change", {bubbles: true}))`, nil))
	b.waitFor("one entry", rows+` === "Customer added"`)
	b.waitFor("the address", `location.search.includes("q=kuhn") && location.search.includes("what=customer.created")`)
	b.waitFor("what is said", `document.getElementById("live").textContent === "1 entry"`)
	b.run(chromedp.Click("#who", chromedp.ByQuery), chromedp.KeyEvent("admin"), chromedp.KeyEvent(kb.Tab))
	b.waitFor("who was meant", `document.getElementById("log").innerText.includes("Entries by: Administrator")`)
	b.run(chromedp.NavigateBack())
	b.waitFor("the filter before", `document.getElementById("who").value === "" && document.getElementById("what").value === "customer.created"`)
	b.run(chromedp.Click("#log tbody td.text a", chromedp.ByQuery))
	b.waitFor("the choice of a person", `document.querySelector(".chips").innerText.includes("Administrator") && location.search.includes("who=")`)
	b.quiet()
}
