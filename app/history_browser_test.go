package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestBrowserHistory: a note is written, searched, changed, removed and put back with the keyboard alone.
func TestBrowserHistory(t *testing.T) {
	p := boot(t, nil)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	firm.get("/customers/new?type=person").send("Save", map[string]string{"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example"})
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/customers")
	b.run(chromedp.Click("a.name", chromedp.ByQuery))
	b.waitFor("the customer", `location.pathname.endsWith("/data")`)
	press := func(keys ...string) {
		for _, key := range keys {
			b.run(chromedp.KeyEvent(key))
		}
	}
	focus := func(selector string) { b.run(chromedp.Focus(selector, chromedp.ByQuery)) }
	written := `[...document.querySelectorAll("#history .written")].map(e => e.textContent).join("|")`
	focus(`.tabs a[href$="/history"]`)
	press(kb.Enter)
	b.waitFor("the history", `location.pathname.endsWith("/history")`)
	for _, note := range []string{"Calls on Monday", "Moves to Kiel"} {
		focus("#f-note")
		press(note, kb.Tab, kb.Enter)
		b.waitFor("the note "+note, written+`.startsWith("`+note+`") && document.getElementById("f-note").value === ""`)
	}
	focus("#find")
	press("monday")
	b.waitFor("one note", written+` === "Calls on Monday" && location.search === "?q=monday"`)
	b.waitFor("the focus still in the field", `document.activeElement.id === "find"`)
	focus("#history a[id^=edit-]")
	press(kb.Enter)
	b.waitFor("the focus in the first field", `document.activeElement.id === "f-note"`)
	b.run(chromedp.SetValue("#f-note", "Calls on Tuesday", chromedp.ByQuery))
	press(kb.Tab, kb.Enter)
	b.waitFor("the note as it is now", written+` === "Moves to Kiel|Calls on Tuesday"`)
	focus("#history button[id^=remove-]")
	press(kb.Enter)
	b.waitFor("one note less", written+` === "Calls on Tuesday"`)
	focus("#toast form button")
	press(kb.Enter)
	b.waitFor("both notes", written+` === "Moves to Kiel|Calls on Tuesday"`)
	b.quiet()
}
