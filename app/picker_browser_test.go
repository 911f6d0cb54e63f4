package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// TestBrowserPicker: who is ticked among many people stays chosen while others are looked for, stands above them by name,
// and can be pressed away there. Nothing moves. Who is in already is ticked and can't be chosen.
func TestBrowserPicker(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	b.bringAxe()
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/customers?q=muller+sohne")
	b.press("Müller & Söhne GmbH")
	b.press("Authorisations")
	b.waitFor("the groups", `document.querySelector("input.tickable") !== null`)
	b.press("Determine administrator")
	b.waitFor("nobody", `document.querySelector(".chosen")?.innerText === "Nobody chosen yet"`)
	var in int
	b.eval(`document.querySelectorAll("#people input:checked:disabled").length`, &in)
	assert.Equal(t, 1, in, "who administers the customer already")
	places := b.places("main h2, main .find, #people label, .actions")
	chips := func(want string) {
		t.Helper()
		b.waitFor("the names "+want, `[...document.querySelectorAll(".chosen button")].map(x => x.innerText).join() === "`+want+`"`)
	}
	b.run(chromedp.Click(`input[data-chip="Renate Vogt"]`, chromedp.ByQuery))
	chips("Renate Vogt ×")
	b.wantPlace(1440, "the page, when somebody is chosen", "main h2, main .find, #people label, .actions", places)
	b.run(chromedp.SendKeys("#find", "yild", chromedp.ByQuery))
	b.waitFor("the two", `document.querySelectorAll("#people label").length === 2`)
	chips("Renate Vogt ×")
	b.run(chromedp.Click(`input[data-chip="Ayşe Yıldırım"]`, chromedp.ByQuery))
	chips("Renate Vogt ×,Ayşe Yıldırım ×")
	for _, scheme := range []string{"light", "dark"} {
		b.colour(scheme)
		var found []string
		b.eval(violations, &found)
		assert.Empty(t, found, "in the choice of people, %s", scheme)
	}
	for _, width := range widths {
		b.resize(width)
		b.wantFits("people", width)
	}
	b.resize(1440)
	b.run(chromedp.Click(".chosen button", chromedp.ByQuery))
	chips("Ayşe Yıldırım ×")
	b.waitFor("the focus", `document.activeElement.dataset.chip === "Renate Vogt" && !document.activeElement.checked`)
	b.press("Determine administrator")
	b.waitText("Ayşe Yıldırım")
	b.waitFor("the authorisations", `location.pathname.endsWith("/authorisations")`)
	b.quiet()
}
