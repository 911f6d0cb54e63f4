package main

import (
	"testing"

	"kontor/app/effort"
)

// TestBrowserFirstSteps: the page of an empty firm can be read and used by everybody, and leads to the first customer, with
// whom it is gone.
func TestBrowserFirstSteps(t *testing.T) {
	p := boot(t, nil)
	seed := effort.Seed(t)
	b := openBrowser(t, p.URL)
	b.bringAxe()
	for _, language := range []string{"en", "de"} {
		b.look(1440, "light", language)
		b.forgetCookies()
		b.signIn("admin@kontor.local", p.Password)
		b.inspect("first steps", "/customers", chooseLooks(seed, "first steps "+language))
		b.visit("/customers")
		b.eval(watchShifts, nil)
		b.wantNoShift("first steps")
	}
	b.look(1440, "light", "en")
	b.visit("/customers")
	b.press("Add customer")
	b.waitFor("the form", `!!document.querySelector("[name=email]")`)
	b.typeInto("first_name", "Jörg")
	b.typeInto("last_name", "O'Brien")
	b.typeInto("email", "joerg@kunde.example")
	b.press("Save")
	b.waitFor("the customer", `location.pathname.endsWith("/authorisations")`)
	b.visit("/customers")
	b.waitFor("the overview", `document.querySelector("table.customers") !== null && document.querySelector(".starts") === null`)
	b.quiet()
}
