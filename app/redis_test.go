package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
)

// TestRedisRights: with the settings of the operators' guide, whose Redis user has few permissions, everything that needs
// the queue works and no command is refused.
func TestRedisRights(t *testing.T) {
	program := os.Getenv("KONTOR_TEST_REDIS_SERVER")
	if program == "" {
		t.Skip("KONTOR_TEST_REDIS_SERVER is not set")
	}
	raw, err := os.ReadFile(filepath.Join("docs", "redis.conf"))
	require.NoError(t, err)
	at, dir := freeAddress(t), t.TempDir()
	_, port, _ := net.SplitHostPort(at)
	conf := string(raw) + "\nbind 127.0.0.1\nport " + port + "\ndir " + dir + "\n"
	file := filepath.Join(dir, "redis.conf")
	require.NoError(t, os.WriteFile(file, []byte(conf), 0o600))
	server := launch(t, &output{}, nil, program, file)
	t.Cleanup(func() { _ = server.cmd.Process.Signal(syscall.SIGTERM) })
	admin := redis.NewClient(&redis.Options{Addr: at, Username: "admin", Password: "ADMIN-PASSWORD", MaxRetries: -1})
	t.Cleanup(func() { _ = admin.Close() })
	await.True(t, "Redis", func() bool { return admin.Ping(t.Context()).Err() == nil })

	settings := map[string]string{
		"REDIS_URL": "redis://kontor:KONTOR-PASSWORD@" + at, "WORKER": "embedded", "MAILBOX": "on", "SECRET_KEY": productionKey,
		"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
	}
	p := boot(t, settings)
	p.Password = goodPassword
	journey(t, p)
	settings["SMTP_URL"] = "smtp://" + freeAddress(t) // nothing listens there, so messages wait
	p = boot(t, settings)
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	firm.get("/customers/new?type=person").send("Save", map[string]string{"first_name": "Eva", "last_name": "Ende", "email": "eva@kunde.example"})
	await.True(t, "a message that waits", func() bool { return firm.get("/queues").Find(`form[action="/queues/mail/run"] button`).Length() > 0 })
	queues := firm.get("/queues")
	queues.send(queues.text(`form[action="/queues/mail/run"] button`), nil).is(http.StatusOK, "/queues")
	assert.Equal(t, http.StatusOK, answerOf(t, p.URL+"/readyz").StatusCode, "not ready")
	refused, err := admin.ACLLog(t.Context(), 20).Result()
	require.NoError(t, err)
	for _, r := range refused {
		t.Errorf("refused: %s %s %s (%s)", r.Reason, r.Context, r.Object, r.Username)
	}
}
