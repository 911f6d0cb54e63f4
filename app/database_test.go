package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier/couriertest"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// oddPassword has every character that an address could break at.
const oddPassword = `p@ss:w/o?r#d%[1] ü&'"\$;+`

// withPassword gives the user in an address a password as an operator would write it: as it is.
func withPassword(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	user, place, _ := strings.Cut(rest, "@")
	user, _, _ = strings.Cut(user, ":")
	return scheme + "://" + user + ":" + oddPassword + "@" + place
}

// TestProgramThroughPgBouncer: web process and worker, as they are built, are started repeatedly behind a pgbouncer in
// transaction mode that has three connections for both. Each time a customer is added and the mail is sent. The address
// contains a password without percent-encoding, and no output contains any part of it.
func TestProgramThroughPgBouncer(t *testing.T) {
	t.Parallel()
	programs, smtp := build(t), couriertest.NewSMTPPeer(t)
	direct, listen := storetest.PostgresURL(t), freeAddress(t)
	env := map[string]string{
		"LISTEN": listen, "BASE_URL": "http://" + listen, "DATABASE_URL": withPassword(storetest.ThroughPgBouncer(t, direct, 3)), "REDIS_URL": redisURL(t),
		"SMTP_URL": smtp.URL(), "MAILBOX": "on", "SECRET_KEY": productionKey, "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword, "DRAIN": "0",
	}
	starts, out := 2, &output{}
	if os.Getenv("KONTOR_TEST_FULL") != "" {
		starts = 10
	}
	for i := range starts {
		web, worker := launch(t, out, env, programs.app), launch(t, out, env, programs.worker)
		web.answers(env["BASE_URL"])
		firm := visitor(t, env["BASE_URL"])
		firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
		email := fmt.Sprintf("eva%d@kunde.example", i)
		firm.get("/customers/new?type=person").send("Save", map[string]string{"first_name": "Eva", "last_name": "Ende", "email": email}).is(http.StatusOK, "").shows("Queued for " + email)
		await.True(t, "the mail", func() bool { return len(smtp.Mails()) == i+1 })
		worker.terminate()
		web.terminate()
	}
	said := out.String() + expect(t, env, 0, words("config check"), "PostgreSQL, 127.0.0.1:", "up to 24 connections", "its schema is up to date") + expect(t, env, 0, words("migrate"))
	assert.NotContains(t, said, "p@ss", "the password is shown, or something complains")
	assert.NotContains(t, said, "w/o", "the password is shown, or something complains")
	assert.NotContains(t, said, "level=ERROR", "the password is shown, or something complains")
	db, err := store.Open(context.Background(), direct)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	var locks int
	err = db.NewRaw(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(context.Background(), &locks)
	require.NoError(t, err)
	assert.Equal(t, 0, locks, "locks are left")
}
