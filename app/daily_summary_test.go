package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"kontor/app/await"
)

// TestDailySummary: the running program mails the summary to who has chosen it, with what the page shows. The firm is where
// it is the morning now.
func TestDailySummary(t *testing.T) {
	east := 9 - time.Now().UTC().Hour()
	if east < -12 {
		east += 24
	}
	settings := map[string]string{"DATA_DIR": t.TempDir(), "DEMO": "1", "TIME_ZONE": fmt.Sprintf("Etc/GMT%+d", -east)} // the sign is that of POSIX
	var password string
	t.Run("chosen", func(t *testing.T) {
		p := boot(t, settings)
		password = p.Password
		visitor(t, p.URL).signIn("admin@kontor.local", password).is(http.StatusOK, "/tour").by.get("/account").
			send("Save e-mails", map[string]string{"daily_summary": "daily"}).shows("Saved")
	})
	t.Run("sent", func(t *testing.T) { // when a worker starts, it does its periodic work at once
		p := boot(t, settings)
		firm := visitor(t, p.URL)
		firm.signIn("admin@kontor.local", password).is(http.StatusOK, "/tour")
		var got mailboxMail
		await.True(t, "the summary", func() bool { // another mail to the visitor is sent at the same moment, before or after it
			for _, got = range firm.mailbox() {
				if got.To == "admin@kontor.local" && strings.HasPrefix(got.Subject, "Needs attention") {
					return true
				}
			}
			return false
		})
		badge := firm.get("/customers").text(`nav a[href="/attention"] .badge, nav a[href="/attention"] .tag`)
		assert.Equal(t, "Needs attention: "+badge, got.Subject)
		assert.Contains(t, got.Text, "\n"+p.URL+"/attention\n")
	})
}
