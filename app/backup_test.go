package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/gofrs/uuid/v5"

	"kontor/app/await"
	"kontor/app/config"
	"kontor/app/secret"
)

// firmOfOne starts the embedded program with an administrator who is signed in.
func firmOfOne(t *testing.T, env map[string]string, out *output) (*process, *someone) {
	t.Helper()
	env["ADMIN_EMAIL"], env["ADMIN_PASSWORD"] = "admin@kontor.local", goodPassword
	p := launch(t, out, env, build(t).app)
	base := "http://" + env["LISTEN"]
	p.answers(base)
	who := visitor(t, base)
	who.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	return p, who
}

func (s *someone) addPerson(first, last string) *page {
	s.t.Helper()
	return s.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": first, "last_name": last, "email": strings.ToLower(first+"."+last) + "@kunde.example",
	}).is(http.StatusOK, "")
}

// deleteCustomer deletes the customer whose page this is, for good.
func (p *page) deleteCustomer() {
	p.t.Helper()
	path := strings.Split(p.URL.Path, "/") // /customers/<id>/…
	at := strings.Join(path[:3], "/")
	del := p.by.get(at+"/delete").is(http.StatusOK, "")
	number := visitorNumber(del)
	del.send("Delete customer permanently", map[string]string{"confirm": number}).is(http.StatusOK, "")
	if got := p.by.get(at + "/data"); got.Status != http.StatusNotFound {
		p.t.Errorf("after the deletion: %d", got.Status)
	}
}

func names(t testing.TB, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// holding names the files below a folder in which a text stands.
func holding(t testing.TB, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(bytes.ToLower(raw), []byte(strings.ToLower(text))) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestBackupAndRestore: a backup that was made while people worked is restored to the state of that time. Whoever was
// deleted since is deleted again before anybody is served, and is in no file; sessions of that time have ended (S61).
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	data, shelf, temp := t.TempDir(), t.TempDir(), t.TempDir()
	env := map[string]string{"DATA_DIR": data, "LISTEN": freeAddress(t), "TMPDIR": temp}
	out := &output{}
	p, firm := firmOfOne(t, env, out)
	gone := firm.addPerson("Kunibert", "Zwergpudel")
	firm.addPerson("Berta", "Bleibt")
	file := filepath.Join(shelf, "kontor.backup")
	expect(t, env, 0, []string{"backup", filepath.Join(shelf, "before.backup"), "--secret"}, "readably")

	// people work on while the backup is made
	stop, stopped := make(chan struct{}), make(chan int)
	other := visitor(t, "http://"+env["LISTEN"])
	other.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				stopped <- n
				return
			default:
				other.addPerson("Eifrig", fmt.Sprintf("Nummer%d", n))
			}
		}
	}()
	expect(t, env, 0, []string{"backup", file}, file, "The secret key is not in it")
	close(stop)
	if n := <-stopped; n == 0 {
		t.Error("nobody wrote meanwhile")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	expect(t, env, 1, []string{"backup", file}, "already")
	if got := names(t, shelf); !slices.Equal(got, []string{"before.backup", "kontor.backup"}) || len(names(t, temp)) > 0 {
		t.Errorf("on the shelf: %q, in the temp folder: %q", got, names(t, temp))
	}

	gone.deleteCustomer()
	firm.addPerson("Neu", "Danach")
	expect(t, env, 1, []string{"restore", file, "--yes"}, "in use")
	p.terminate()
	if found := holding(t, data, "Zwergpudel"); len(found) > 0 {
		t.Fatalf("after the deletion it stands in %q", found)
	}
	expect(t, env, 1, []string{"restore", file}, "--yes replaces it")
	expect(t, env, 0, []string{"restore", file, "--yes"}, "1 customers and 0 accesses", "Sessions ended: ", "kontor.db is in place")
	if got := names(t, data); !slices.Equal(got, []string{"erasures.log", "kontor.db", "secret.key"}) || len(names(t, temp)) > 0 {
		t.Errorf("in DATA_DIR: %q, in the temp folder: %q", got, names(t, temp))
	}
	if found := holding(t, data, "Zwergpudel"); len(found) > 0 {
		t.Errorf("who was deleted after the backup stands in %q", found)
	}
	p = launch(t, out, env, build(t).app)
	p.answers(firm.base)
	firm.get("/customers").is(http.StatusOK, "/login")
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	list := firm.get("/customers").text("main")
	if !strings.Contains(list, "Bleibt") || strings.Contains(list, "Zwergpudel") || strings.Contains(list, "Danach") || !strings.Contains(list, "Nummer0") {
		t.Errorf("the customers after the restore: %s", list)
	}
	if log := firm.get("/audit").text("main"); !strings.Contains(log, "Restored from a backup") {
		t.Errorf("the log: %s", log)
	}
	p.terminate()
	if found := holding(t, data, "Zwergpudel"); len(found) > 0 {
		t.Errorf("it stands in %q", found)
	}

	t.Run("copied by hand", func(t *testing.T) {
		copied := t.TempDir()
		env := map[string]string{"DATA_DIR": copied, "LISTEN": env["LISTEN"], "ERASURE_LOG": filepath.Join(shelf, "none.log")}
		expect(t, env, 1, []string{"restore", filepath.Join(shelf, "before.backup")}, "there is no erasure log", "ERASURE_LOG not set")
		if got := names(t, copied); len(got) > 0 {
			t.Errorf("a restore that failed left %q", got)
		}
		delete(env, "ERASURE_LOG")
		expect(t, env, 0, []string{"restore", filepath.Join(shelf, "before.backup")}, "WARNING: there is no erasure log", "secret key of the backup is in place")
		for _, name := range []string{config.ErasureFile} {
			raw, err := os.ReadFile(filepath.Join(data, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(copied, name), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		expect(t, env, 1, []string{"serve"}, "was restored from a backup", "app erasures apply")
		expect(t, env, 0, words("erasures apply"), "1 customers")
		p := launch(t, &output{}, env, build(t).app)
		p.answers("http://" + env["LISTEN"])
		expect(t, env, 1, words("erasures apply"), "processes are running")
		p.terminate()
		if found := holding(t, copied, "Zwergpudel"); len(found) > 0 {
			t.Errorf("it stands in %q", found)
		}
	})
}

// sealRemoval leaves a removal in the database that can be undone by the administrator.
func sealRemoval(t testing.TB, env map[string]string, text []byte) {
	t.Helper()
	raw, err := config.ParseKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	key, err := secret.NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.Seal("authorisation removal", []byte(`{"names":["Berta Bleibt"]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = database(t, env).ExecContext(context.Background(), `INSERT INTO authorisation_removal (id, customer_id, removed_by, expires_at, sealed)
		SELECT ?, customer.id, account.id, ?, ? FROM customer, account WHERE account.specialist`, uuid.Must(uuid.NewV7()), time.Now(), sealed)
	if err != nil {
		t.Fatal(err)
	}
}

// TestBackupSecrets: a backup contains the secret key only if that was requested. An encrypted backup opens with its
// identity only. If the key is missing or is another one, restoring and starting say so.
func TestBackupSecrets(t *testing.T) {
	t.Parallel()
	data, shelf := t.TempDir(), t.TempDir()
	env := map[string]string{"DATA_DIR": data, "LISTEN": freeAddress(t)}
	out := &output{}
	p, firm := firmOfOne(t, env, out)
	firm.addPerson("Berta", "Bleibt")
	await.True(t, "the letter", func() bool { return len(firm.mailbox()) > 0 })
	p.terminate()
	key, err := os.ReadFile(filepath.Join(data, config.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	sealRemoval(t, env, key)
	secret := strings.TrimSpace(string(key))
	mine, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(shelf, name) }
	for name, id := range map[string]*age.X25519Identity{"mine": mine, "other": other} {
		if err := os.WriteFile(at(name), []byte("# a comment\n"+id.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, env, 0, []string{"backup", at("plain")}, "not in it")
	expect(t, env, 0, []string{"backup", at("with"), "--secret"}, "WARNING", "readably")
	expect(t, env, 0, []string{"backup", at("sealed"), "--secret", "--to", mine.Recipient().String()}, "It is encrypted")
	expect(t, env, 1, []string{"backup", at("x"), "--to", "age1nonsense"}, "no age recipient")
	for name, want := range map[string]bool{"plain": false, "with": true, "sealed": false} {
		raw, err := os.ReadFile(at(name))
		if err != nil || bytes.Contains(raw, []byte(secret)) != want || bytes.Contains(raw, []byte("Bleibt")) != (name != "sealed") {
			t.Errorf("%s: %v", name, err)
		}
	}

	restored := func(want int, args []string, says ...string) map[string]string {
		t.Helper()
		env := map[string]string{"DATA_DIR": t.TempDir(), "LISTEN": env["LISTEN"]}
		text := expect(t, env, want, append([]string{"restore"}, args...), says...)
		if strings.Contains(text, secret) || strings.Contains(text, mine.String()) {
			t.Errorf("a secret is shown:\n%s", text)
		}
		return env
	}
	restored(1, []string{at("sealed")}, "--identity")
	restored(1, []string{at("sealed"), "--identity", at("other")}, "another one")
	restored(1, []string{at("sealed"), "--identity", at("plain")}, "no age identity")
	const forgotten = "1 removals of authorisations are sealed with another SECRET_KEY"
	if text := expect(t, map[string]string{"DATA_DIR": t.TempDir()}, 0, []string{"restore", at("with")}); strings.Contains(text, forgotten) {
		t.Errorf("with its key:\n%s", text)
	}
	for _, env := range []map[string]string{
		restored(0, []string{at("sealed"), "--identity", at("mine")}, "The secret key of the backup is in place"),
		restored(0, []string{at("with")}, "The secret key of the backup is in place"),
	} {
		if now, err := os.ReadFile(filepath.Join(env["DATA_DIR"], config.KeyFile)); err != nil || !bytes.Equal(now, key) {
			t.Errorf("the key that was restored is another one, %v", err)
		}
	}

	// without the key: said at once, and at the start; with it as the previous one everything is as it was
	without := restored(0, []string{at("plain")}, "WARNING", "no secret key here", "SECRET_KEY_PREVIOUS")
	if got := names(t, without["DATA_DIR"]); !slices.Equal(got, []string{"kontor.db"}) {
		t.Errorf("restoring made %q", got)
	}
	said := &output{}
	p = launch(t, said, without, build(t).app)
	p.answers(firm.base)
	await.True(t, "the start to say it", func() bool {
		return strings.Contains(said.String(), "restored from a backup, put the key of that time into SECRET_KEY_PREVIOUS")
	})
	p.terminate()
	another := restored(0, []string{at("plain")}, "WARNING")
	another["SECRET_KEY"] = productionKey
	expect(t, another, 0, []string{"restore", at("plain"), "--yes"}, "WARNING: SECRET_KEY is not the one", forgotten)
	expect(t, another, 0, []string{"restore", at("with"), "--yes"}, "WARNING: SECRET_KEY is another one")
	another["SECRET_KEY_PREVIOUS"] = secret
	if text := expect(t, another, 0, []string{"restore", at("plain"), "--yes"}); strings.Contains(text, "WARNING: SECRET_KEY") || strings.Contains(text, forgotten) {
		t.Errorf("with the previous key:\n%s", text)
	}
}

// TestBackupKilled: a backup that is killed while it copies or packs leaves no file that others can read. The next backup
// to the same file succeeds and cleans up.
func TestBackupKilled(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATA_DIR": t.TempDir()}
	expect(t, env, 0, words("seed --customers 1"))
	if _, err := database(t, env).ExecContext(context.Background(), `CREATE TABLE ballast AS SELECT randomblob(100000000) AS b`); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{".database", ".part"} {
		shelf := t.TempDir()
		file := filepath.Join(shelf, "backup")
		p := launch(t, &output{}, env, build(t).app, "backup", file)
		await.True(t, "the backup to be at work", func() bool {
			info, err := os.Stat(file + at)
			return err == nil && info.Size() > 0
		})
		p.kill()
		if got := names(t, shelf); len(got) == 0 || slices.Contains(got, "backup") {
			t.Fatalf("nobody was killed at work: %q", got)
		}
		for _, name := range names(t, shelf) {
			if info, err := os.Stat(filepath.Join(shelf, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		expect(t, env, 0, []string{"backup", file}, "holds the database")
		if got := names(t, shelf); !slices.Equal(got, []string{"backup"}) {
			t.Errorf("left: %q", got)
		}
		expect(t, map[string]string{"DATA_DIR": t.TempDir()}, 0, []string{"restore", file}, "is in place")
	}
}

// TestBackupOnAFullDisk: a backup or restore on a full disk says so and leaves no files.
func TestBackupOnAFullDisk(t *testing.T) {
	env := map[string]string{"DATA_DIR": t.TempDir()}
	expect(t, env, 0, words("seed --customers 1"))
	// more than SQLite keeps in memory: then it needs a journal beside the copy
	if _, err := database(t, env).ExecContext(context.Background(), `CREATE TABLE ballast AS SELECT randomblob(20000000) AS b`); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(t.TempDir(), "good")
	expect(t, env, 0, []string{"backup", good})
	for _, size := range []string{"4m", "30m"} { // less than the database, and less than twice of it
		dir, small := disk(t, size)
		if !small {
			return
		}
		expect(t, env, 1, []string{"backup", filepath.Join(dir, "backup")}, "no ")
		if got := names(t, dir); len(got) > 0 {
			t.Errorf("%s: the backup left %q", size, got)
		}
	}
	dir, _ := disk(t, "4m")
	expect(t, map[string]string{"DATA_DIR": dir}, 1, []string{"restore", good}, "no space left")
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("the restore left %q", got)
	}
}

// TestRestoreRefuses: a file that is damaged, or is not a backup, changes nothing and leaves no files.
func TestRestoreRefuses(t *testing.T) {
	data, shelf := t.TempDir(), t.TempDir()
	env := map[string]string{"DATA_DIR": data}
	expect(t, env, 0, words("seed --customers 20"))
	file := filepath.Join(shelf, "good")
	expect(t, env, 0, []string{"backup", file})
	expect(t, env, 1, []string{"restore", file}, "has 20 customers")
	before, err := os.ReadFile(filepath.Join(data, "kontor.db"))
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(good)
	changed[len(changed)/2] ^= 1
	for name, raw := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "half": good[:len(good)/2], "without its end": good[:len(good)-20_000], "head": good[:600], "changed": changed,
		"newer":    bytes.Replace(good, []byte(`"schema": "20261`), []byte(`"schema": "20991`), 1),
		"database": before,
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(shelf, "bad")
			if err := os.WriteFile(bad, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			want := "damaged"
			if name == "newer" {
				want = "newer than this program"
			}
			expect(t, env, 1, []string{"restore", bad, "--yes"}, want)
			if now, err := os.ReadFile(filepath.Join(data, "kontor.db")); err != nil || !bytes.Equal(now, before) {
				t.Errorf("the database is another one now, %v", err)
			}
			if got := names(t, data); !slices.Equal(got, []string{"kontor.db", "secret.key"}) {
				t.Errorf("in DATA_DIR: %q", got)
			}
		})
	}
	t.Run("a database that can't be read", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(data, "kontor.db"), bytes.Repeat([]byte("?"), 8192), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(t, env, 1, []string{"restore", file}, "can't be read", "--yes")
		expect(t, env, 0, []string{"restore", file, "--yes"}, "is in place")
		expect(t, env, 0, words("visibility check"))
	})
	t.Run("postgres", func(t *testing.T) {
		env := map[string]string{"DATABASE_URL": "postgres://u@127.0.0.1:1/k", "SECRET_KEY": productionKey, "MAILBOX": "on", "DATA_DIR": t.TempDir()}
		expect(t, env, 1, []string{"restore", file}, "postgres-backup.sh")
		expect(t, env, 1, []string{"backup", file + "2"}, "postgres-backup.sh")
	})
}
