package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"

	"kontor/app/await"
)

// enters moves the focus to what a person reaches with the Tab key, and presses Enter there.
func (b *browser) enters(what string) {
	b.t.Helper()
	b.run(chromedp.Focus(what, chromedp.BySearch), chromedp.KeyEvent(kb.Enter))
}

// TestBrowserBulk: with the keyboard alone a person ticks rows, sees what would change, has it changed and takes it back. A
// click in a row opens it, one on its box ticks it. axe finds nothing on the way.
func TestBrowserBulk(t *testing.T) {
	p := boot(t, nil)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	added := firm.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example",
	}).shows("Invited")
	berta := added.URL.Path[:strings.LastIndex(added.URL.Path, "/")]
	for _, name := range []string{"Erste Akte", "Zweite Akte", "Dritte Akte"} {
		firm.get(berta+"/transactions/new").send("Save", map[string]string{"name": name})
	}
	b := openBrowser(t, p.URL)
	accessible := func() {
		var found []string
		b.eval(violations, &found)
		assert.Empty(t, found)
	}
	b.bringAxe()
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/transactions")
	var shown bool
	const bar = `getComputedStyle(document.querySelector(".bar")).display !== "none"`
	b.eval(bar, &shown)
	assert.False(t, shown, "no bar until something is ticked")
	b.run(chromedp.KeyEvent("j"), chromedp.KeyEvent("x"), chromedp.KeyEvent("j"), chromedp.KeyEvent("x"))
	b.waitFor("two rows ticked", `document.querySelectorAll("input.tickable:checked").length === 2 && `+bar)
	b.waitText("Selected: 2 transactions")
	accessible()
	b.enters(`//button[@value="due"]`)
	b.waitFor("the question", `location.pathname === "/bulk/new" && document.activeElement.name === "due"`)
	accessible()
	b.eval(`(document.activeElement.value = "2030-12-24", true)`, &shown)
	b.enters(`//button[normalize-space()="Check"]`)
	b.waitText("Nothing has been changed yet.")
	accessible()
	b.enters(`//button[normalize-space()="Change due date of 2 transactions"]`)
	b.waitText("Changed: 2")
	b.visit("/transactions")
	b.waitText("24 December 2030")
	b.visit("/bulk")
	b.enters(`//main//a[normalize-space()="Change due date"]`)
	b.waitText("Carried out")
	b.enters(`//button[normalize-space()="Take back"]`)
	b.waitText("Taken back: 2")
	b.visit("/transactions")
	b.eval(`!document.querySelector("main").innerText.includes("2030")`, &shown)
	assert.True(t, shown, "the dates are as they were")

	b.run(chromedp.Click(`main tbody tr .tick input`, chromedp.ByQuery))
	b.waitFor("a tick and no other page", `location.pathname === "/transactions" && document.querySelectorAll("input.tickable:checked").length === 1`)
	b.press("Clear selection")
	b.waitFor("nothing ticked", `document.querySelectorAll("input.tickable:checked").length === 0`)
	b.run(chromedp.Click(`main tbody tr td:last-child`, chromedp.ByQuery))
	b.waitFor("the transaction", `/^.transactions.[0-9a-f-]+$/.test(location.pathname)`)
	b.quiet()
}

// TestBulkWithoutScript: the same without script, over everything that matches, by somebody who types a mistake first.
func TestBulkWithoutScript(t *testing.T) {
	p := boot(t, nil)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	added := firm.get("/customers/new?type=company").send("Save", map[string]string{
		"company_name": "Kühn GmbH", "first_name": "Berta", "last_name": "Kühn", "email": "berta@kunde.example",
	})
	berta := added.URL.Path[:strings.LastIndex(added.URL.Path, "/")]
	for i := range 52 {
		firm.get(berta+"/transactions/new").send("Save", map[string]string{"name": fmt.Sprintf("Akte %d", i)})
	}
	list := firm.get("/transactions?q=akte")
	one := list.Find("input.tickable").First().AttrOr("value", "")
	asked := list.send("Change status", map[string]string{"transaction": one, "everything": "on"})
	asked.shows("All business transactions that the list shows with its filter")
	asked.send("Check", nil).is(http.StatusUnprocessableEntity, "/bulk").shows("Choose a status")
	tried := asked.send("Check", map[string]string{"status": "closed"})
	settled := func(act *page) *page { // a worker does as many as these
		await.True(t, "the end of the job", func() bool {
			act = firm.get(act.URL.Path)
			return act.Find("progress").Length() == 0
		})
		return act
	}
	done := settled(tried).shows("Will be changed 52").send("Change status of 52 transactions", nil)
	settled(done).shows("Carried out", "Changed 52")
	assert.Equal(t, "52 business transactions", strings.TrimSpace(strings.Split(firm.get("/transactions?status=closed").text(".count"), " of ")[1]))
	sent := firm.get("/customers").send("Send again", map[string]string{"customer": strings.TrimPrefix(berta, "/customers/")}).shows("1 customer selected")
	sent.send("Check", nil).shows("Berta Kühn")
	firm.get("/bulk").shows("Change status", "Send again")
}
