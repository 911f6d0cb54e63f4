package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// TestBrowserMend: what needs attention is mended without leaving the list and without the mouse: the form opens over it with
// the wrong field focused, Escape gives the focus back to the row, and after saving the row is gone.
func TestBrowserMend(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	b.bringAxe()
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/attention")
	bounced := `[...document.querySelectorAll("a[data-mend=f-email]")]`
	var before, after int
	b.eval(bounced+`.length`, &before)
	assert.Positive(t, before, "a mail of the demo bounced")
	open := func() {
		t.Helper()
		b.eval(bounced+`[0].focus() ?? 0`, new(int))
		b.run(chromedp.KeyEvent(kb.Enter))
		b.waitFor("the field", `document.activeElement.id === "f-email" && document.querySelector("#mend").open`)
	}
	open()
	b.run(chromedp.KeyEvent(kb.Escape))
	b.waitFor("the row", `!document.querySelector("#mend").open && document.activeElement.matches("a[data-mend=f-email]")`)
	open()
	for _, scheme := range []string{"light", "dark"} {
		b.colour(scheme)
		var found []string
		b.eval(violations, &found)
		assert.Empty(t, found, "in the form over the list, %s", scheme)
	}
	for _, width := range widths {
		b.resize(width)
		b.wantFits("a form over the list", width)
	}
	b.resize(1440)
	b.eval(`document.querySelector("#mend #f-email").select() ?? 0`, new(int))
	b.run(chromedp.KeyEvent("mended@example.org"), chromedp.KeyEvent(kb.Enter))
	b.waitFor("the list", `location.pathname === "/attention" && !document.querySelector("#mend").open`)
	b.waitText("has been corrected")
	b.eval(bounced+`.length`, &after)
	assert.Equal(t, before-1, after, "bounced mails")
	b.press("Determine administrator")
	b.waitFor("people", `document.querySelectorAll("#mend input[data-chip]").length > 1`)
	b.run(chromedp.Click(`#mend input[data-chip="Renate Vogt"]`, chromedp.ByQuery), chromedp.Click(`#mend button.btn-primary`, chromedp.ByQuery))
	b.waitFor("the list", `location.pathname === "/attention" && !document.querySelector("#s-administrators")`)
	b.quiet()
}
