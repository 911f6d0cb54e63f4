package main

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/commandline"
	"kontor/app/courier/couriertest"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/wire"
	"kontor/migrations"
)

// says runs a command of the built program to its end and returns what it printed, and its exit code.
func says(t testing.TB, env map[string]string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(build(t).app, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, _ := cmd.CombinedOutput() // the code says it
	return string(out), cmd.ProcessState.ExitCode()
}

// expect runs a command and fails the test unless it ends with code and prints all of want.
func expect(t testing.TB, env map[string]string, code int, args []string, want ...string) string {
	t.Helper()
	out, got := says(t, env, args...)
	assert.Equal(t, code, got, "app %s: exit code, want \n%s", strings.Join(args, " "), out)
	for _, w := range want {
		assert.Contains(t, out, w, "app %s: is missing", strings.Join(args, " "))
	}
	return out
}

func words(s string) []string { return strings.Fields(s) }

// databases are the settings of a fresh embedded installation on SQLite, and of one on PostgreSQL with the queue in the
// process.
func databases(t *testing.T, run func(t *testing.T, env map[string]string)) {
	t.Run("sqlite", func(t *testing.T) {
		run(t, map[string]string{"DATA_DIR": t.TempDir(), "LISTEN": freeAddress(t)})
	})
	t.Run("postgres", func(t *testing.T) {
		run(t, map[string]string{"DATABASE_URL": storetest.PostgresURL(t), "SECRET_KEY": productionKey, "MAILBOX": "on", "DATA_DIR": t.TempDir(), "LISTEN": freeAddress(t)})
	})
}

// database opens the database of an installation.
func database(t testing.TB, env map[string]string) *store.DB {
	t.Helper()
	address := env["DATABASE_URL"]
	if address == "" {
		address = "sqlite://" + filepath.Join(env["DATA_DIR"], "kontor.db")
	}
	db, err := store.Open(context.Background(), address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestCommandNames: the commands and flags that people and scripts rely on exist, and no flag of a command has the name
// of a setting.
func TestCommandNames(t *testing.T) {
	env := map[string]string{"DATA_DIR": t.TempDir(), "SMTP_URL": "nonsense"} // --help works whatever the settings are
	for _, c := range []string{
		"serve", "migrate --back-to --yes", "user add --email --name --role", "user list", "user reset --email", "user unlock --email --address",
		"user sign-out --email --all", "messages resend --customer --access --channel --yes", "config check --offline --for", "policies check",
		"policies reset", "visibility check", "visibility rebuild", "backup --secret --to", "restore --identity --yes", "erasures apply", "seed --customers --transactions-per-customer --assignments --specialists --seed --yes", "health",
	} {
		var command, flags []string
		for _, w := range words(c) {
			if strings.HasPrefix(w, "--") {
				flags = append(flags, w)
			} else {
				command = append(command, w)
			}
		}
		out := expect(t, env, 0, append(command, "--help"), flags...)
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(out, -1) {
			if p, err := commandline.Parse(commandline.Program{Name: "x", Commands: &commands{}, Checks: wire.Checks(), Vars: map[string]string{"roles": ""}}, nil); err != nil {
				t.Fatal(err)
			} else {
				for _, setting := range p.Settings.Names() {
					if flag == setting && flag != "--demo" {
						t.Errorf("%s is a flag of %s and a setting", flag, c)
					}
				}
			}
		}
	}
	expect(t, env, 0, words("--version"), "Kontor ", "schema "+migrations.Last())
	expect(t, env, 1, words("--foo"), "unknown flag --foo")
	expect(t, env, 1, words("migrate"), "SMTP_URL")
}

// TestUserCommands: the commands for somebody who lost the password, guessed too often, or must be signed out, on both
// databases.
func TestUserCommands(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, env map[string]string) {
		env["ADMIN_EMAIL"], env["ADMIN_PASSWORD"] = "admin@kontor.local", goodPassword
		out := &output{}
		p := launch(t, out, env, build(t).app)
		base := strings.Replace("http://"+env["LISTEN"], "127.0.0.1", "localhost", 1) // where links lead
		p.answers(base)
		expect(t, env, 0, words("user add --email mia@firm.example --name Mia --role auditor"), "/password/reset/")
		expect(t, env, 0, words("user list"), "mia@firm.example", "no password yet", "admin@kontor.local", "auditor", "never")
		said := expect(t, env, 0, words("user reset --email ADMIN@kontor.local"), "admin@kontor.local", base+"/password/reset/")
		admin := visitor(t, base)
		admin.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers") // the old password is valid until then
		const fresh = "quite another long sentence 7"
		visitor(t, base).get(regexp.MustCompile(`http\S+`).FindString(said)).send("Save password", map[string]string{"password": fresh, "password_repeat": fresh})
		admin.get("/customers").is(http.StatusOK, "/login")
		admin.signIn("admin@kontor.local", fresh).is(http.StatusOK, "/customers")
		guesser := visitor(t, base)
		for range 6 {
			guesser.signIn("admin@kontor.local", "wrong wrong wrong")
		}
		expect(t, env, 0, words("user list"), "wrong passwords")
		expect(t, env, 0, words("user unlock --email admin@kontor.local --address 127.0.0.1"), "have been cleared")
		assert.NotContains(t, expect(t, env, 0, words("user list")), "wrong passwords", "after unlocking")
		visitor(t, base).signIn("admin@kontor.local", fresh).is(http.StatusOK, "/customers")
		expect(t, env, 0, words("user sign-out --email admin@kontor.local"), "signed out everywhere")
		admin.get("/customers").is(http.StatusOK, "/login")
		admin.signIn("admin@kontor.local", fresh).is(http.StatusOK, "/customers")
		expect(t, env, 0, words("user sign-out --all"), "Sessions ended: ")
		admin.get("/customers").is(http.StatusOK, "/login")
		for _, c := range []string{"user reset --email nobody@firm.example", "user unlock --email x", "user sign-out --email x"} {
			expect(t, env, 1, words(c), "nobody signs in with that")
		}
		expect(t, env, 1, words("user unlock"), "--email, --address or both")
		expect(t, env, 1, words("user sign-out"), "--email")
		expect(t, env, 1, words("user unlock --address nonsense"), "--address takes an IP address")
		expect(t, env, 1, words("user add --email a@firm.example --name N --role boss"), "--role takes one of", "auditor")
		expect(t, env, 1, words("user add --email a --name N"), "--email: Enter an e-mail address like")
		expect(t, env, 1, words("user add --email b@firm.example"), "--name: Enter a name")
		admin.signIn("admin@kontor.local", fresh)
		admin.get("/audit").shows("Failed sign-ins cleared", "All sessions ended")
		p.terminate()
		assert.NotContains(t, out.String(), goodPassword, "the start shows a secret")
		assert.NotContains(t, out.String(), productionKey, "the start shows a secret")
	})
}

// TestNoDatabase: without a database, a command that needs one says where it looked, and creates nothing there.
func TestNoDatabase(t *testing.T) {
	env := map[string]string{"DATA_DIR": filepath.Join(t.TempDir(), "typo")}
	for _, c := range []string{
		"user list", "user reset --email a", "user unlock --email a", "user sign-out --all", "messages resend", "policies reset", "visibility check",
		"visibility rebuild", "backup x", "erasures apply",
	} {
		expect(t, env, 1, words(c), "there is no database at "+filepath.Join(env["DATA_DIR"], "kontor.db"))
		_, err := os.Stat(env["DATA_DIR"])
		require.Error(t, err, "%s made DATA_DIR", c)
	}
}

// TestSeedGuard: synthetic customers are added to existing ones only on request.
func TestSeedGuard(t *testing.T) {
	databases(t, func(t *testing.T, env map[string]string) {
		expect(t, env, 0, words("seed --customers 3 --specialists 0"), "3 customers")
		expect(t, env, 1, words("seed --customers 3 --seed 2"), "--yes")
		expect(t, env, 0, words("seed --customers 3 --seed 2 --specialists 0 --yes"), "3 customers")
		expect(t, env, 0, words("seed --customers 1 --seed 3 --specialists 2 --yes"), "1 customers")
		expect(t, env, 0, words("seed --customers 1 --seed 4 --specialists 2 --yes"), "1 customers")
		expect(t, env, 1, words("seed --customers 1 --seed 4 --specialists 2 --yes"), "the rows of this --seed are there already")
		expect(t, env, 1, words("seed"), "--customers")
		for _, wrong := range []string{"--specialists=-1", "--assignments=-1", "--transactions-per-customer=-1"} {
			expect(t, env, 1, words("seed --customers 1 --seed 5 --yes "+wrong), "0 or more")
		}
		var n int
		err := database(t, env).NewRaw(`SELECT count(*) FROM customer`).Scan(context.Background(), &n)
		require.NoError(t, err, "customers")
		assert.Equal(t, 8, n)
	})
}

// TestUnfinished: no program starts on a database in which a seeding was interrupted. It says which command goes on.
func TestUnfinished(t *testing.T) {
	databases(t, func(t *testing.T, env map[string]string) {
		expect(t, env, 0, words("migrate"))
		db := database(t, env)
		const progress = `{"Origin": {"Options": {"Customers": 3, "Seed": 5}}}`
		for _, sql := range []string{`CREATE TABLE seeding (progress TEXT NOT NULL)`, `INSERT INTO seeding (progress) VALUES ('` + progress + `')`} {
			_, err := db.ExecContext(context.Background(), sql)
			require.NoError(t, err, sql)
		}
		const goesOn = "app seed --customers 3 --transactions-per-customer 0 --assignments 0 --specialists 0 --seed 5"
		for _, c := range []string{"serve", "user list", "seed --customers 4"} {
			expect(t, env, 1, words(c), "still being filled", goesOn)
		}
	})
}

// TestStartUp: the start prints what has started. Later starts of the embedded mode print how to sign in, but not the
// password again.
func TestStartUp(t *testing.T) {
	env := map[string]string{"DATA_DIR": t.TempDir(), "LISTEN": freeAddress(t)}
	for start := range 2 {
		out := &output{}
		p := launch(t, out, env, build(t).app)
		p.answers("http://" + env["LISTEN"])
		p.terminate()
		for _, want := range []string{"Version   ", "schema " + migrations.Last(), "BASE_URL  http://localhost:", "Database  SQLite, " + env["DATA_DIR"], "Queue     in the process", "E-mail    the built-in mailbox", "Worker    in this process", "Kontor is at http://"} {
			assert.Contains(t, out.String(), want, "start %d does not say", start+1)
		}
		again := strings.Contains(out.String(), "user reset --email admin@kontor.local")
		assert.Equal(t, start == 1, again, "start %d", start+1)
		assert.Equal(t, start == 0, strings.Contains(out.String(), "Password  "), "start %d", start+1)
	}
}

// TestOlderProgram: a program that finds a step of a newer program does not start, whatever the command; a running one
// continues. The newer program can revert its steps.
func TestOlderProgram(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, env map[string]string) {
		p := launch(t, &output{}, env, build(t).app)
		base := "http://" + env["LISTEN"]
		p.answers(base)
		db := database(t, env)
		_, err := db.ExecContext(context.Background(), `INSERT INTO bun_migrations (name, group_id) VALUES ('29990101000001', 99)`)
		require.NoError(t, err)
		p.answers(base)
		visitor(t, base).get("/login").is(http.StatusOK, "/login")
		p.terminate()
		const clear = "the database schema is newer than this program"
		for _, c := range []string{"serve", "migrate", "user list", "seed --customers 1", "visibility check", "policies reset", "config check"} {
			out := expect(t, env, 1, words(c), clear, "29990101000001", migrations.Last())
			if c != "config check" && strings.Contains(strings.TrimSpace(out), "\n") {
				t.Errorf("%s: more than one line:\n%s", c, out)
			}
		}
		worker := exec.Command(build(t).worker)
		for k, v := range env {
			worker.Env = append(worker.Env, k+"="+v)
		}
		worker.Env = append(worker.Env, "REDIS_URL=redis://127.0.0.1:1", "BASE_URL=http://x", "MAILBOX=on", "SECRET_KEY="+productionKey)
		if env["DATABASE_URL"] == "" {
			worker.Env = append(worker.Env, "DATABASE_URL=sqlite://"+filepath.Join(env["DATA_DIR"], "kontor.db"))
		}
		out, err := worker.CombinedOutput()
		assert.Error(t, err, "worker")
		assert.Contains(t, string(out), clear, "worker")
		_, err = db.ExecContext(context.Background(), `DELETE FROM bun_migrations WHERE name = '29990101000001'`)
		require.NoError(t, err)
		const before = "20261128000040"
		expect(t, env, 0, words("migrate --back-to "+before), "would take back 20261128000041", "Nothing was done")
		expect(t, env, 1, words("migrate --back-to 20261128999999"), "no such step")
		expect(t, env, 0, words("migrate --back-to "+before+" --yes"), "took back 20261128000041")
		assert.Error(t, migrations.Pending(context.Background(), db.DB), "nothing was taken back")
		expect(t, env, 0, words("migrate"), "applied 20261128000041")
	})
}

// TestConfigCheck: app config check lists every setting with its source, what is wrong, and what can't be reached. It
// creates nothing and shows no secret.
func TestConfigCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	smtp := couriertest.NewSMTPPeer(t)
	expect(t, map[string]string{"DATA_DIR": dir}, 0, words("config check --firm-name Firm"), "FIRM_NAME=Firm (flag)", "DATA_DIR="+dir+" (environment)",
		"LOCALE=en (default)", "BASE_URL is not set", "the first start makes a SECRET_KEY", "there is none yet", "The settings are good.")
	_, err := os.Stat(dir)
	assert.Error(t, err, "the check made DATA_DIR")
	mark, broken := filepath.Join(t.TempDir(), "logo.png"), filepath.Join(t.TempDir(), "broken.png")
	var drawn bytes.Buffer
	require.NoError(t, png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 120, 40))))
	require.NoError(t, errors.Join(os.WriteFile(mark, drawn.Bytes(), 0o600), os.WriteFile(broken, drawn.Bytes()[:60], 0o600)))
	const hidden = "hunter2secret"
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte(productionKey), 0o600))
	good := map[string]string{"DATA_DIR": dir, "SMTP_URL": smtp.URL(), "SECRET_KEY_FILE": key, "SMS_HEADERS": "X-Key: " + hidden, "HOOK_SECRET": hidden + hidden}
	with := func(more ...string) map[string]string {
		env := map[string]string{}
		for k, v := range good {
			env[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	for name, c := range map[string]struct {
		env  map[string]string
		args string
		code int
		want []string
	}{
		"good":              {good, "", 0, []string{"SECRET_KEY=(hidden) (file)", "HOOK_SECRET=(hidden)", "it greets"}},
		"several wrong":     {with("LOCALE", "fr", "LISTEN", "3000"), "", 1, []string{"WRONG  setting LOCALE=fr", "WRONG  setting LISTEN=3000", "2 settings are wrong"}},
		"mark":              {with("FIRM_LOGO", mark, "FIRM_NAME", "Berg", "REPLY_TO", "post@berg.example"), "", 0, []string{"FIRM_LOGO=" + mark, "the mark of 120 × 40 pixels", "mails come from Berg <no-reply@localhost>; answers to them go to post@berg.example"}},
		"no mark":           {good, "--offline", 0, []string{"mails have no mark", "mails come from Kontor <no-reply@localhost>; mails do not say that they can be answered"}},
		"broken mark":       {with("FIRM_LOGO", broken), "", 1, []string{"WRONG  setting FIRM_LOGO=" + broken + ": it takes the name of a PNG or JPEG file of at most 64 KB", "1 settings are wrong"}},
		"wrong secret":      {with("HOOK_SECRET", "hunter2secret"[:10]), "", 1, []string{"HOOK_SECRET=(hidden)"}},
		"no such file":      {with("SECRET_KEY_FILE", key+"x"), "", 1, []string{"SECRET_KEY_FILE"}},
		"together":          {with("WORKER", "separate"), "", 1, []string{"REDIS_URL"}},
		"channel missing":   {with("BASE_URL", "https://kontor.example"), "", 1, []string{"SMS_URL is missing"}},
		"worker":            {good, "--for worker", 1, []string{"REDIS_URL is missing"}},
		"database away":     {with("DATABASE_URL", "postgres://u:"+hidden+"@127.0.0.1:1/k", "MAILBOX", "on"), "", 1, []string{"DATABASE_URL=(hidden)", "WRONG  database"}},
		"nobody asked":      {with("DATABASE_URL", "postgres://u:"+hidden+"@127.0.0.1:1/k", "MAILBOX", "on"), "--offline", 0, []string{"Nobody was asked", "PostgreSQL, 127.0.0.1:1/k"}},
		"Redis away":        {with("REDIS_URL", "redis://:"+hidden+"@127.0.0.1:1", "MAILBOX", "on"), "", 1, []string{"WRONG  Redis"}},
		"mail server away":  {with("SMTP_URL", "smtp://u:"+hidden+"@127.0.0.1:1"), "", 1, []string{"WRONG  mail server"}},
		"no such port":      {with("LISTEN", "127.0.0.1:99999"), "", 1, []string{"WRONG  setting LISTEN=127.0.0.1:99999: it takes host:port"}},
		"no port":           {with("METRICS_LISTEN", "127.0.0.1:metrics?"), "--offline", 1, []string{"WRONG  setting METRICS_LISTEN"}},
		"another's address": {with("LISTEN", "192.0.2.7:3000"), "", 1, []string{"WRONG  LISTEN"}},
		"documents":         {with("FILES_URL", "file://"+filepath.Dir(key), "FILE_TYPES", "pdf", "CUSTOMER_QUOTA", "1GB"), "", 0, []string{"ok     documents: a few bytes could be written", "documents are kept in file://" + filepath.Dir(key) + ", and can be opened with Kontor alone", "a document has 2048 MB at most, and a customer 1024 MB of them", "these types are taken: pdf; they are not scanned"}},
		"bucket away":       {with("FILES_URL", "s3://key:"+hidden+"@127.0.0.1:1/documents?tls=off&region=eu"), "", 1, []string{"FILES_URL=(hidden)", "WRONG  documents", "documents are kept in s3://127.0.0.1:1/documents"}},
		"wrong bucket":      {with("FILES_URL", "s3://key:"+hidden+"@127.0.0.1:1/documents?colour=red"), "", 1, []string{"WRONG  setting FILES_URL=(hidden): it takes file:///path"}},
		"wrong type":        {with("FILE_TYPES", "pdf, letters"), "", 1, []string{"WRONG  setting FILE_TYPES=pdf, letters: it takes groups (pdf, image, office"}},
		"wrong size":        {with("FILE_MAX", "2 apples"), "", 1, []string{"WRONG  setting FILE_MAX=2 apples: it takes a size from 1MB"}},
		"identity":          {with("ESCROW_RECIPIENT", "AGE-SECRET-KEY-1"+hidden), "", 1, []string{"WRONG  setting ESCROW_RECIPIENT=(hidden): it takes an age recipient"}},
		"scanner away":      {with("CLAMD_URL", "tcp://127.0.0.1:1"), "", 1, []string{"WRONG  scanner: the scanner is away", "they are scanned before anybody gets them"}},
		"gateway away":      {with("SMS_URL", "https://u:"+hidden+"@127.0.0.1:1/"), "", 1, []string{"WRONG  SMS gateway"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := expect(t, c.env, c.code, append(words("config check"), words(c.args)...), c.want...)
			assert.NotContains(t, out, hidden, "a secret is shown")
			assert.NotContains(t, out, productionKey, "a secret is shown")
			assert.NotContains(t, out, hidden[:10], "a secret is shown")
		})
	}
}

// TestMessagesResend: failed messages are sent again, or as a new invitation if their link has expired. Without --yes
// nothing is sent.
func TestMessagesResend(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, env map[string]string) {
		expect(t, env, 0, words("seed --customers 2"))
		db := database(t, env)
		ctx := context.Background()
		exec := func(q string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, q, args...)
			require.NoError(t, err)
		}
		exec(`DELETE FROM message`)
		exec(`UPDATE access SET registered_at = NULL, deactivated_at = NULL, account_id = NULL, waiting = FALSE`)
		const id = "0193512f-0000-7000-8000-00000000000"
		put := func(n, channel, state, reason, expires string, offset int) {
			exec(`INSERT INTO message (id, kind, channel, customer_id, access_id, recipient, locale, generation, dedupe, state, reason, expires_at, created_at)
				SELECT ?, 'registration', ?, customer_id, id, email, 'en', generation, ?, ?, ?, ?, ? FROM access ORDER BY id LIMIT 1 OFFSET ?`,
				id+n, channel, "d"+n, state, reason, expires, "2026-11-01 00:00:00+00:00", offset)
		}
		put("1", "email", "failed", "bounced", "2999-01-01 00:00:00+00:00", 0)
		put("2", "email", "failed", "expired", "2026-11-02 00:00:00+00:00", 1)
		put("3", "email", "cancelled", "", "2999-01-01 00:00:00+00:00", 0)
		put("4", "sms", "cancelled", "restored", "2999-01-01 00:00:00+00:00", 0)
		put("5", "email", "handed_over", "", "2999-01-01 00:00:00+00:00", 0)
		states := func() (got string) {
			t.Helper()
			var list []string
			require.NoError(t, db.NewRaw(`SELECT state FROM message WHERE id < ? ORDER BY id`, id+"9").Scan(ctx, &list))
			return strings.Join(list, " ")
		}
		expect(t, env, 0, words("messages resend"), "email: 1 sent again as it was", "email: 1 sent as a new invitation", "sms: 1 sent again", "Nothing was done")
		assert.Equal(t, "failed failed cancelled cancelled handed_over", states(), "without --yes")
		expect(t, env, 0, words("messages resend --channel sms --yes"), "sms: 1 sent again")
		assert.Equal(t, "failed failed cancelled queued handed_over", states(), "of one channel")
		expect(t, env, 1, words("messages resend --channel fax"), "email")
		expect(t, env, 1, words("messages resend --customer K-99999"), "there is no customer K-99999")
		expect(t, env, 1, words("messages resend --customer x"), "K-10001")
		expect(t, env, 0, words("messages resend --yes"), "1 sent again", "1 sent as a new invitation")
		assert.Equal(t, "queued failed cancelled queued handed_over", states(), "all")
		var fresh int
		err := db.NewRaw(`SELECT count(*) FROM message WHERE generation > 1 AND state = 'queued'`).Scan(ctx, &fresh)
		require.NoError(t, err)
		assert.NotEqual(t, 0, fresh, "new invitations")
		expect(t, env, 0, words("messages resend"), "No such message has failed")
	})
}
