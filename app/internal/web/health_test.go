package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"kontor/app/courier"
	"kontor/app/heartbeat"
)

// readyOf asks for readiness. Every value of the answer is a string.
func readyOf(t *testing.T, b *browser) (status int, said map[string]string) {
	t.Helper()
	a := b.get("/readyz")
	must(t, json.Unmarshal([]byte(a.body), &said))
	return a.StatusCode, said
}

// TestReadiness: problems with sending messages, or of another process, are described and do not make readiness fail. It
// fails if SECRET_KEY is not the installation's, and when the process is about to stop.
func TestReadiness(t *testing.T) {
	found := &alone{}
	w := newWorld(t, func(o *Options) { o.Processes = found })
	b := w.browser()
	now := w.Clock.Now()
	trouble := func(channel, reason, status string, ago time.Duration) {
		_, err := w.DB.NewRaw(`INSERT INTO channel_state (channel, since, last_at, reason, status) VALUES (?, ?, ?, ?, ?)`,
			channel, now.Add(-ago), now, reason, status).Exec(t.Context())
		must(t, err)
	}
	differs := heartbeat.Difference{Setting: heartbeat.SMTPURL, Workers: 1, Hosts: []string{"host-7"}}
	both := []string{"mail", "sms"}
	for _, c := range []struct {
		what   string
		begin  func()
		code   int
		status string
		part   string
		says   string
		reason string
	}{
		{"nothing is wrong", func() {}, http.StatusOK, "ok", "worker", "ok", ""},
		{"a neighbour differs", func() { found.found.Differences = []heartbeat.Difference{differs} },
			http.StatusOK, "degraded", "settings", "SMTP_URL differs from 1 worker", "another process differs: SMTP_URL differs from 1 worker"},
		{"no worker", func() { found.found.NoWorker = now.Add(-150 * time.Second) },
			http.StatusOK, "degraded", "worker", "no worker seen for 2 min", "no worker seen for 2 min"},
		{"the mail server is not trusted", func() { trouble("email", "certificate_expired", "", 5*time.Minute) },
			http.StatusOK, "degraded", "mail", "mail has failed for 5 min: The other side's certificate isn't valid at this time: it has expired, or a clock is wrong",
			"mail has failed for 5 min: The other side's certificate isn't valid"},
		{"the gateway wants money", func() { trouble("sms", "credit", "402", 3*24*time.Hour) },
			http.StatusOK, "degraded", "sms", "SMS have failed for 3 days: The SMS gateway requires payment: our credit is used up (402)", "SMS have failed for 3 days"},
		{"Redis is full", func() { w.tasks.troubles = []courier.QueueTrouble{{Queues: both, Reason: courier.QueueFull}} },
			http.StatusOK, "degraded", "queue", "Redis is full: maxmemory is reached; messages wait in the outbox", "queue: Redis is full: maxmemory is reached"},
		{"the key is another", func() { found.found.Foreign = true },
			http.StatusServiceUnavailable, "not ready", "settings", "SECRET_KEY is not the installation's, nor is that one in SECRET_KEY_PREVIOUS; SMTP_URL differs from 1 worker",
			"settings: SECRET_KEY is not the installation's"},
		{"the key is right again", func() { found.found.Foreign = false }, http.StatusOK, "degraded", "settings", "SMTP_URL differs from 1 worker", "no worker"},
		{"it is about to stop", w.Drain, http.StatusServiceUnavailable, "not ready", "process", "is about to stop", "this process is about to stop"},
	} {
		c.begin()
		code, said := readyOf(t, b)
		assert.Equal(t, c.code, code, c.what)
		assert.Equal(t, c.status, said["status"], c.what)
		assert.Equal(t, c.says, said[c.part], c.what)
		assert.Contains(t, said["reason"], c.reason, "%s: and for the reason", c.what)
		assert.False(t, c.reason == "" && said["reason"] != "", "%s", c.what)
		assert.NotContains(t, said["settings"], "host-7", "%s: it names a host", c.what)
	}
	_, said := readyOf(t, b)
	assert.True(t, strings.HasPrefix(said["reason"], "this process is about to stop; another process differs"), "the worst does not come first: %s", said["reason"])
	b.get("/healthz").want(t, http.StatusOK)
}

// TestReadinessWithoutDatabase: parts that can't be asked are "unknown" and add no reason.
func TestReadinessWithoutDatabase(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	must(t, w.DB.Close())
	code, said := readyOf(t, b)
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Equal(t, "not ready", said["status"])
	assert.Equal(t, "unknown", said["mail"])
	assert.Equal(t, "unknown", said["sms"])
	assert.True(t, strings.HasPrefix(said["reason"], "database: "))
	assert.NotContains(t, said["reason"], "unknown")
}

// TestSendingStandsStill: Needs attention tells people who manage the queues, in both languages, that the queue can't be
// used and that no worker runs, and since when. The badge counts it.
func TestSendingStandsStill(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.noWorker = w.Clock.Now().Add(-5 * time.Minute)
	w.tasks.troubles = []courier.QueueTrouble{{Queues: []string{"mail", "sms"}, Reason: courier.QueuePassword, Since: w.Clock.Now().Add(-time.Hour)}}
	for language, wants := range map[string][]string{
		"en": {"Sending has stopped", "E-mail, SMS", "Redis refuses the user name or password in REDIS_URL.", "The worker, the program that sends messages, isn't running."},
		"de": {"Der Versand steht still", "E-Mail, SMS", "Redis lehnt den Benutzernamen oder das Passwort", "Der Worker, das Programm, das Nachrichten versendet, läuft nicht."},
	} {
		b.language = language
		b.get("/attention").want(t, http.StatusOK, wants...)
	}
	w.noWorker, w.tasks.troubles = time.Time{}, nil
	assert.NotContains(t, b.get("/attention").text(), "Versand steht still", "it still says so")
}
