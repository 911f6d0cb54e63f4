package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier/couriertest"
	"kontor/app/store/storetest"
)

// TestRefusedAddress: an address that the mail server refused permanently for one customer is not tried for another until
// somebody sends again. Both are shown as Undeliverable meanwhile, and the timeline says why.
func TestRefusedAddress(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]func(t *testing.T) map[string]string{
		"embedded": func(*testing.T) map[string]string { return map[string]string{} },
		"PostgreSQL and Redis": func(t *testing.T) map[string]string {
			return map[string]string{
				"DATABASE_URL": storetest.PostgresURL(t), "REDIS_URL": redisURL(t), "WORKER": "embedded", "MAILBOX": "on",
				"SECRET_KEY": productionKey, "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			smtp := couriertest.NewSMTPPeer(t)
			env := settings(t)
			env["SMTP_URL"] = smtp.URL()
			p := boot(t, env)
			if env["ADMIN_PASSWORD"] != "" {
				p.Password = env["ADMIN_PASSWORD"]
			}
			refusedAddress(t, p, smtp)
		})
	}
}

func refusedAddress(t *testing.T, p *program, smtp *couriertest.SMTPPeer) {
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password).is(http.StatusOK, "/customers")
	invite := func(last, email string) (deliveries string) {
		t.Helper()
		saved := firm.get("/customers/new?type=person").send("Save", map[string]string{"first_name": "Eva", "last_name": last, "email": email})
		saved.is(http.StatusOK, "")
		return strings.TrimSuffix(saved.URL.Path, "/authorisations") + "/deliveries"
	}
	says := func(path, text string) func() bool {
		return func() bool { return strings.Contains(firm.get(path).text("main"), text) }
	}
	smtp.Script(couriertest.NoSuchUser)
	first := invite("Erstmann", "eva@bücher.example")
	await.True(t, "the refusal", says(first, "The mail server doesn't know this address."))
	firm.get(first).shows("Undeliverable").hides("Not sent")

	opened := smtp.Opened()
	second := invite("Zweitmann", "Eva@xn--bcher-kva.example")
	await.True(t, "the second not to be tried", says(second, "Not sent: this address was refused on"))
	firm.get(second).shows("Undeliverable", "The mail server doesn't know this address.")
	firm.get("/attention").shows("Erstmann", "Zweitmann")
	n := len(smtp.Mails())
	require.Equal(t, 0, n, "the mail server heard of it: mails")
	require.Equal(t, opened, smtp.Opened(), "the mail server heard of it: connections after")
	await.True(t, "the mail after Send again", func() bool {
		firm.get(second).send("Send again", nil) // within ten seconds of the invitation it counts as a double click
		return await.Within(3*time.Second, func() bool { return len(smtp.Mails()) > 0 })
	})
	await.True(t, "the second to be handed over", says(second, "Handed over"))
	firm.get(second).shows("Invited")
}
