package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// TestBrowserPolicies: with the keyboard alone a person goes to a cell of the table of policies and changes a rule in the
// draft. The focus stays on the button, the table stays where it is, the comment that was typed stays, and the page says
// that the draft has changed. All rows and columns are in sight at once in a window of 1440 by 900. axe
// finds nothing, and nothing is cut off at any width.
func TestBrowserPolicies(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	b.bringAxe()
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/policies/draft")
	b.press("Discard draft") // somebody in the demo has begun one
	b.waitText("discarded")
	b.visit("/policies/draft")
	var top, bottom float64
	b.eval(`document.querySelector("#publish").getBoundingClientRect().bottom`, &bottom)
	assert.Less(t, bottom, 900.0, "Publish is out of sight")
	b.eval(`Math.abs(document.querySelector("#publish").getBoundingClientRect().top - document.querySelector("#impact").getBoundingClientRect().top)`, &top)
	assert.Zero(t, top, "Publish does not stand beside what would change")
	for _, language := range []string{"en", "de"} {
		var height float64
		b.speak(language)
		b.visit("/policies")
		b.eval(`document.querySelector(".rights table").getBoundingClientRect().height`, &height)
		assert.LessOrEqual(t, height, 1100.0, "%s: the whole policy is not in sight at once", language)
		b.visit("/policies/draft")
		b.eval(`document.querySelector("#glance table").getBoundingClientRect().height`, &height)
		assert.LessOrEqual(t, height, 1100.0, "%s: the whole policy is not in sight at once in the draft", language)
	}
	b.speak("en")
	b.visit("/policies/draft")
	focus := func(id string) {
		t.Helper()
		b.waitFor("the focus on "+id, fmt.Sprintf(`document.activeElement.id === %q`, id))
	}
	b.run(chromedp.Focus("#glance-differs", chromedp.ByQuery), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	focus("c-specialist-customer-list-all")
	for range 3 {
		b.run(chromedp.KeyEvent(kb.ArrowDown))
	}
	focus("c-specialist-customer-update-all")
	b.run(chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	focus("c-specialist-customer-update-processor")
	places := b.places("#glance th")
	b.eval(watchShifts, nil)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.waitText("1 line changed")
	focus("c-specialist-customer-update-processor")
	b.waitFor("the rule", `document.activeElement.classList.contains("on") && document.querySelector("#live").textContent.startsWith("Added to the draft: Specialist users who are additional processors")`)
	b.waitFor("what would change", `document.querySelector("#impact").innerText.includes("Nobody gains or loses anything today")`)
	b.wantPlace(1440, "the table", "#glance th", places)
	b.wantNoShift("a click in the table")
	b.run(chromedp.SendKeys("#f-comment", "Nur zum", chromedp.ByQuery))
	b.run(chromedp.Click("#c-specialist-transaction-read-processor", chromedp.ByQuery))
	b.waitText("2 lines changed")
	b.waitFor("the odd combination", `document.querySelector("#c-specialist-transaction-process .odd") !== null && document.querySelector("#oddities").innerText.includes("1 odd combination")`)
	b.waitFor("the comment", `document.querySelector("#f-comment").value === "Nur zum"`)
	b.waitFor("what would change", `document.querySelector("#impact").innerText.includes("can no longer see")`)
	for _, scheme := range []string{"light", "dark"} {
		b.colour(scheme)
		var found []string
		b.eval(violations, &found)
		assert.Empty(t, found, "in the draft, %s", scheme)
	}
	for _, width := range widths {
		b.resize(width)
		b.wantFits("policies changed", width)
	}
	b.resize(1440)
	b.run(chromedp.SetValue("#glance-about", "transaction", chromedp.ByQuery))
	b.eval(`document.querySelector("#glance-about").dispatchEvent(new Event("change", {bubbles: true}))`, nil)
	b.waitFor("the filter", `document.querySelectorAll("#glance tbody tr").length === 9 && location.search.includes("about=transaction")`)
	b.run(chromedp.Click("#c-specialist-transaction-read-processor", chromedp.ByQuery))
	b.waitFor("no odd combination", `document.querySelector("#oddities").innerText.includes("No odd combinations") && !document.querySelector("#c-specialist-transaction-process .odd")`)
	b.quiet()
}
