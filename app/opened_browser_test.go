package main

import (
	"strings"

	"kontor/app/await"

	"github.com/chromedp/chromedp"
)

// opening is what a person does on a screen before it is looked at; upTo is the widest window where it can be done.
type opening struct {
	do   func(b *browser)
	upTo int64
}

// startAt is how wide the window is while it is done.
func (o opening) startAt() int64 {
	if o.upTo > 0 {
		return 360
	}
	return 1440
}

var doings = map[string]opening{
	"ticked": {do: func(b *browser) {
		b.run(chromedp.Click(`main input.tickable`, chromedp.ByQuery))
		b.waitFor("the bar", `getComputedStyle(document.querySelector("main .bar")).display !== "none"`)
	}},
	"why": {do: func(b *browser) {
		b.run(chromedp.Click("main a[data-why]", chromedp.ByQuery))
		b.waitFor("the reason", `document.querySelector(".reason .why") !== null`)
	}},
	"why twice": {do: func(b *browser) {
		b.eval(`[...document.querySelectorAll("main a[data-why]")].slice(0, 2).forEach(a => a.click())`, nil)
		b.waitFor("two reasons", `document.querySelectorAll(".reason .why").length >= 2`)
	}},
	"looking": {do: func(b *browser) {
		b.run(chromedp.SendKeys("#q", "an", chromedp.ByQuery))
		b.waitFor("what is found", `document.querySelectorAll("#found section").length === 2`)
	}},
	"named": {do: func(b *browser) {
		b.run(chromedp.Click(`main input[name=deputy]`, chromedp.ByQuery))
		b.run(chromedp.Click(`main form[method=post][data-warn] button`, chromedp.ByQuery))
		b.waitFor("the answer", `document.querySelector("[role=status], #summary") !== null`)
	}},
	"selection": {do: func(b *browser) {
		b.run(chromedp.Click("form.selection input.tickable", chromedp.ByQuery))
		b.waitFor("the bar", `document.querySelector(".selection .bar").getClientRects().length > 0`)
	}},
	"removed": {do: func(b *browser) {
		b.run(chromedp.Click(`//tr[contains(., "Berta")]//input[@type="checkbox"]`, chromedp.BySearch), chromedp.Click(`.selection .bar button:not([type=reset])`, chromedp.ByQuery))
		b.waitFor("the way back", `document.querySelector(".toast-line form[action*=undo], [role=status] form") !== null`)
	}},
	"timelines": {do: func(b *browser) {
		b.eval(`document.querySelectorAll("details.timeline").forEach(d => d.open = true)`, nil)
		b.waitFor("a timeline", `document.querySelector("main .line") !== null`)
	}},
	"keys": {do: func(b *browser) {
		b.run(chromedp.KeyEvent("?"))
		b.waitFor("the dialog", `document.querySelector("dialog[open]") !== null`)
	}},
	"palette": {do: func(b *browser) {
		b.run(hotkey)
		b.waitFor("what it offers", `document.querySelector("#palette-list") !== null`)
	}},
	"person's menu": {do: func(b *browser) {
		b.run(chromedp.Click(".person summary", chromedp.ByQuery))
		b.waitFor("the menu", `document.querySelector(".person .menu").checkVisibility()`)
	}},
	"navigation": {upTo: 820, do: func(b *browser) {
		b.run(chromedp.Click(".opener", chromedp.ByQuery))
		b.waitFor("the navigation", `document.querySelector("#nav:popover-open") !== null`)
	}},
	"nothing chosen": {do: func(b *browser) {
		b.run(chromedp.Click(".actions .btn-primary", chromedp.ByQuery))
		b.waitFor("the complaints", `document.activeElement?.id === "summary"`)
	}},
	"sent empty": {do: func(b *browser) {
		b.eval(`(() => { const form = document.querySelector("main form.sheet"); form.noValidate = true; form.requestSubmit(); })()`, nil)
		b.waitFor("the complaints", `document.querySelector("main :is(#summary, .wrong)") !== null`)
	}},
	"mistakes": {do: func(b *browser) {
		b.press(b.in("Save", "Speichern"))
		b.waitFor("the complaints", `document.activeElement?.id === "summary"`)
	}},
	"saved": {do: func(b *browser) {
		b.press(b.in("Save", "Speichern"))
		b.waitFor("the confirmation", `document.querySelector(".toast-line") !== null`)
	}},
	"known": {do: func(b *browser) {
		b.typeInto("email", "xaver.brandl@example.org\t")
		b.waitFor("the hint", `document.querySelector("#known-by-email button") !== null`)
		b.run(chromedp.Click("#known-by-email button", chromedp.ByQuery))
		b.waitFor("the list", `document.querySelector(".known:popover-open a") !== null`)
	}},
	// Somebody else saves the same form meanwhile.
	"conflict": {do: func(b *browser) {
		b.eval(`(async () => {
			const other = new URLSearchParams(new FormData(document.querySelector("main form[data-warn]")));
			other.set("city", "Vaterstetten bei München");
			await fetch(location.pathname, {method: "POST", body: other});
		})()`, nil)
		b.run(chromedp.SendKeys("#f-city", "Wolfratshausen", chromedp.ByQuery))
		b.press(b.in("Save", "Speichern"))
		b.waitFor("both values", `document.querySelector("[name=keep_city]") !== null`)
	}},
	"rule": {do: func(b *browser) { // or the error that it exists, for the second of two languages
		b.press(b.in("Add rule", "Regel hinzufügen"))
		b.waitFor("what the rule would change", `document.getElementById("impact") !== null`)
	}},
}

// resetLink is the link in the mail to somebody who has forgotten the password.
func (s *someone) resetLink(email string) string {
	s.t.Helper()
	link := ""
	await.True(s.t, "the mail to set a new password", func() bool {
		for _, m := range s.mailbox() {
			if m.To == email && strings.Contains(m.Text, "/password/reset/") {
				link = strings.TrimPrefix(linkIn(s.t, m.Text), s.base)
				return true
			}
		}
		return false
	})
	return link
}
