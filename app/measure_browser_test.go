package main

import (
	"hash/fnv"
	"math/rand/v2"

	"kontor/app/effort"

	"github.com/chromedp/cdproto/emulation"
)

// widths are those of the windows in which every screen is measured.
var widths = []int64{320, 360, 414, 600, 768, 820, 1024, 1180, 1280, 1440, 1920}

// looks are how one screen is looked at: at which widths, in which schemes axe looks at it there, and whether it is printed.
type looks struct {
	widths map[int64][]string
	paper  bool
}

// inLanguage says whether a screen is looked at in a language: in both, or in the sample in one of them.
func inLanguage(seed uint64, path, language string) bool {
	return effort.Full || (dice(seed, path).IntN(2) == 0) == (language == "en")
}

// dice are the random numbers of a seed that belong to a name: the same whenever they are thrown.
func dice(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64())) //nolint:gosec // repeatable on purpose
}

// chooseLooks are all widths, and axe in each scheme at three of them; or of that a sample, which depends on the seed and on
// the name alone: a light and a dark one for axe, and three more widths.
func chooseLooks(seed uint64, name string) looks {
	random := dice(seed, name)
	at := looks{widths: map[int64][]string{}, paper: effort.Full || random.IntN(3) == 0}
	for _, scheme := range []string{"light", "dark"} {
		for _, i := range random.Perm(3)[:fewer(3, 1)] {
			width := []int64{320, 1024, 1440}[i]
			at.widths[width] = append(at.widths[width], scheme)
		}
	}
	for _, i := range random.Perm(len(widths))[:fewer(len(widths), 3)] {
		at.widths[widths[i]] = append([]string{}, at.widths[widths[i]]...)
	}
	return at
}

// fewer is how many are tried where not all are.
func fewer(all, few int) int {
	if effort.Full {
		return all
	}
	return few
}

func (b *browser) wantFits(name string, width int64) {
	b.t.Helper()
	var lost []string
	b.eval(misfits, &lost)
	for _, what := range lost {
		b.t.Errorf("%d %s: %s", width, b.language, what)
	}
	b.picture(name, width, "fits")
}

// wantPrints looks at the page as it goes to paper, upright A4, while the screen is dark.
func (b *browser) wantPrints(name string) {
	b.t.Helper()
	const a4 = 718 // px of the sheet between its margins
	b.resize(a4)
	b.run(emulation.SetEmulatedMedia().WithMedia("print").WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	var wrong []string
	b.eval(misfits, &wrong)
	for _, what := range wrong {
		b.t.Errorf("on paper, %s: %s", b.language, what)
	}
	b.eval(misprints, &wrong)
	for _, what := range wrong {
		b.t.Errorf("on paper, %s: %s", b.language, what)
	}
	b.picture(name, a4, "paper")
	b.run(emulation.SetEmulatedMedia())
}

// misprints are what has no place on paper, and dark boxes and pale letters.
const misprints = `(() => {
	const wrong = [], seen = e => e.checkVisibility({visibilityProperty: true});
	for (const e of document.querySelectorAll(".side, .top, .bar, .toast-line, dialog, nav.pages, .filter, .actions, button, .btn, input[type=checkbox].tickable"))
		if (seen(e)) wrong.push("there is " + (e.className || e.localName));
	for (const head of document.querySelectorAll("thead")) if (seen(head) && getComputedStyle(head).display !== "table-header-group") wrong.push("a table's head is not repeated");
	const light = color => { const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number); return a === 0 ? 255 : (r * 299 + g * 587 + b * 114) / 1000; };
	for (const e of document.querySelectorAll("body, body *")) {
		if (!seen(e) || e.closest("svg")) continue;
		const s = getComputedStyle(e);
		if (e.textContent.trim() && light(s.backgroundColor) < 200) wrong.push("dark is " + e.localName + "." + e.className);
		if (light(s.color) > 140) wrong.push("pale is " + e.localName + "." + e.className);
	}
	return wrong.slice(0, 12);
})()`

// misfits are what does not fit on the page as it is now: what makes it scroll sideways, what is cut off or out of reach,
// what is wider than its box, texts that lie over each other, and numbers and words of up to 16 letters that are broken.
// What scrolls must be a region that the keyboard reaches and that has a name. What is displayed for a screen reader
// alone, in a box of one pixel, is none of it, and what is meant to lie over the page (results, menus, the bar) covers no
// text.
const misfits = `(() => {
	const page = document.documentElement, lost = new Set();
	const say = e => (e.textContent.trim().replace(/\s+/g, " ").slice(0, 60) || e.id || e.name) + " <" + e.localName + (e.className ? "." + String(e.className.baseVal ?? e.className).replaceAll(" ", ".") : "") + ">";
	const styles = new Map(), style = e => styles.get(e) ?? (styles.set(e, getComputedStyle(e)), styles.get(e));
	const boxes = new Map(), boxOf = e => boxes.get(e) ?? (boxes.set(e, e.getBoundingClientRect()), boxes.get(e));
	const unseen = a => boxOf(a).width <= 1 && style(a).overflowX !== "visible"; // for a screen reader alone
	const scrolls = a => ["auto", "scroll"].includes(style(a).overflowX);
	if (page.scrollWidth > page.clientWidth) lost.add("the page scrolls sideways by " + (page.scrollWidth - page.clientWidth) + " px");

	const lines = [];
	each: for (const e of document.body.querySelectorAll("*")) {
		if (e.closest("svg, option, datalist, script") || !e.checkVisibility({visibilityProperty: true})) continue;
		let box = boxOf(e), layer = document.body;
		if (unseen(e) || box.right <= 0) continue;
		for (let a = e; a !== page; a = a.parentElement) {
			const edge = boxOf(a);
			if (unseen(a)) continue each;
			if (layer === document.body && ["absolute", "fixed", "sticky"].includes(style(a).position)) layer = a;
			if (a !== e && scrolls(a)) box = edge; // what it holds can be scrolled to
			else if (a !== e && style(a).overflowX !== "visible" && (box.left < edge.left - 1 || box.right > edge.right + 1)) {
				lost.add(say(e) + " is cut off by " + say(a).replace(/^.* </, "<"));
				continue each;
			}
			if (style(a).position === "fixed") break;
		}
		if (box.left < -1 || box.right > page.clientWidth + 1) lost.add(say(e) + " is beside the page");
		if (scrolls(e) && e.localName !== "textarea" && e.scrollWidth > e.clientWidth + 1 && !(e.tabIndex === 0 && e.matches("[role=region], section") && e.matches("[aria-label], [aria-labelledby]")))
			lost.add(say(e) + " scrolls sideways by " + (e.scrollWidth - e.clientWidth) + " px, which nobody is told");

		// The lines of the text directly in e.
		for (const node of e.childNodes) {
			if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
			const range = document.createRange();
			range.selectNodeContents(node);
			let block = e;
			while (style(block).display.startsWith("inline") && !style(block).display.includes("-")) block = block.parentElement;
			if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) for (const whole of node.data.matchAll(/\b[KV]-\d{4,}|(?<![\p{L}\d@.\/:_-])\p{L}{2,16}(?![\p{L}\d@.\/:_-])/gu)) {
				const part = document.createRange();
				part.setStart(node, whole.index);
				part.setEnd(node, whole.index + whole[0].length);
				if (new Set([...part.getClientRects()].filter(r => r.width > 1).map(r => Math.round(r.top))).size > 1) lost.add(whole[0] + " is broken in " + say(e));
			}
			const edge = boxOf(block), inside = [];
			for (let a = e; a !== page; a = a.parentElement) if (scrolls(a)) inside.push(boxOf(a));
			for (const r of range.getClientRects()) {
				if (r.width < 1) continue;
				if (!scrolls(block) && (r.left < edge.left - 1 || r.right > edge.right + 1)) lost.add(say(e) + " is wider than its box " + say(block).replace(/^.* </, "<") + " by " + Math.round(Math.max(edge.left - r.left, r.right - edge.right)) + " px");
				if (inside.every(i => r.left < i.right && r.right > i.left && r.top < i.bottom && r.bottom > i.top)) lines.push({e, layer, left: r.left, right: r.right, top: r.top, bottom: r.bottom});
			}
		}
	}
	lines.sort((a, b) => a.top - b.top);
	lines.forEach((a, i) => {
		for (let k = i + 1; k < lines.length && lines[k].top < a.bottom - 4; k++) {
			const b = lines[k];
			if (a.layer === b.layer && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && a.e !== b.e) lost.add(say(a.e) + " and " + say(b.e) + " lie over each other");
		}
	});
	return [...lost].slice(0, 12);
})()`
