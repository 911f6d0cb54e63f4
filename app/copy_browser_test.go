package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// TestBrowserCopy: a press on the button beside a number or an address copies it and says so; what is shown does not move.
// While something needs attention, the icon of the browser's tab has a dot.
func TestBrowserCopy(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/customers?q=muller+sohne")
	var icon string
	b.eval(`document.querySelector("link[rel=icon]").href`, &icon)
	assert.Contains(t, icon, "icon-attention.svg", "something needs attention")
	b.press("Müller & Söhne GmbH")
	b.press("Authorisations")
	b.waitFor("the groups", `document.querySelector(".rows .copy") !== null`)
	b.eval(`(window.copied = [], document.addEventListener("copy", () => copied.push(getSelection().toString() || document.activeElement.value)),
		Object.defineProperty(navigator, "clipboard", {value: undefined}))`, nil)
	for selector, want := range map[string]string{".head .copy": "K-10002", ".rows .copy": "jurgen.muller@example.org"} {
		before := b.places("main tr, main h2, .tabs a, .copy")
		b.run(chromedp.Click(selector, chromedp.ByQuery))
		b.waitFor("what is said", `document.querySelector("#live").textContent === "Copied: `+want+`"`)
		b.wantPlace(1440, "the page, when something is copied", "main tr, main h2, .tabs a, .copy", before)
		b.waitFor("the copy", `copied.at(-1) === "`+want+`" && document.activeElement === document.querySelector("`+selector+`")`)
	}
	b.quiet()
}

// TestBrowserWide: on a wide screen a list takes the room, and pages begin at the same edge whatever is on them.
func TestBrowserWide(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	b.signIn("admin@kontor.local", p.Password)
	for _, width := range []int64{1440, 1920, 2560} {
		b.look(width, "light", "en")
		edges := map[float64]string{}
		for _, path := range []string{"/customers", "/transactions", "/customers/new", "/account"} {
			b.visit(path)
			var left, list float64
			b.eval(`document.querySelector("h1").getBoundingClientRect().left`, &left)
			edges[left] = path
			b.eval(`document.querySelector("main > .sheet, #list .sheet, #transactions .sheet, main table.rows")?.getBoundingClientRect().width ?? 0`, &list)
			if path == "/customers" {
				assert.GreaterOrEqual(t, list, float64(width)*0.76, "%d: the list", width)
			}
			b.wantFits(path, width)
		}
		assert.Len(t, edges, 1, "%d: pages begin at different edges", width)
	}
	b.quiet()
}
