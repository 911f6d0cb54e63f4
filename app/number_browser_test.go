package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
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

	b.typeInto("phone", "044 668 18 00") // not left: it is said all the same
	says("phone", "Will be used as +41 44 668 18 00 (Switzerland)")
	b.picture("number-understood", 1440, "light")
	b.eval(`document.getElementById("f-phone").select()`, nil)
	b.run(chromedp.KeyEvent(kb.Delete))
	says("phone", "")

	// The other type's form goes on with it.
	b.run(chromedp.Click("#type-company", chromedp.ByQuery))
	b.waitFor("the company's fields", `!!document.querySelector("[name=company_name]")`)
	says("mobile", "Will be used as +41 79 123 45 67 (Switzerland)")
	b.typeInto("phone", "0800 privat")
	b.run(leave)
	says("phone", "Phone numbers contain only digits. Leave out the letters; remarks belong in the note.")

	// What is understood pushes nothing away, at any width.
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
