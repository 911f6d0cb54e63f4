package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestBrowserFirm: the firm gets a mark and another name, which stand above the next page; the public holidays of a state come
// with one click; a ready sentence goes into a note where the cursor stands, without a new page.
func TestBrowserFirm(t *testing.T) {
	p := boot(t, nil)
	var drawn bytes.Buffer
	require.NoError(t, png.Encode(&drawn, image.NewNRGBA(image.Rect(0, 0, 64, 64))))
	file := filepath.Join(t.TempDir(), "logo.png")
	require.NoError(t, os.WriteFile(file, drawn.Bytes(), 0o600))
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	firm.get("/customers/new?type=person").send("Save", map[string]string{"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example"})
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/firm")
	b.run(chromedp.SetUploadFiles("#f-mark", []string{file}, chromedp.ByQuery))
	b.press("Save logo")
	b.waitFor("the mark in the frame", `document.querySelector(".side .brand img")?.complete && document.querySelector(".side .brand img").naturalWidth === 64`)
	b.run(chromedp.SetValue("#f-firm_name", "Kanzlei Berg & Tal", chromedp.ByQuery))
	b.press("Save")
	b.waitFor("the name in the frame", `document.querySelector(".side .brand b").textContent === "Kanzlei Berg & Tal" && document.title.endsWith(" · Kanzlei Berg & Tal")`)
	b.visit("/firm/holidays")
	b.run(chromedp.SetValue("#f-state", "bb", chromedp.ByQuery))
	b.press("Add holidays")
	b.waitFor("the holidays of two years", `document.querySelectorAll("tbody tr").length === 24`)
	b.visit("/firm/phrases")
	b.run(chromedp.SetValue("#f-german", "Um Rückruf gebeten.", chromedp.ByQuery), chromedp.SetValue("#f-english", "Asked to call back.", chromedp.ByQuery))
	b.press("Add phrase")
	b.waitText("Asked to call back.")
	b.visit("/customers")
	b.run(chromedp.Click("a.name", chromedp.ByQuery))
	b.waitFor("the customer", `location.pathname.endsWith("/data")`)
	b.run(chromedp.Click(`.tabs a[href$="/history"]`, chromedp.ByQuery))
	b.waitFor("the history", `location.pathname.endsWith("/history")`)
	b.run(chromedp.SetValue("#f-note", "At ten.Twice.", chromedp.ByQuery),
		chromedp.Evaluate(`document.querySelector("#f-note").setSelectionRange(7, 7); window.same = true`, nil),
		chromedp.SetValue("#f-phrase", "Asked to call back.", chromedp.ByQuery))
	b.press("Insert")
	b.waitFor("the sentence in the note", `document.querySelector("#f-note").value === "At ten. Asked to call back. Twice." && document.activeElement.id === "f-note" && window.same`)
	b.press("Add note")
	b.waitFor("the note", `document.querySelector("#history .written")?.textContent === "At ten. Asked to call back. Twice."`)
	b.quiet()
}
