package main

import (
	"net/http"
	"testing"
)

// TestBrowserQueues: whatever customers and persons are called, every column of Queues and what can be done about a failed
// message is on the page or within reach, in both languages and at every width; so is Needs attention on a small screen.
func TestBrowserQueues(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1", "SMTP_URL": "smtp://" + freeAddress(t), "MAILBOX": "on"}) // nobody there: mails fail
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	firm.get("/customers/new?type=company").send("Save", map[string]string{
		"company_name": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mbH & Co. KG",
		"first_name":   "Maximiliane-Friederike", "last_name": "Wolfeschlegelsteinhausenbergerdorff", "email": "w@kunde.example",
	}).is(http.StatusOK, "")

	b := openBrowser(t, p.URL)
	for _, language := range []string{"en", "de"} {
		b.forgetCookies()
		b.look(1440, "light", language)
		b.signIn("admin@kontor.local", p.Password)
		for _, width := range []int64{320, 360, 768, 800, 1024, 1200, 1201, 1280, 1440, 1600} {
			b.resize(width)
			b.visit("/queues")
			b.waitFor("the message", `[...document.querySelectorAll("#queues tr:has(form[action$='/delete'] button)")].some(tr => tr.innerText.includes("Donaudampf"))`)
			b.wantInReach("queues", width)
		}
		b.resize(1024)
		b.visit("/attention")
		b.waitFor("invitations", `document.querySelector("#resend td") !== null`)
		b.wantInReach("attention", 1024)
	}
	b.quiet()
}

// wantInReach measures and takes a picture, see outOfReach.
func (b *browser) wantInReach(name string, width int64) {
	b.t.Helper()
	var lost []string
	b.eval(outOfReach, &lost)
	for _, what := range lost {
		b.t.Errorf("%s %d %s: %s", name, width, b.language, what)
	}
	b.picture(name, width, "light")
}

// outOfReach are the cells, links and buttons of the page that are cut off where nothing scrolls, and by how much the page
// scrolls sideways. What is displayed for a screen reader alone, in a box of one pixel, is none of them.
const outOfReach = `(() => {
	const page = document.documentElement, lost = [];
	if (page.scrollWidth > page.clientWidth) lost.push("the page scrolls sideways by " + (page.scrollWidth - page.clientWidth) + " px");
	each: for (const e of document.querySelectorAll("main :is(th, td, td *, a, button, input, p)")) {
		if (e.getClientRects().length === 0) continue;
		let box = e.getBoundingClientRect();
		for (let a = e; a !== page; a = a.parentElement) {
			const over = getComputedStyle(a).overflowX, edge = a.getBoundingClientRect();
			if (edge.width <= 1) continue each;
			if (over === "auto" || over === "scroll") box = edge; // what it holds can be scrolled to
			else if (over !== "visible" && (box.left < edge.left - 1 || box.right > edge.right + 1)) {
				lost.push(e.textContent.trim() + " (" + e.tagName + ") is cut off by " + a.className);
				continue each;
			}
		}
		if (box.left < -1 || box.right > page.clientWidth + 1) lost.push(e.textContent.trim() + " (" + e.tagName + ") is beside the page");
	}
	return lost;
})()`
