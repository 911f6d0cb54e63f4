package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	assert.Equal(p.t, http.StatusNotFound, p.by.get(at+"/data").Status, "after the deletion")
}

func names(t testing.TB, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
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
	require.NoError(t, err)
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

	// People continue to work while the backup is made.
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
	n := <-stopped
	assert.NotEqual(t, 0, n, "nobody wrote meanwhile")
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())
	expect(t, env, 1, []string{"backup", file}, "already")
	got := names(t, shelf)
	assert.Equal(t, []string{"before.backup", "kontor.backup"}, got, "on the shelf: in the temp folder")
	assert.Empty(t, names(t, temp), "on the shelf: in the temp folder")

	gone.deleteCustomer()
	firm.addPerson("Neu", "Danach")
	expect(t, env, 1, []string{"restore", file, "--yes"}, "in use")
	p.terminate()
	require.Empty(t, holding(t, data, "Zwergpudel"), "after the deletion it stands")
	expect(t, env, 1, []string{"restore", file}, "--yes replaces it")
	expect(t, env, 0, []string{"restore", file, "--yes"}, "1 customers and 0 accesses", "Sessions ended: ", "kontor.db is in place")
	got = names(t, data)
	assert.Equal(t, []string{"documents", "erasures.log", "kontor.db", "secret.key"}, got, "in DATA_DIR: in the temp folder")
	assert.Empty(t, names(t, temp), "in DATA_DIR: in the temp folder")
	assert.Empty(t, holding(t, data, "Zwergpudel"), "who was deleted after the backup stands")
	p = launch(t, out, env, build(t).app)
	p.answers(firm.base)
	firm.get("/customers").is(http.StatusOK, "/login")
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	list := firm.get("/customers").text("main")
	assert.Contains(t, list, "Bleibt", "the customers after the restore")
	assert.NotContains(t, list, "Zwergpudel", "the customers after the restore")
	assert.NotContains(t, list, "Danach", "the customers after the restore")
	assert.Contains(t, list, "Nummer0", "the customers after the restore")
	log := firm.get("/audit").text("main")
	assert.Contains(t, log, "Restored from a backup", "the log")
	p.terminate()
	assert.Empty(t, holding(t, data, "Zwergpudel"), "it stands")

	t.Run("copied by hand", func(t *testing.T) {
		copied := t.TempDir()
		env := map[string]string{"DATA_DIR": copied, "LISTEN": env["LISTEN"], "ERASURE_LOG": filepath.Join(shelf, "none.log")}
		expect(t, env, 1, []string{"restore", filepath.Join(shelf, "before.backup")}, "there is no erasure log", "ERASURE_LOG not set")
		assert.Equal(t, []string{"documents"}, names(t, copied), "a restore that failed left more than the empty folder of documents")
		delete(env, "ERASURE_LOG")
		expect(t, env, 0, []string{"restore", filepath.Join(shelf, "before.backup")}, "WARNING: there is no erasure log", "secret key of the backup is in place")
		for _, name := range []string{config.ErasureFile} {
			raw, err := os.ReadFile(filepath.Join(data, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(copied, name), raw, 0o600)
			}
			require.NoError(t, err)
		}
		expect(t, env, 1, []string{"serve"}, "was restored from a backup", "app erasures apply")
		expect(t, env, 0, words("erasures apply"), "1 customers")
		p := launch(t, &output{}, env, build(t).app)
		p.answers("http://" + env["LISTEN"])
		expect(t, env, 1, words("erasures apply"), "processes are running")
		p.terminate()
		assert.Empty(t, holding(t, copied, "Zwergpudel"), "it stands")
	})
}

// sealRemoval leaves a removal in the database that can be undone by the administrator.
func sealRemoval(t testing.TB, env map[string]string, text []byte) {
	t.Helper()
	raw, err := config.ParseKey(string(text))
	require.NoError(t, err)
	key, err := secret.NewKey(raw)
	require.NoError(t, err)
	sealed, err := key.Seal("authorisation removal", []byte(`{"names":["Berta Bleibt"]}`))
	require.NoError(t, err)
	_, err = database(t, env).ExecContext(context.Background(), `INSERT INTO authorisation_removal (id, customer_id, removed_by, expires_at, sealed)
		SELECT ?, customer.id, account.id, ?, ? FROM customer, account WHERE account.specialist`, uuid.Must(uuid.NewV7()), time.Now(), sealed)
	require.NoError(t, err)
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
	require.NoError(t, err)
	sealRemoval(t, env, key)
	secret := strings.TrimSpace(string(key))
	mine, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	at := func(name string) string { return filepath.Join(shelf, name) }
	for name, id := range map[string]*age.X25519Identity{"mine": mine, "other": other} {
		require.NoError(t, os.WriteFile(at(name), []byte("# a comment\n"+id.String()+"\n"), 0o600))
	}
	expect(t, env, 0, []string{"backup", at("plain")}, "not in it")
	expect(t, env, 0, []string{"backup", at("with"), "--secret"}, "WARNING", "readably")
	expect(t, env, 0, []string{"backup", at("sealed"), "--secret", "--to", mine.Recipient().String()}, "It is encrypted")
	expect(t, env, 1, []string{"backup", at("x"), "--to", "age1nonsense"}, "no age recipient")
	for name, want := range map[string]bool{"plain": false, "with": true, "sealed": false} {
		raw, err := os.ReadFile(at(name))
		require.NoError(t, err)
		assert.Equal(t, want, bytes.Contains(raw, []byte(secret)))
		assert.Equal(t, name != "sealed", bytes.Contains(raw, []byte("Bleibt")))
	}

	restored := func(want int, args []string, says ...string) map[string]string {
		t.Helper()
		env := map[string]string{"DATA_DIR": t.TempDir(), "LISTEN": env["LISTEN"]}
		text := expect(t, env, want, append([]string{"restore"}, args...), says...)
		assert.NotContains(t, text, secret, "a secret is shown")
		assert.NotContains(t, text, mine.String(), "a secret is shown")
		return env
	}
	restored(1, []string{at("sealed")}, "--identity")
	restored(1, []string{at("sealed"), "--identity", at("other")}, "another one")
	restored(1, []string{at("sealed"), "--identity", at("plain")}, "no age identity")
	const forgotten = "1 removals of authorisations are sealed with another SECRET_KEY"
	assert.NotContains(t, expect(t, map[string]string{"DATA_DIR": t.TempDir()}, 0, []string{"restore", at("with")}), forgotten, "with its key")
	for _, env := range []map[string]string{
		restored(0, []string{at("sealed"), "--identity", at("mine")}, "The secret key of the backup is in place"),
		restored(0, []string{at("with")}, "The secret key of the backup is in place"),
	} {
		now, err := os.ReadFile(filepath.Join(env["DATA_DIR"], config.KeyFile))
		require.NoError(t, err, "the key that was restored is another one")
		assert.Equal(t, key, now, "the key that was restored is another one")
	}

	// Without the key, the command and the start say so. With the key as the previous one, everything is readable again.
	without := restored(0, []string{at("plain")}, "WARNING", "no secret key here", "SECRET_KEY_PREVIOUS")
	assert.Equal(t, []string{"documents", "kontor.db"}, names(t, without["DATA_DIR"]), "restoring made")
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
	withPrevious := expect(t, another, 0, []string{"restore", at("plain"), "--yes"})
	assert.NotContains(t, withPrevious, "WARNING: SECRET_KEY")
	assert.NotContains(t, withPrevious, forgotten)
}

// TestBackupKilled: a backup that is killed while it copies or packs leaves no file that others can read. The next backup
// to the same file succeeds and cleans up.
func TestBackupKilled(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATA_DIR": t.TempDir()}
	expect(t, env, 0, words("seed --customers 1"))
	_, err := database(t, env).ExecContext(context.Background(), `CREATE TABLE ballast AS SELECT randomblob(100000000) AS b`)
	require.NoError(t, err)
	for _, at := range []string{".database", ".part"} {
		shelf := t.TempDir()
		file := filepath.Join(shelf, "backup")
		p := launch(t, &output{}, env, build(t).app, "backup", file)
		await.True(t, "the backup to be at work", func() bool {
			info, err := os.Stat(file + at)
			return err == nil && info.Size() > 0
		})
		p.kill()
		got := names(t, shelf)
		require.NotEmpty(t, got, "nobody was killed at work")
		require.NotContains(t, got, "backup", "nobody was killed at work")
		for _, name := range names(t, shelf) {
			info, err := os.Stat(filepath.Join(shelf, name))
			require.NoError(t, err, name)
			assert.EqualValues(t, 0o600, info.Mode().Perm(), name)
		}
		expect(t, env, 0, []string{"backup", file}, "holds the database")
		assert.Equal(t, []string{"backup"}, names(t, shelf), "files left")
		expect(t, map[string]string{"DATA_DIR": t.TempDir()}, 0, []string{"restore", file}, "is in place")
	}
}

// TestBackupOnAFullDisk: a backup or restore on a full disk says so and leaves no files.
func TestBackupOnAFullDisk(t *testing.T) {
	env := map[string]string{"DATA_DIR": t.TempDir()}
	expect(t, env, 0, words("seed --customers 1"))
	// The database is larger than what SQLite keeps in memory, so that it needs a journal beside the copy.
	_, err := database(t, env).ExecContext(context.Background(), `CREATE TABLE ballast AS SELECT randomblob(20000000) AS b`)
	require.NoError(t, err)
	good := filepath.Join(t.TempDir(), "good")
	expect(t, env, 0, []string{"backup", good})
	for _, size := range []string{"4m", "30m"} { // less than the database, and less than twice of it
		dir, small := disk(t, size)
		if !small {
			return
		}
		expect(t, env, 1, []string{"backup", filepath.Join(dir, "backup")}, "no ")
		assert.Empty(t, names(t, dir), "%s: the backup left", size)
	}
	dir, _ := disk(t, "4m")
	expect(t, map[string]string{"DATA_DIR": dir}, 1, []string{"restore", good}, "no space left")
	assert.Empty(t, names(t, dir), "the restore left")
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
	require.NoError(t, err)
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	changed := bytes.Clone(good)
	changed[len(changed)/2] ^= 1
	for name, raw := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "half": good[:len(good)/2], "without its end": good[:len(good)-20_000], "head": good[:600], "changed": changed,
		"newer":    bytes.Replace(good, []byte(`"schema": "20261`), []byte(`"schema": "20991`), 1),
		"database": before,
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(shelf, "bad")
			require.NoError(t, os.WriteFile(bad, raw, 0o600))
			want := "damaged"
			if name == "newer" {
				want = "newer than this program"
			}
			expect(t, env, 1, []string{"restore", bad, "--yes"}, want)
			now, err := os.ReadFile(filepath.Join(data, "kontor.db"))
			require.NoError(t, err, "the database is another one now")
			assert.Equal(t, before, now, "the database is another one now")
			assert.Equal(t, []string{"kontor.db", "secret.key"}, names(t, data), "in DATA_DIR")
		})
	}
	t.Run("a database that can't be read", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(data, "kontor.db"), bytes.Repeat([]byte("?"), 8192), 0o600))
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
