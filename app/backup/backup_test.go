package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// contents returns Contents with a text instead of a database.
func contents(database string) Contents {
	return Contents{
		Manifest: Manifest{Version: "test", Schema: "20261128000069", MadeAt: noon, Key: "hash"},
		Copy:     func(_ context.Context, path string) error { return os.WriteFile(path, []byte(database), 0o600) },
	}
}

// identity makes an age identity and a file that contains it.
func identity(t testing.TB) (recipient, file string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "identity")
	if err := os.WriteFile(file, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String(), file
}

// unpack opens and unpacks an archive, and returns its contents.
func unpack(t testing.TB, path, identity string) (a *Archive, database []byte, err error) {
	t.Helper()
	if a, err = Open(path, identity); err != nil {
		return nil, nil, err
	}
	defer func() { _ = a.Close() }()
	to := filepath.Join(t.TempDir(), "kontor.db")
	if err := a.Database(context.Background(), to); err != nil {
		if _, there := os.Stat(to); there == nil {
			t.Errorf("%v, and the file is left", err)
		}
		return a, nil, err
	}
	database, err = os.ReadFile(to)
	return a, database, err
}

// TestThereAndBack: unpacking returns what was packed, plain and encrypted, with and without the key.
func TestThereAndBack(t *testing.T) {
	recipient, id := identity(t)
	for _, to := range []string{"", recipient} {
		for _, secret := range [][]byte{nil, []byte("key\n")} {
			c := contents("rows")
			c.To, c.Secret = to, secret
			path := filepath.Join(t.TempDir(), "backup")
			m, err := Write(context.Background(), path, c)
			if err != nil {
				t.Fatal(err)
			}
			a, database, err := unpack(t, path, id)
			if err != nil || string(database) != "rows" || a.Manifest != m || m.Key != "hash" || !bytes.Equal(a.Secret, secret) || a.Sealed != (to != "") {
				t.Errorf("%q, %+v, %v", database, a, err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
		}
	}
}

// TestNothingHalf: after any failure no file of the backup is left, and an existing file with that name is unchanged.
func TestNothingHalf(t *testing.T) {
	broken := errors.New("no space left")
	ended, end := context.WithCancel(context.Background())
	end()
	for name, test := range map[string]struct {
		ctx   context.Context
		spoil func(c *Contents, path string)
		want  error
	}{
		"the copy fails":      {context.Background(), func(c *Contents, _ string) { c.Copy = func(context.Context, string) error { return broken } }, broken},
		"the copy is missing": {context.Background(), func(c *Contents, _ string) { c.Copy = func(context.Context, string) error { return nil } }, os.ErrNotExist},
		"it is stopped":       {ended, func(*Contents, string) {}, context.Canceled},
		"no recipient":        {context.Background(), func(c *Contents, _ string) { c.To = "AGE-SECRET-KEY-1" }, ErrRecipient},
		"no folder":           {context.Background(), func(c *Contents, path string) { _ = os.Remove(filepath.Dir(path)) }, os.ErrNotExist},
		"made meanwhile": {context.Background(), func(c *Contents, path string) {
			first := c.Copy
			c.Copy = func(ctx context.Context, to string) error {
				return errors.Join(first(ctx, to), os.WriteFile(path, []byte("another's"), 0o600))
			}
		}, ErrExists},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "shelf")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			c, path := contents("rows"), filepath.Join(dir, "backup")
			test.spoil(&c, path)
			if _, err := Write(test.ctx, path, c); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			left, _ := os.ReadDir(dir) // which may be missing
			for _, f := range left {
				if raw, _ := os.ReadFile(filepath.Join(dir, f.Name())); string(raw) != "another's" {
					t.Errorf("%s is left: %q", f.Name(), raw)
				}
			}
		})
	}
}

// files returns the names in a folder.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestAbandoned: files left by a killed backup do not prevent a new one and are removed. A file that no backup made is
// left alone and named in the error.
func TestAbandoned(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(t *testing.T, path string) error
		want  error
		left  []string
	}{
		"an archive": {func(_ *testing.T, path string) error { return os.WriteFile(path+".part", []byte("half"), 0o644) }, nil, []string{"backup"}},
		"all of it": {func(_ *testing.T, path string) error {
			return errors.Join(os.WriteFile(path+".part", nil, 0o600), os.WriteFile(path+".database", []byte("half"), 0o600), os.WriteFile(path+".database-journal", []byte("half"), 0o600))
		}, nil, []string{"backup"}},
		"a copy of the database": {func(_ *testing.T, path string) error { return os.WriteFile(path+".database", []byte("half"), 0o600) }, nil, []string{"backup"}},
		"a folder":               {func(_ *testing.T, path string) error { return os.Mkdir(path+".part", 0o700) }, syscall.EISDIR, []string{"backup.part"}},
		"a link":                 {func(_ *testing.T, path string) error { return os.Symlink("elsewhere", path+".part") }, syscall.ELOOP, []string{"backup.part"}},
		"a pipe":                 {func(_ *testing.T, path string) error { return syscall.Mkfifo(path+".part", 0o600) }, ErrExists, []string{"backup.part"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "backup")
			if err := test.leave(t, path); err != nil {
				t.Fatal(err)
			}
			_, err := Write(context.Background(), path, contents("rows"))
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if got := files(t, dir); !slices.Equal(got, test.left) {
				t.Errorf("left: %q", got)
			}
			if err != nil {
				if !strings.Contains(err.Error(), path+".part") {
					t.Errorf("%v does not name it", err)
				}
				return
			}
			if _, database, err := unpack(t, path, ""); err != nil || string(database) != "rows" {
				t.Errorf("%q, %v", database, err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}

// TestTwoAtOnce: while a backup is being made, another one to the same file fails and changes nothing. Of several that
// start at once one is completed.
func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "backup")
	first := contents("rows")
	copied := first.Copy
	first.Copy = func(ctx context.Context, to string) error {
		if _, err := Write(ctx, path, contents("another's")); !errors.Is(err, ErrRunning) {
			t.Errorf("the second: %v", err)
		}
		return copied(ctx, to)
	}
	if _, err := Write(context.Background(), path, first); err != nil {
		t.Fatal(err)
	}
	if _, database, err := unpack(t, path, ""); err != nil || string(database) != "rows" {
		t.Errorf("%q, %v", database, err)
	}
	for round := range 50 {
		path := filepath.Join(dir, fmt.Sprint("round", round))
		if err := os.WriteFile(path+".part", []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		made := make(chan error)
		for n := range 6 {
			go func() {
				_, err := Write(context.Background(), path, contents(fmt.Sprint("rows", n)))
				made <- err
			}()
		}
		good := 0
		for range 6 {
			switch err := <-made; {
			case err == nil:
				good++
			case !errors.Is(err, ErrExists) && !errors.Is(err, ErrRunning):
				t.Errorf("round %d: %v", round, err)
			}
		}
		if _, database, err := unpack(t, path, ""); good != 1 || err != nil || !bytes.HasPrefix(database, []byte("rows")) {
			t.Errorf("round %d: %d were made, %q, %v", round, good, database, err)
		}
	}
	if got := files(t, dir); len(got) != 51 {
		t.Errorf("left: %q", got)
	}
}

// TestDamaged: an archive that was cut or changed at any position is refused, plain or encrypted. A plain archive may
// be accepted if only its padding or manifest was changed, because then its rows are unchanged.
func TestDamaged(t *testing.T) {
	recipient, id := identity(t)
	for _, to := range []string{"", recipient} {
		t.Run(fmt.Sprintf("sealed %t", to != ""), func(t *testing.T) {
			dir := t.TempDir()
			c := contents(string(bytes.Repeat([]byte("rows "), 800)))
			c.To = to
			path := filepath.Join(dir, "backup")
			if _, err := Write(context.Background(), path, c); err != nil {
				t.Fatal(err)
			}
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			try := func(what string, raw []byte) {
				t.Helper()
				bad := filepath.Join(dir, "bad")
				if err := os.WriteFile(bad, raw, 0o600); err != nil {
					t.Fatal(err)
				}
				if _, database, err := unpack(t, bad, id); err == nil && string(database) != string(bytes.Repeat([]byte("rows "), 800)) {
					t.Errorf("%s: taken, with other rows", what)
				} else if err == nil && to != "" {
					t.Errorf("%s: taken", what)
				}
			}
			for at := 0; at < len(good)-1; at += 97 {
				try(fmt.Sprintf("cut at %d", at), good[:at])
				changed := bytes.Clone(good)
				changed[at] ^= 0x40
				try(fmt.Sprintf("changed at %d", at), changed)
			}
		})
	}
}

// FuzzOpen: reading any file ends, and an accepted manifest contains everything that a restore needs.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "backup")
	c := contents("rows")
	c.Secret = []byte("key")
	m, err := Write(context.Background(), path, c)
	if err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:700])
	about, err := json.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(about)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if a, err := read(bytes.NewReader(raw)); err == nil && (a.Manifest.Format != Format || a.Manifest.Database.Size <= 0 || len(a.Secret) > secretMost) {
			t.Errorf("taken: %+v", a.Manifest)
		}
		if m, err := parseManifest(raw); err == nil && (m.Format != Format || len(m.Database.SHA256) != 64) {
			t.Errorf("taken: %+v", m)
		}
	})
}
