package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store/storetest"
)

// TestJourney is the main job in both set-ups of the program: a customer is added, the end user gets mail and SMS,
// registers, and is shown as Registered; then the customer is deleted with all its data.
func TestJourney(t *testing.T) {
	t.Parallel()
	shapes := map[string]func(t *testing.T) map[string]string{
		"embedded": func(*testing.T) map[string]string { return nil },
		"PostgreSQL and Redis": func(t *testing.T) map[string]string {
			return map[string]string{
				"DATABASE_URL": storetest.PostgresURL(t), "REDIS_URL": redisURL(t), "WORKER": "embedded", "MAILBOX": "on",
				"SECRET_KEY": productionKey, "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
			}
		},
		"as few connections as may be": func(t *testing.T) map[string]string {
			return map[string]string{
				"DATABASE_URL": storetest.PostgresURL(t), "DATABASE_POOL": "2", "WORKER": "embedded", "MAILBOX": "on",
				"SECRET_KEY": productionKey, "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
			}
		},
	}
	for name, settings := range shapes {
		t.Run(name, func(t *testing.T) {
			env := settings(t)
			p := boot(t, env)
			if env["ADMIN_PASSWORD"] != "" {
				p.Password = env["ADMIN_PASSWORD"]
			}
			journey(t, p)
		})
	}
}

func journey(t *testing.T, p *program) {
	firm := visitor(t, p.URL)
	firm.get("/customers").is(http.StatusOK, "/login")
	firm.get("/mailbox.json").is(http.StatusOK, "/login") // for requests from this machine, too
	firm.signIn("admin@kontor.local", p.Password).is(http.StatusOK, "/customers")

	// Errors stand at their fields, and no text is lost.
	form := firm.get("/customers/new?type=person")
	wrong := form.send("Save", map[string]string{"first_name": "Änne", "email": "not an address", "mobile": "0151 23456789"})
	wrong.is(http.StatusUnprocessableEntity, "/customers")
	assert.True(t, strings.HasPrefix(wrong.text("title"), "Error:"), "title = %q", wrong.text("title"))
	assert.Equal(t, "Änne", wrong.Find("[name=first_name]").AttrOr("value", ""), "what was typed became")
	for _, field := range []string{"last_name", "email"} {
		assert.Equal(t, 1, wrong.Find("[name="+field+"][aria-invalid=true]").Length(), "nothing is said at")
	}
	saved := wrong.send("Save", map[string]string{"last_name": "Groß-Öhlmann", "email": "aenne@kunde.example"})
	saved.is(http.StatusOK, "").shows("Änne Groß-Öhlmann", "aenne@kunde.example", "Invited")
	authorisations := saved.URL.Path
	require.True(t, strings.HasSuffix(authorisations, "/authorisations"), "after saving: %s", authorisations)

	// The same form sent again makes no second customer.
	again := wrong.send("Save", map[string]string{"last_name": "Groß-Öhlmann", "email": "aenne@kunde.example"})
	assert.Equal(t, authorisations, again.URL.Path, "a double submit led not")
	firm.get("/customers?q=grossohl").shows("Groß-Öhlmann")
	firm.get("/customers?q=ohlgross").hides("Groß-Öhlmann")
	firm.get("/customers?q=anne+gross").shows("Groß-Öhlmann, Änne", "Invited", "0 of 1")

	mail := firm.received("email", "aenne@kunde.example")
	sms := firm.received("sms", "+4915123456789")
	link, code := linkIn(t, mail.Text), codeIn(t, sms.Text)
	assert.True(t, strings.HasPrefix(link, p.URL+"/register/"), "link = %s", link)

	// The end user registers. A wrong code comes first and loses no other text.
	end := visitor(t, p.URL)
	door := end.get(link).is(http.StatusOK, "").shows("Änne")
	wrongCode := "2222-2222"
	if code == wrongCode {
		wrongCode = "3333-3333"
	}
	door = door.send("Register", map[string]string{"code": wrongCode, "password": goodPassword, "password_repeat": goodPassword})
	door.is(http.StatusUnprocessableEntity, "")
	in := door.send("Register", map[string]string{"code": strings.ToLower(strings.Replace(code, "-", " ", 1))})
	in.is(http.StatusOK, "/portal").shows("Änne Groß-Öhlmann", "signed in")
	in.send("Sign out", nil).is(http.StatusOK, "/login")
	end.signIn("aenne@kunde.example", goodPassword).is(http.StatusOK, "/portal")
	end.get("/customers").is(http.StatusNotFound, "").hides("Öhlmann, ")
	end.get(authorisations).is(http.StatusNotFound, "")
	visitor(t, p.URL).get(link).hides("name=\"password\"")

	firm.get(authorisations).shows("Registered")
	firm.get("/customers").shows("1 of 1")
	base := strings.TrimSuffix(authorisations, "/authorisations")
	firm.get(base + "/log").shows("Änne Groß-Öhlmann")

	// The customer is deleted after its number was typed. The end user's next request is refused.
	del := firm.get(base+"/delete").is(http.StatusOK, "")
	number := visitorNumber(del)
	del.send("Delete customer permanently", map[string]string{"confirm": "K-99999"}).is(http.StatusUnprocessableEntity, "")
	del.send("Delete customer permanently", map[string]string{"confirm": number}).is(http.StatusOK, "").shows(number)
	end.get("/portal").is(http.StatusOK, "/login")
	firm.get(authorisations).is(http.StatusNotFound, "")
	firm.get("/customers").hides("Öhlmann")
	for _, m := range firm.mailbox() {
		assert.NotContains(t, m.To, "aenne", "a mail of the deleted customer is still in the mailbox")
	}
}

// visitorNumber reads the customer number off a page.
func visitorNumber(p *page) string {
	for _, number := range p.Find("main .num").EachIter() {
		if strings.HasPrefix(number.Text(), "K-") {
			return number.Text()
		}
	}
	p.t.Fatal("no customer number on the page")
	return ""
}

// redisURL is the address of a database of the Redis that tests may use: of another number than that of worker/loop's tests,
// and never number 0, where something may be kept. Tests share it, since each installation's queues have names of their own.
func redisURL(t *testing.T) string {
	t.Helper()
	if os.Getenv("KONTOR_TEST_REDIS") == "" {
		t.Skip("KONTOR_TEST_REDIS is not set")
	}
	address, err := emptiedRedis()
	require.NoError(t, err)
	return address
}

// emptiedRedis empties the database before the first test.
var emptiedRedis = sync.OnceValues(func() (string, error) {
	opts, err := redis.ParseURL(os.Getenv("KONTOR_TEST_REDIS"))
	if err != nil {
		return "", err
	}
	opts.DB = 1 + (opts.DB+7)%15
	client := redis.NewClient(opts)
	defer func() { _ = client.Close() }()
	return fmt.Sprintf("redis://%s/%d", opts.Addr, opts.DB), client.FlushDB(context.Background()).Err()
})
