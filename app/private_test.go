package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFilesArePrivate: whatever the umask, only the user of the process can read what the embedded mode writes, while it
// runs and afterwards. Modes of files and folders of an older version are restricted.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	app := build(t).app
	// look compares the modes of the folder and of everything in it.
	look := func(when, dir string, folder fs.FileMode, files ...string) {
		t.Helper()
		seen := map[string]bool{}
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			switch {
			case d.IsDir() && strings.Contains(path, "documents"):
				want = 0o700
			case d.IsDir():
				want = folder
			}
			seen[d.Name()] = true
			if info.Mode().Perm() != want && d.Name() != "foreign" {
				t.Errorf("%s: %s is %v, want %v", when, path, info.Mode(), want)
			}
			return nil
		})
		assert.NoError(t, err, when)
		for _, f := range files {
			assert.True(t, seen[f], "%s: no %s", when, f)
		}
	}
	running := []string{"kontor.db", "kontor.db-wal", "kontor.db-shm", "secret.key"}
	for _, umask := range []string{"000", "022", "077"} {
		t.Run(umask, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "deep", "data")
			run := func(during func()) {
				t.Helper()
				address := freeAddress(t)
				p := launch(t, &output{}, map[string]string{"LISTEN": address, "DATA_DIR": dir}, "/bin/sh", "-c", `umask `+umask+`; exec "$0"`, app)
				p.answers("http://" + address)
				during()
				p.terminate()
			}
			run(func() { look("the first time", dir, 0o700, running...) })
			look("afterwards", dir, 0o700, "kontor.db", "secret.key")

			widen := func() {
				for path, mode := range map[string]fs.FileMode{dir: 0o755, dir + "/kontor.db": 0o644, dir + "/secret.key": 0o644} {
					require.NoError(t, os.Chmod(path, mode))
				}
			}
			widen()
			run(func() { look("an older one's", dir, 0o700, running...) })

			widen()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "foreign"), nil, 0o600))
			run(func() { look("beside others' files", dir, 0o755, running...) })
		})
	}
	t.Run("a database elsewhere", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "own", "firm.db")
		address := freeAddress(t)
		p := launch(t, &output{}, map[string]string{"LISTEN": address, "DATA_DIR": filepath.Join(t.TempDir(), "data"), "DATABASE_URL": "sqlite://" + file},
			"/bin/sh", "-c", `umask 000; exec "$0"`, app)
		p.answers("http://" + address)
		look("running", filepath.Dir(file), 0o700, "firm.db", "firm.db-wal")
		p.terminate()
	})
}

// TestSecretsInTheProcessList: a program with a secret on its command line ends at once. It says where the secret
// belongs, and does not print it.
func TestSecretsInTheProcessList(t *testing.T) {
	built := build(t)
	for _, program := range []string{built.app, built.worker} {
		for _, args := range [][]string{
			{"--secret-key", "aHVudGVyMnNlY3JldGh1bnRlcjJzZWNyZXRodW50ZXI="}, {"--admin-password=hunter2secret hunter2secret"},
			{"--database-url", "postgres://kontor:hunter2secret@db.example/kontor"}, {"--sms-url=https://gw.example/?apikey=hunter2secret"},
			{"--secret_key=hunter2secret"}, // mistyped
		} {
			out := &output{}
			p := launch(t, out, map[string]string{"LISTEN": "127.0.0.1:0", "DATA_DIR": t.TempDir()}, program, args...)
			<-p.done
			assert.False(t, p.cmd.ProcessState.Success(), "%s %q: %s %q", p.name, args[0], p.cmd.ProcessState, out)
			assert.NotContains(t, out.String(), "hunter2secret")
			assert.NotContains(t, out.String(), "aHVudGVy")
			assert.LessOrEqual(t, len(out.String()), 400)
		}
	}
}
