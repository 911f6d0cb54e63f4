package main

import (
	"testing"

	"kontor/app/effort"
)

// TestBrowserUndelivered: the notice that messages are not delivered has its space from the beginning, fits every width,
// and is visible in both colour schemes.
func TestBrowserUndelivered(t *testing.T) {
	p := boot(t, map[string]string{
		"REDIS_URL": redisURL(t), "WORKER": "embedded", "MAILBOX": "on", "SECRET_KEY": productionKey,
		"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
	})
	b := openBrowser(t, p.URL)
	b.bringAxe()
	b.look(1440, "light", "de")
	b.signIn("admin@kontor.local", goodPassword)
	for _, width := range []int64{320, 360, 768, 1440, 2560} {
		b.look(width, "light", "de")
		for _, path := range []string{"/customers", "/account", "/mailbox"} {
			b.visit(path)
			b.waitFor("the notice", `document.getElementById("undelivered")?.getClientRects().length > 0`)
			var sideways, shift float64
			b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &sideways)
			b.eval(`(window.shifted = 0, new PerformanceObserver(l => { for (const e of l.getEntries()) window.shifted += e.value }).observe({type: "layout-shift", buffered: true}), 0)`, nil)
			b.waitFor("a frame", `(window.frames2 ??= (requestAnimationFrame(() => requestAnimationFrame(() => { window.framed = true })), 1), window.framed === true)`)
			b.eval(`window.shifted`, &shift)
			if sideways > 0 || shift > 0.01 { // a notice that came later would move the whole page, by a multiple of that
				t.Errorf("%s at %d: %v too wide, shifts by %v", path, width, sideways, shift)
			}
		}
	}
	b.inspect("specialist /attention, undelivered", "/attention", chooseLooks(effort.Seed(t), "undelivered"))
	b.quiet()
}
