package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier/couriertest"
	"kontor/app/store/storetest"
)

// TestMailboxShut: in a production set-up without a channel, the built programs do not start, and name the missing
// setting in one line. Commands that send nothing do start.
func TestMailboxShut(t *testing.T) {
	t.Parallel()
	programs := build(t)
	postgres, redis := storetest.PostgresURL(t), redisURL(t)
	const sms, smtp = "https://sms.example", "smtp://mail.example"
	for name, c := range map[string]struct {
		program string
		env     map[string]string
		names   string
	}{
		"https":                    {programs.app, map[string]string{"BASE_URL": "https://kontor.example"}, "SMTP_URL"},
		"PostgreSQL":               {programs.app, map[string]string{"DATABASE_URL": postgres}, "SMTP_URL"},
		"Redis":                    {programs.app, map[string]string{"REDIS_URL": redis}, "SMTP_URL"},
		"Redis, worker in the web": {programs.app, map[string]string{"REDIS_URL": redis, "WORKER": "embedded", "SMS_URL": sms}, "SMTP_URL"},
		"without SMS":              {programs.app, map[string]string{"DATABASE_URL": postgres, "SMTP_URL": smtp}, "SMS_URL"},
		"worker":                   {programs.worker, map[string]string{"DATABASE_URL": postgres, "REDIS_URL": redis, "BASE_URL": "http://x", "SMS_URL": sms}, "SMTP_URL"},
		"worker without SMS":       {programs.worker, map[string]string{"DATABASE_URL": postgres, "REDIS_URL": redis, "BASE_URL": "http://x", "SMTP_URL": smtp}, "SMS_URL"},
		"embedded, switched off":   {programs.app, map[string]string{"MAILBOX": "off"}, "SMTP_URL"},
	} {
		c.env["SECRET_KEY"], c.env["LISTEN"], c.env["DATA_DIR"] = productionKey, "127.0.0.1:0", t.TempDir()
		out := &output{}
		p := launch(t, out, c.env, c.program)
		select {
		case <-p.done:
		case <-time.After(20 * time.Second):
			t.Errorf("%s: it runs", name)
			p.kill()
			continue
		}
		said := strings.TrimSpace(out.String())
		assert.Equal(t, 1, p.cmd.ProcessState.ExitCode(), name)
		assert.NotContains(t, said, "\n", name)
		assert.Contains(t, said, c.names+" is missing", name)
		assert.Contains(t, said, "MAILBOX=on", name)
	}
	out := &output{}
	p := launch(t, out, map[string]string{"DATABASE_URL": postgres, "SECRET_KEY": productionKey}, programs.app, "migrate")
	<-p.done
	assert.Equal(t, 0, p.cmd.ProcessState.ExitCode(), "migrate: %s", out)
}

// TestDifferingKey: the built worker with another SECRET_KEY than the web process's takes no task and says why; with the
// right key it sends. In a production set-up with MAILBOX=on every page shows the notice, and only people with the
// permission can read the mailbox.
func TestDifferingKey(t *testing.T) {
	t.Parallel()
	programs, smtp := build(t), couriertest.NewSMTPPeer(t)
	listen, queue := freeAddress(t), redisURL(t)
	settings := func(key byte) map[string]string {
		return map[string]string{
			"BASE_URL": "http://" + listen, "REDIS_URL": queue, "SMTP_URL": smtp.URL(), "MAILBOX": "on", "LISTEN": listen,
			"SECRET_KEY":  base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{key}, 32)),
			"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
		}
	}
	database := storetest.PostgresURL(t)
	start := func(program string, key byte) (*process, *output) {
		env, out := settings(key), &output{}
		env["DATABASE_URL"] = database
		return launch(t, out, env, program), out
	}
	wrong, said := start(programs.worker, 2) // before any web process, so it must not decide which key counts
	web, _ := start(programs.app, 1)
	web.answers("http://" + listen)
	await.True(t, "the worker to say what it waits for", func() bool {
		return strings.Contains(said.String(), "SECRET_KEY is not the one of this installation's web processes")
	})
	firm := visitor(t, "http://"+listen)
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers").shows("This installation doesn't deliver SMS: they stay in the built-in mailbox.", "Only people with all the roles that guard the system")
	firm.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": "Eva", "last_name": "Ende", "email": "eva@kunde.example",
	}).shows("Queued for eva@kunde.example")
	wrong.terminate()
	env, other := settings(3), freeAddress(t)
	env["LISTEN"], env["DATABASE_URL"] = other, database
	foreign := launch(t, &output{}, env, programs.app)
	await.True(t, "a web process with another key to say that it is not ready", func() bool {
		res, err := http.Get("http://" + other + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		return err == nil && res.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), `"reason":"settings: SECRET_KEY is not the installation's`)
	})
	foreign.terminate()
	n := len(smtp.Mails())
	require.Equal(t, 0, n, "the worker with another key sent %d mails", n)
	right, _ := start(programs.worker, 1)
	await.True(t, "the mail", func() bool { return len(smtp.Mails()) == 1 })
	visitor(t, "http://"+listen).get(linkIn(t, plainPart(t, smtp.Mails()[0]))).is(http.StatusOK, "").shows("Eva Ende")
	assert.NotContains(t, said.String(), productionKey, "the log shows a key")
	visitor(t, "http://"+listen).get("/mailbox.json").is(http.StatusOK, "/login")
	right.terminate()
	web.terminate()
}
