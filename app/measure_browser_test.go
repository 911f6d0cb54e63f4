package main

// misfits are what does not fit on the page as it is now: what makes it scroll sideways, what is cut off or out of reach,
// what is wider than its box, and texts that lie over each other. What scrolls must be a region that the keyboard reaches and
// that has a name. What is displayed for a screen reader alone, in a box of one pixel, is none of it, and what is meant to
// lie over the page (results, menus, the bar) covers no text.
const misfits = `(() => {
	const page = document.documentElement, lost = new Set();
	const say = e => (e.textContent.trim().replace(/\s+/g, " ").slice(0, 60) || e.id || e.name) + " <" + e.localName + (e.className ? "." + String(e.className.baseVal ?? e.className).replaceAll(" ", ".") : "") + ">";
	const styles = new Map(), style = e => styles.get(e) ?? (styles.set(e, getComputedStyle(e)), styles.get(e));
	const boxes = new Map(), boxOf = e => boxes.get(e) ?? (boxes.set(e, e.getBoundingClientRect()), boxes.get(e));
	const scrolls = a => ["auto", "scroll"].includes(style(a).overflowX);
	if (page.scrollWidth > page.clientWidth) lost.add("the page scrolls sideways by " + (page.scrollWidth - page.clientWidth) + " px");

	const lines = [];
	each: for (const e of document.body.querySelectorAll("*")) {
		if (e.closest("svg, option, datalist, script") || !e.checkVisibility({visibilityProperty: true})) continue;
		let box = boxOf(e), layer = document.body;
		if (box.width <= 1 || box.right <= 0) continue;
		for (let a = e; a !== page; a = a.parentElement) {
			const edge = boxOf(a);
			if (edge.width <= 1) continue each;
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

		// The lines of text that stand in e itself.
		for (const node of e.childNodes) {
			if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
			const range = document.createRange();
			range.selectNodeContents(node);
			let block = e;
			while (style(block).display.startsWith("inline") && !style(block).display.includes("-")) block = block.parentElement;
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
