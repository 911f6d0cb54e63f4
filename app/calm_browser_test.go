package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"kontor/app/effort"
)

// TestBrowserCalm: nothing on a page moves by itself. Loading a screen causes no layout shift. The entries of the menu
// and of tabs keep their positions between pages. Typing, selecting, opening and messages move nothing else. The test
// uses a sample of the screens, the same in every run; with KONTOR_TEST_FULL=1 it uses all of them, at each width and in
// both languages.
func TestBrowserCalm(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1", "FIRM_NAME": "Steuerkanzlei Lindner"})
	for _, language := range []string{"de", "en"} {
		b := openBrowser(t, p.URL)
		b.look(1440, "light", language)
		b.run(chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := cdppage.AddScriptToEvaluateOnNewDocument(watchShifts).Do(ctx)
			return err
		}))
		endUser := "ruhig." + language + "@kunde.example"
		places := addresses(t, p, language, endUser)
		for _, width := range []int64{1440, 360} {
			b.resize(width)
			for _, s := range screens {
				b.forgetCookies()
				switch s.who {
				case "specialist":
					b.signIn("admin@kontor.local", p.Password)
				case "end user":
					b.signIn(endUser, goodPassword)
				}
				before := map[string]string{}
				for _, path := range calmSample(s.paths, fmt.Sprint(language, width, s.who)) {
					b.visit(places.Replace(path))
					name := fmt.Sprintf("%s %d %s", language, width, path)
					b.wantNoShift(name)
					b.wantSameEntries(name, path, before)
				}
			}
		}
		b.quiet()
	}
}

// calmSample is a few of the screens, without what is done on them, or all.
func calmSample(paths []string, name string) (sample []string) {
	random := dice(8, name)
	for _, path := range paths {
		if !strings.Contains(path, "#") && (effort.Full || random.IntN(12) == 0) {
			sample = append(sample, path)
		}
	}
	return sample
}

// watchShifts notes every layout shift of a page, those right after a key or a click, too, which the browser's own score
// leaves out.
const watchShifts = `window.shifts = []; new PerformanceObserver(list => list.getEntries().forEach(e => window.shifts.push(
	e.value.toFixed(4) + ": " + e.sources.slice(0, 3).map(s => (s.node?.outerHTML ?? s.node?.textContent ?? "?").slice(0, 100) + " from " +
		[s.previousRect, s.currentRect].map(r => [r.x, r.y, r.width, r.height].map(Math.round).join()).join(" to ")).join(" | ")
))).observe({type: "layout-shift", buffered: true})`

// wantNoShift waits until the page is loaded and drawn, and fails the test for whatever has moved.
func (b *browser) wantNoShift(name string) {
	b.t.Helper()
	var shifts []string
	b.eval(`new Promise(done => {
		const drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => done(window.shifts)));
		document.readyState === "complete" ? drawn() : window.addEventListener("load", drawn);
	})`, &shifts)
	for _, shift := range shifts {
		b.t.Errorf("%s: something moves: %s", name, shift)
	}
}

// wantSameEntries compares where the entries of the menu are, and those of the tabs, with the pages before. The tabs of a
// customer are not those of a transaction.
func (b *browser) wantSameEntries(name, path string, before map[string]string) {
	b.t.Helper()
	of := "tabs of " + strings.Trim(strings.SplitN(path, "}", 2)[0], "/{")
	var now map[string]string
	b.eval(`Object.fromEntries(["#nav", ".tabs"].map(list => [list, [...document.querySelectorAll(list + " a")].map(a => {
		const r = a.getBoundingClientRect();
		return r.width === 0 ? "" : a.innerText.trim() + " " + [r.x - a.parentElement.getBoundingClientRect().x, r.width, r.height].map(Math.round);
	}).join("; ")]))`, &now)
	for list, key := range map[string]string{"#nav": "menu", ".tabs": of} {
		if was, seen := before[key]; now[list] != "" && seen && was != now[list] {
			b.t.Errorf("%s: the %s moves:\n%s\n%s", name, key, was, now[list])
		}
		if now[list] != "" {
			before[key] = now[list]
		}
	}
}

// TestBrowserCalmAtWork: an action moves nothing but the element that it belongs to.
func TestBrowserCalmAtWork(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1"})
	b := openBrowser(t, p.URL)
	for _, width := range []int64{1440, 360} {
		b.look(width, "light", "en")
		b.forgetCookies()
		b.signIn("admin@kontor.local", p.Password)

		// A search that finds nothing, and back.
		b.visit("/customers")
		list := b.places("#list .sheet")
		b.run(chromedp.SendKeys("#q", "zzzzz", chromedp.ByQuery))
		b.waitFor("nothing", `document.querySelector("#list .empty") !== null`)
		b.wantPlace(width, "the list, when nothing matches", "#list .sheet", list)
		b.eval(`(document.querySelector("#q").value = "", document.querySelector("#q").dispatchEvent(new Event("search")))`, nil)
		b.waitFor("all", `document.querySelector("#list table") !== null`)
		b.wantPlace(width, "the list, when all match again", "#list .sheet", list)

		// A selection in a table.
		b.visit("/customers?q=muller+sohne")
		b.press("Müller & Söhne GmbH")
		b.waitFor("the customer", `location.pathname.endsWith("/data")`)
		b.press("Authorisations")
		b.waitFor("the groups", `document.querySelector("input.tickable") !== null`)
		rows := b.places("main tr, main h2, .tabs a")
		b.run(chromedp.Click("input.tickable", chromedp.ByQuery))
		b.waitText("Selected: 1 access")
		b.wantPlace(width, "the rows, when one is ticked", "main tr, main h2, .tabs a", rows)
		b.waitFor("a row that is tinted", `getComputedStyle(document.querySelector("tr:has(input.tickable:checked)")).backgroundColor !== getComputedStyle(document.querySelector("tr:not(:has(input.tickable:checked))")).backgroundColor`)
		b.run(chromedp.Click("input[name=administrator].tickable", chromedp.ByQuery))
		b.waitText("Selected: 1 access, 1 administrator")
		b.press("Clear selection")

		// Dialogs and menus that open above the page.
		b.eval(`document.activeElement.blur()`, nil)
		b.run(chromedp.KeyEvent("?"))
		b.waitFor("the keyboard help", `document.querySelector("#keys").open`)
		b.wantPlace(width, "the rows, below the keyboard help", "main tr, main h2, .tabs a", rows)
		var off float64
		b.eval(`(() => { const r = document.querySelector("#keys").getBoundingClientRect(); return Math.abs(r.x + r.right - document.documentElement.clientWidth) + Math.abs(r.y + r.bottom - innerHeight); })()`, &off)
		// The dialog is centred beside the scroll bar, whose width may be 17 px.
		assert.True(t, off <= 17, "%d: the keyboard help is %v px off the middle", width, off)
		b.picture("keyboard-help", width, "light")
		b.press("Close")

		// A toast covers nothing that can't be scrolled out from below it, and can be closed.
		b.visit("/account")
		fields := b.places("main h1, main h2, main input, main button:not(#toast *)")
		b.run(chromedp.Click(`form[action="/account"] .btn-primary`, chromedp.ByQuery))
		b.waitFor("the toast", `document.querySelector("#toast") !== null`)
		b.wantPlace(width, "the page, when something is reported", "main h1, main h2, main input, main button:not(#toast *)", fields)
		var clear bool
		b.eval(`(() => {
			scrollTo(0, document.documentElement.scrollHeight);
			const last = [...document.querySelectorAll("main > .sheet")].pop().getBoundingClientRect(), toast = document.querySelector("#toast").getBoundingClientRect();
			return last.bottom <= toast.top && toast.left >= 0 && toast.right <= innerWidth;
		})()`, &clear)
		assert.True(t, clear, "%d: the toast hides the end of the page, or is cut off", width)
		b.picture("toast", width, "light")
		b.run(chromedp.Click(`#toast [data-dismiss]`, chromedp.ByQuery))
		b.waitFor("the toast away", `document.querySelector("#toast") === null`)
	}
	b.quiet()
}

// places are where elements are, from the top of the page.
func (b *browser) places(selector string) (places []string) {
	b.t.Helper()
	b.eval(fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(e => e.getClientRects().length > 0).map(e => {
		const r = e.getBoundingClientRect();
		return e.tagName + " " + e.innerText.slice(0, 30) + " " + [r.x, r.y + scrollY].map(Math.round);
	})`, selector), &places)
	return places
}

// wantPlace compares them with where they were: the first of them alone, if there are fewer by now.
func (b *browser) wantPlace(width int64, what, selector string, before []string) {
	b.t.Helper()
	place := func(s string) string { return s[strings.LastIndex(s, " "):] }
	now := b.places(selector)
	if !assert.NotEmpty(b.t, before, "%d: %s: nothing there", width, what) {
		return
	}
	if !assert.NotEmpty(b.t, now, "%d: %s: nothing there", width, what) {
		return
	}
	for i := range min(len(before), len(now)) {
		if !assert.Equal(b.t, place(before[i]), place(now[i]), "%d: %s: the place of a row", width, what) {
			return
		}
	}
}
