package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

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
			// A notice that came later would move the page by much more.
			assert.True(t, sideways <= 0, "%s at %d: %v too wide", path, width, sideways)
			assert.LessOrEqual(t, shift, 0.01, "%s at %d: shifts by", path, width)
		}
	}
	b.inspect("specialist /attention, undelivered", "/attention", chooseLooks(effort.Seed(t), "undelivered"))
	b.quiet()
}
