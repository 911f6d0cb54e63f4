package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// TestBrowserTemplate: a person builds a small template with the keyboard, sorts it with Alt and the arrows and by dragging,
// takes back the last step, and publishes it. The keyboard stays where it was. axe finds nothing on the way.
func TestBrowserTemplate(t *testing.T) {
	p := boot(t, nil)
	b := openBrowser(t, p.URL)
	b.bringAxe()
	b.look(1440, "light", "en")
	b.signIn("admin@kontor.local", p.Password)
	b.visit("/templates/new")
	b.run(chromedp.SendKeys(`#f-name`, "Tax", chromedp.ByQuery), chromedp.KeyEvent(kb.Enter))
	b.waitText("Now build its structure")

	const drawn = `(function draw(list) { return [...list.children].map(li => li.querySelector(".name").textContent +
		(li.dataset.type === "folder" ? "[" + draw(li.querySelector("ol")) + "]" : "")).join(" "); })`
	shows := func(what, tree string) {
		t.Helper()
		b.waitFor(what, `(() => { const tree = document.querySelector(".tree"); return !!tree && `+drawn+`(tree) === "`+tree+`"; })()`)
	}
	focused := func(what, id string) {
		t.Helper()
		b.waitFor(what, `document.activeElement.id === "`+id+`"`)
	}
	press := func(keys string, alt ...chromedp.KeyOption) { b.run(chromedp.KeyEvent(keys, alt...)) }
	alt := chromedp.KeyModifiers(input.ModifierAlt)

	b.run(chromedp.Focus(`#add-0-name`, chromedp.ByQuery))
	press("Passport" + kb.Enter)
	shows("a slot", "Passport")
	focused("the next one can be typed", "add-0-name")
	press("Income" + kb.Tab + "Folder" + kb.Tab)
	press(kb.Enter)
	shows("a folder", "Passport Income[]")
	focused("and the next", "add-0-name")
	press("Payslips" + kb.Enter)
	shows("another slot", "Passport Income[] Payslips")

	b.run(chromedp.Focus(`[data-type=slot]:last-child .name`, chromedp.ByQuery))
	press(kb.ArrowRight, alt)
	shows("into the folder", "Passport Income[Payslips]")
	focused("the keyboard goes along", "e-3")
	press(kb.ArrowLeft, alt)
	shows("out of it", "Passport Income[] Payslips")
	press(kb.ArrowUp, alt)
	shows("up", "Passport Payslips Income[]")
	press("z")
	shows("undone", "Passport Income[] Payslips")

	drag := func(from, to string, part float64) {
		t.Helper()
		var at [4]float64
		b.eval(`(() => { const a = document.querySelector("`+from+`").getBoundingClientRect(), b = document.querySelector("`+to+`").getBoundingClientRect();
			return [a.left + 20, a.top + a.height / 2, b.left + 60, b.top + b.height * `+fmt.Sprint(part)+`]; })()`, &at)
		mouse := func(kind input.MouseType, x, y float64) chromedp.Action {
			return chromedp.MouseEvent(kind, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1))
		}
		b.run(mouse(input.MousePressed, at[0], at[1]), mouse(input.MouseMoved, at[0]+8, at[1]+8), mouse(input.MouseMoved, at[2], at[3]-2),
			mouse(input.MouseMoved, at[2], at[3]), mouse(input.MouseReleased, at[2], at[3]))
	}
	drag("#e-3", "[data-key='2'] > .element", .5)
	shows("dragged into the folder", "Passport Income[Payslips]")
	drag("#e-1", "[data-key='3'] > .element", .1)
	shows("dragged before another", "Income[Passport Payslips]")
	for _, width := range []int64{1440, 360} {
		b.look(width, "light", "en")
		var found []string
		b.eval(violations, &found)
		assert.Empty(t, found, width)
	}
	b.look(1440, "light", "en")
	b.run(chromedp.Click(`#publish .btn-primary`, chromedp.ByQuery))
	b.waitText("Version 1 published")
	shows("as it was published", "Income[Passport Payslips]")
}
