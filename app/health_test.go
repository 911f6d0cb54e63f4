package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
)

// TestHealthCommand: app health prints the result of the readiness check, and exits with 0 as long as the process can
// serve.
func TestHealthCommand(t *testing.T) {
	env := map[string]string{"DATA_DIR": t.TempDir(), "LISTEN": freeAddress(t), "DRAIN": "20s"}
	ask := words("health")
	expect(t, env, 1, ask, "connection refused")
	p := launch(t, &output{}, env, build(t).app)
	p.answers("http://" + env["LISTEN"])
	assert.Equal(t, "ok\n", expect(t, env, 0, ask), "it says")
	at := time.Now().Add(-7 * time.Minute)
	_, err := database(t, env).NewRaw(`INSERT INTO channel_state (channel, since, last_at, reason, status) VALUES ('email', ?, ?, 'auth', '535 5.7.8')`, at, at).
		Exec(t.Context())
	require.NoError(t, err)
	expect(t, env, 0, ask, "degraded: mail has failed for 7 min: The other side refused Kontor's sign-in", "(535 5.7.8)")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	await.True(t, "not to be ready", func() bool { _, code := says(t, env, ask...); return code == 1 })
	expect(t, env, 1, ask, "not ready: this process is about to stop; mail has failed for 7 min")
	p.kill()
}

// readiness is what /readyz of the process at base answers.
func readiness(t *testing.T, base string) (status int, said string) {
	t.Helper()
	res, err := http.Get(base + "/readyz")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(raw)
}

// frozenTime is what an answer may take while Redis is frozen: two seconds, and as much again for a busy machine.
const frozenTime = 4 * time.Second

// TestFrozenRedis: a Redis that accepts connections but does not answer delays neither readiness nor pages for long. Both
// say what is wrong, and when it is over.
func TestFrozenRedis(t *testing.T) {
	program := os.Getenv("KONTOR_TEST_REDIS_SERVER")
	if program == "" {
		t.Skip("KONTOR_TEST_REDIS_SERVER is not set (Debian: redis-server)")
	}
	at := freeAddress(t)
	_, port, err := net.SplitHostPort(at)
	require.NoError(t, err)
	redis := launch(t, &output{}, nil, program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	env := map[string]string{
		"DATA_DIR": t.TempDir(), "LISTEN": freeAddress(t), "REDIS_URL": "redis://" + at, "WORKER": "embedded", "MAILBOX": "on", "SECRET_KEY": productionKey,
		"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
	}
	base := "http://" + env["LISTEN"]
	env["BASE_URL"] = base
	p := launch(t, &output{}, env, build(t).app)
	p.answers(base)
	firm := visitor(t, base)
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	await.True(t, "all well", func() bool { out, _ := says(t, env, "health"); return out == "ok\n" })
	firm.get("/queues").is(http.StatusOK, "").shows("No tasks")

	require.NoError(t, redis.cmd.Process.Signal(syscall.SIGSTOP))
	took := func(what string, do func()) {
		t.Helper()
		began := time.Now()
		do()
		d := time.Since(began)
		t.Logf("%s took %v", what, d.Round(10*time.Millisecond))
		assert.LessOrEqual(t, d, frozenTime, what)
	}
	took("readiness", func() {
		code, said := readiness(t, base)
		assert.Equal(t, http.StatusOK, code, "readiness")
		assert.Contains(t, said, `"status":"degraded","reason":"queue: Redis does not answer; messages wait in the outbox`, "readiness")
	})
	took("the page", func() { firm.get("/queues").is(http.StatusServiceUnavailable, "").shows("Redis isn't responding") })
	took("any other page", func() { firm.get("/customers").is(http.StatusOK, "") })
	await.True(t, "Needs attention says so", func() bool { return strings.Contains(firm.get("/attention").text("main"), "Sending has stopped") })
	require.NoError(t, redis.cmd.Process.Signal(syscall.SIGCONT))
	await.True(t, "all well again", func() bool { out, _ := says(t, env, "health"); return out == "ok\n" })
	p.terminate()
}
