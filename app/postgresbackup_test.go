package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store/storetest"
)

// ownedPostgres is an empty database of a role that is no superuser, as in production.
func ownedPostgres(t *testing.T, role string) *url.URL {
	t.Helper()
	u, err := url.Parse(storetest.PostgresURL(t))
	require.NoError(t, err)
	server := database(t, map[string]string{"DATABASE_URL": u.String()})
	_, err = server.ExecContext(context.Background(), `ALTER DATABASE `+strings.TrimPrefix(u.Path, "/")+` OWNER TO `+role)
	require.NoError(t, err)
	u.User = url.User(role)
	return u
}

// TestPostgresBackup runs the script of the documentation. A backup that was made while people worked is restored by a
// role without special privileges. app erasures apply then deletes again whoever was deleted since, from a log in a
// second database.
func TestPostgresBackup(t *testing.T) {
	t.Parallel()
	tools := filepath.Dir(needs(t, "KONTOR_TEST_POSTGRES_SERVER"))
	role := "kontor_test_" + strings.ToLower(rand.Text()[:12])
	admin := database(t, map[string]string{"DATABASE_URL": storetest.PostgresURL(t)})
	_, err := admin.ExecContext(context.Background(), `CREATE ROLE `+role+` LOGIN`)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), `DROP ROLE `+role)
		assert.NoError(t, err)
	})
	first, second, log := ownedPostgres(t, role), ownedPostgres(t, role), ownedPostgres(t, role)
	settings := func(db *url.URL) map[string]string {
		return map[string]string{
			"DATABASE_URL": db.String(), "ERASURE_LOG": log.String(), "SECRET_KEY": productionKey, "MAILBOX": "on", "DATA_DIR": t.TempDir(), "LISTEN": freeAddress(t),
			"DRAIN": "0", "SMTP_URL": "smtp://127.0.0.1:1?tls=none", // mails wait
			"PGHOST": db.Hostname(), "PGPORT": db.Port(), "PGUSER": db.User.Username(), "PGDATABASE": strings.TrimPrefix(db.Path, "/"), "KONTOR": build(t).app,
		}
	}
	script := func(env map[string]string, code int, what, file, want string) string {
		t.Helper()
		cmd := exec.Command("docs/postgres-backup.sh", what, file)
		cmd.Env = []string{"PATH=" + tools + ":" + os.Getenv("PATH")}
		for k, v := range env {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
		out, _ := cmd.CombinedOutput() // the code says it
		require.Equal(t, code, cmd.ProcessState.ExitCode(), "%s: want %d and %q", what, code, want)
		require.Contains(t, string(out), want, what)
		return string(out)
	}
	env := settings(first)
	p, firm := firmOfOne(t, env, &output{})
	gone := firm.addPerson("Kunibert", "Zwergpudel")
	firm.addPerson("Berta", "Bleibt")
	file := filepath.Join(t.TempDir(), "kontor.dump")
	abandoned := file + ".part" // of a run that was killed
	require.NoError(t, os.WriteFile(abandoned, []byte("half"), 0o644))
	script(env, 0, "backup", file, "")
	script(env, 1, "backup", file, "already")
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())
	assert.Len(t, names(t, filepath.Dir(file)), 2)
	gone.deleteCustomer()
	firm.addPerson("Neu", "Danach")
	expect(t, env, 1, words("erasures apply"), "processes are running")
	p.terminate()
	script(env, 1, "restore", file, "restore into an empty one")

	env = settings(second)
	said := script(env, 0, "restore", file, "1 customers and 0 accesses")
	assert.True(t, regexp.MustCompile(`Sessions ended: 1\. Waiting messages cancelled: [1-9]\d*`).MatchString(said), "it said %s", said)
	db := database(t, env)
	count := func(sql string) (n int) {
		t.Helper()
		require.NoError(t, db.NewRaw(sql).Scan(context.Background(), &n))
		return n
	}
	assert.NotEqual(t, 0, count(`SELECT count(*) FROM message WHERE state = 'cancelled' AND reason = 'restored'`), "%d customers, %d messages", count(`SELECT count(*) FROM customer`), count(`SELECT count(*) FROM message`))
	assert.Equal(t, 1, count(`SELECT count(*) FROM customer`), "%d customers, %d messages", count(`SELECT count(*) FROM customer`), count(`SELECT count(*) FROM message`))
	assert.Equal(t, 0, count(`SELECT count(*) FROM access WHERE last_name = 'Zwergpudel'`), "%d customers, %d messages", count(`SELECT count(*) FROM customer`), count(`SELECT count(*) FROM message`))
	assert.Equal(t, 0, count(`SELECT count(*) FROM search_word WHERE word LIKE '%zwergpudel%'`), "%d customers, %d messages", count(`SELECT count(*) FROM customer`), count(`SELECT count(*) FROM message`))
	p = launch(t, &output{}, env, build(t).app)
	p.answers("http://" + env["LISTEN"])
	firm.base = "http://" + env["LISTEN"]
	firm.get("/customers").is(http.StatusOK, "/login")
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	list := firm.get("/customers").text("main")
	assert.Contains(t, list, "Bleibt", "the customers after the restore")
	assert.NotContains(t, list, "Zwergpudel", "the customers after the restore")
	assert.NotContains(t, list, "Danach", "the customers after the restore")
	p.terminate()
}
