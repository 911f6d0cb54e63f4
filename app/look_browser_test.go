package main

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// chooseLook presses radio buttons of Manage own access, by their values, and saves.
func (b *browser) chooseLook(values ...string) {
	b.t.Helper()
	b.visit("/account")
	for _, v := range values {
		b.run(chromedp.Click(`form[action="/account/appearance"] input[value="`+v+`"]`, chromedp.ByQuery))
	}
	b.run(chromedp.Click(`form[action="/account/appearance"] button`, chromedp.ByQuery))
	b.waitFor("the confirmation", `document.querySelector("#toast") !== null`)
}

// TestBrowserTheme: what a person has chosen wins against the system, before the first line is drawn and with the
// browser's own parts. On paper, and where nobody is signed in, the choice counts for nothing. Where rows are closer
// together, axe finds nothing and nothing is cut off.
func TestBrowserTheme(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	b.bringAxe()
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	// The page's ground, the browser's own colours, and the arrow of a select from Bootstrap.
	const seen = `[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.documentElement).colorScheme,
		getComputedStyle(document.querySelector("select")).backgroundImage.includes("dee2e6") ? "light arrow" : "dark arrow"].join()`
	const light, dark = "rgb(246, 245, 241),light,dark arrow", "rgb(17, 24, 30),dark,light arrow"
	for _, c := range []struct{ chosen, system, want string }{
		{"system", "light", light}, {"system", "dark", dark},
		{"light", "light", light}, {"light", "dark", light},
		{"dark", "light", dark}, {"dark", "dark", dark},
	} {
		b.colour(c.system)
		b.chooseLook(c.chosen)
		var got string
		b.eval(seen, &got)
		assert.Equal(t, c.want, got, "%s is chosen, and the system is %s", c.chosen, c.system)
	}
	b.run(emulation.SetEmulatedMedia().WithMedia("print"))
	var got string
	b.eval(`getComputedStyle(document.body).backgroundColor`, &got)
	assert.Equal(t, "rgb(255, 255, 255)", got, "on paper")
	b.run(emulation.SetEmulatedMedia().WithMedia(""))

	b.visit("/customers")
	height := `document.querySelector(".rows tbody tr").getBoundingClientRect().height`
	var before, after float64
	b.eval(height, &before)
	b.chooseLook("compact")
	b.visit("/customers")
	b.eval(height, &after)
	assert.Less(t, after, before*0.85, "the height of a row")
	for _, path := range []string{"/customers", "/transactions", "/attention"} {
		b.visit(path)
		for _, width := range widths {
			b.resize(width)
			b.wantFits("compact "+path, width)
		}
		var found []string
		b.eval(violations, &found)
		assert.Empty(t, found, "%s with rows close together", path)
	}
	b.colour("light")
	b.forgetCookies()
	b.visit("/login")
	b.eval(`getComputedStyle(document.body).backgroundColor`, &got)
	assert.Equal(t, "rgb(246, 245, 241)", got, "signed out")
	b.quiet()
}
