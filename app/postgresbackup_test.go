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

	"kontor/app/store/storetest"
)

// ownedPostgres is an empty database of a role that is no superuser, as in production.
func ownedPostgres(t *testing.T, role string) *url.URL {
	t.Helper()
	u, err := url.Parse(storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	server := database(t, map[string]string{"DATABASE_URL": u.String()})
	if _, err := server.ExecContext(context.Background(), `ALTER DATABASE `+strings.TrimPrefix(u.Path, "/")+` OWNER TO `+role); err != nil {
		t.Fatal(err)
	}
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
	if _, err := admin.ExecContext(context.Background(), `CREATE ROLE `+role+` LOGIN`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), `DROP ROLE `+role); err != nil {
			t.Error(err)
		}
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
		if cmd.ProcessState.ExitCode() != code || !strings.Contains(string(out), want) {
			t.Fatalf("%s: %s, want %d and %q:\n%s", what, cmd.ProcessState, code, want, out)
		}
		return string(out)
	}
	env := settings(first)
	p, firm := firmOfOne(t, env, &output{})
	gone := firm.addPerson("Kunibert", "Zwergpudel")
	firm.addPerson("Berta", "Bleibt")
	file := filepath.Join(t.TempDir(), "kontor.dump")
	abandoned := file + ".part" // of a run that was killed
	if err := os.WriteFile(abandoned, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	script(env, 0, "backup", file, "")
	script(env, 1, "backup", file, "already")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || len(names(t, filepath.Dir(file))) != 2 {
		t.Errorf("%v, %v, %q", info, err, names(t, filepath.Dir(file)))
	}
	gone.deleteCustomer()
	firm.addPerson("Neu", "Danach")
	expect(t, env, 1, words("erasures apply"), "processes are running")
	p.terminate()
	script(env, 1, "restore", file, "restore into an empty one")

	env = settings(second)
	said := script(env, 0, "restore", file, "1 customers and 0 accesses")
	if !regexp.MustCompile(`Sessions ended: 1\. Waiting messages cancelled: [1-9]\d*`).MatchString(said) {
		t.Errorf("it said %s", said)
	}
	db := database(t, env)
	count := func(sql string) (n int) {
		t.Helper()
		if err := db.NewRaw(sql).Scan(context.Background(), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count(`SELECT count(*) FROM message WHERE state = 'cancelled' AND reason = 'restored'`) == 0 || count(`SELECT count(*) FROM customer`) != 1 ||
		count(`SELECT count(*) FROM access WHERE last_name = 'Zwergpudel'`) != 0 || count(`SELECT count(*) FROM search_word WHERE word LIKE '%zwergpudel%'`) != 0 {
		t.Errorf("%d customers, %d messages", count(`SELECT count(*) FROM customer`), count(`SELECT count(*) FROM message`))
	}
	p = launch(t, &output{}, env, build(t).app)
	p.answers("http://" + env["LISTEN"])
	firm.base = "http://" + env["LISTEN"]
	firm.get("/customers").is(http.StatusOK, "/login")
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	if list := firm.get("/customers").text("main"); !strings.Contains(list, "Bleibt") || strings.Contains(list, "Zwergpudel") || strings.Contains(list, "Danach") {
		t.Errorf("the customers after the restore: %s", list)
	}
	p.terminate()
}
