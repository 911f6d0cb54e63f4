package main

import (
	"net/http"
	"testing"

	"kontor/app/effort"
)

// TestBrowserQueues: whatever the names of customers and persons, every column of Queues and every action on a failed
// message is visible or reachable, in both languages and at every width. The same holds for the other pages with these
// names.
func TestBrowserQueues(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1", "SMTP_URL": "smtp://" + freeAddress(t), "MAILBOX": "on"}) // nothing listens there, so mails fail
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	firm.get("/customers/new?type=company").send("Save", map[string]string{
		"company_name": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mbH & Co. KG",
		"first_name":   "Maximiliane-Friederike", "last_name": "Wolfeschlegelsteinhausenbergerdorff", "email": "w@kunde.example",
	}).is(http.StatusOK, "")

	b, seed := openBrowser(t, p.URL), effort.Seed(t)
	for _, language := range []string{"en", "de"} {
		b.forgetCookies()
		b.look(1440, "light", language)
		b.signIn("admin@kontor.local", p.Password)
		b.visit("/queues")
		b.waitFor("the message", `[...document.querySelectorAll("#queues tr:has(form[action$='/delete'] button)")].some(tr => tr.innerText.includes("Donaudampf"))`)
		for _, path := range []string{"/queues", "/attention", "/customers", "/customers?q=donaudampf", "/search?q=donaudampf", "/mailbox", "/audit"} {
			b.visit(path)
			for width := range chooseLooks(seed, language+path).widths {
				b.resize(width)
				b.wantFits(path, width)
			}
		}
	}
	b.quiet()
}
