package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"kontor/app/await"
)

// TestBrowserNumbers: while a number is typed, the form says how it understands it in the chosen country. A complaint
// appears when the field is left, and disappears when the number is right.
func TestBrowserNumbers(t *testing.T) {
	p := boot(t, nil)
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn(admin, p.Password)
	b.visit("/customers/new?type=person")
	says := func(field, text string) {
		t.Helper()
		b.waitFor(field+" to say "+text, `document.getElementById("r-`+field+`").innerText.trim() === "`+text+`"`)
	}
	leave := chromedp.KeyEvent(kb.Tab)

	b.typeInto("mobile", "079 123 45 67")
	b.run(leave)
	says("mobile", "Enter a mobile phone number: the registration code is sent by SMS.")
	b.waitFor("the field to look wrong", `document.querySelector(".is-wrong #f-mobile[aria-invalid=true]") !== null`)
	b.picture("number-wrong", 1440, "light")
	b.run(chromedp.SetValue("#f-country", "CH", chromedp.ByQuery), chromedp.Evaluate(`document.getElementById("f-country").dispatchEvent(new Event("change", {bubbles: true}))`, nil))
	says("mobile", "Will be used as +41 79 123 45 67 (Switzerland)")
	b.waitFor("the field to look right", `!document.querySelector(".is-wrong, [aria-invalid]")`)

	b.typeInto("phone", "044 668 18 00") // shown although the field was not left
	says("phone", "Will be used as +41 44 668 18 00 (Switzerland)")
	b.picture("number-understood", 1440, "light")
	b.eval(`document.getElementById("f-phone").select()`, nil)
	b.run(chromedp.KeyEvent(kb.Delete))
	says("phone", "")

	// The form of the other type keeps the number.
	b.run(chromedp.Click("#type-company", chromedp.ByQuery))
	b.waitFor("the company's fields", `!!document.querySelector("[name=company_name]")`)
	says("mobile", "Will be used as +41 79 123 45 67 (Switzerland)")
	b.typeInto("phone", "0800 privat")
	b.run(leave)
	says("phone", "Phone numbers contain only digits. Leave out the letters; remarks belong in the note.")

	// The line that shows the number moves nothing else, at any width.
	for _, width := range []int64{360, 800, 1024, 1200, 1440} {
		b.resize(width)
		b.visit("/customers/new?type=person")
		var before, after float64
		const save = `document.querySelector("main .actions button").getBoundingClientRect().top + scrollY`
		b.run(chromedp.SetValue("#f-country", "CH", chromedp.ByQuery))
		b.eval(save, &before)
		for field, number := range map[string]string{"phone": "044 668 18 00", "mobile": "079 123 45 67"} {
			b.typeInto(field, number)
			b.waitFor("what is understood", `document.getElementById("r-`+field+`").innerText.includes("(Switzerland)")`)
		}
		if b.eval(save, &after); before != after {
			t.Errorf("at %d px the page grows by %v px", width, after-before)
		}
	}
	b.quiet()
}

// TestBrowserSlowNumber: a complaint appears when the field is left, also if answers take longer than the pause of 400 ms
// after which a number is read while it is typed, and the person paused while typing it.
func TestBrowserSlowNumber(t *testing.T) {
	p := boot(t, nil)
	b := openBrowser(t, p.URL)
	b.look(1440, "light", "en")
	b.signIn(admin, p.Password)
	b.visit("/customers/new?type=person")
	var asked atomic.Int32 // while the number is typed
	chromedp.ListenTarget(b.ctx, func(event any) {
		e, paused := event.(*fetch.EventRequestPaused)
		if !paused {
			return
		}
		if strings.Contains(e.Request.URL, "typing") {
			asked.Add(1)
		}
		// The test is about this delay. Going on fails for a request that was given up.
		time.AfterFunc(2*time.Second, func() { _ = chromedp.Run(b.ctx, fetch.ContinueRequest(e.RequestID)) })
	})
	b.run(fetch.Enable().WithPatterns([]*fetch.RequestPattern{{URLPattern: "*/number*"}}))
	const complaint = `document.getElementById("r-mobile").innerText.includes("Enter a mobile phone number")`
	b.typeInto("mobile", "079 123 45 67")
	b.run(chromedp.KeyEvent(kb.Tab))
	b.waitFor("the complaint", complaint)

	b.visit("/customers/new?type=person")
	asked.Store(0)
	b.typeInto("mobile", "079")
	await.True(t, "a request while the number is typed", func() bool { return asked.Load() > 0 })
	b.typeInto("mobile", " 123")
	time.Sleep(500 * time.Millisecond) // the person pauses
	b.typeInto("mobile", " 45 67")
	b.run(chromedp.KeyEvent(kb.Tab))
	b.waitFor("the complaint after pauses", complaint)
	b.quiet()
}
