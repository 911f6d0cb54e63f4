package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(file, []byte(id.String()+"\n"), 0o600))
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
		_, there := os.Stat(to)
		assert.Error(t, there, "%v, and the file is left", err)
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
			require.NoError(t, err)
			a, database, err := unpack(t, path, id)
			require.NoError(t, err)
			assert.Equal(t, "rows", string(database))
			assert.Equal(t, m, a.Manifest)
			assert.Equal(t, "hash", m.Key)
			assert.Equal(t, secret, a.Secret)
			assert.Equal(t, to != "", a.Sealed)
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.EqualValues(t, 0o600, info.Mode().Perm())
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
			require.NoError(t, os.Mkdir(dir, 0o700))
			c, path := contents("rows"), filepath.Join(dir, "backup")
			test.spoil(&c, path)
			_, err := Write(test.ctx, path, c)
			assert.ErrorIs(t, err, test.want)
			left, _ := os.ReadDir(dir) // the folder may be missing
			for _, f := range left {
				raw, _ := os.ReadFile(filepath.Join(dir, f.Name()))
				assert.Equal(t, "another's", string(raw), "%s is left", f.Name())
			}
		})
	}
}

// files returns the names in a folder.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
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
			require.NoError(t, test.leave(t, path))
			_, err := Write(context.Background(), path, contents("rows"))
			assert.ErrorIs(t, err, test.want)
			assert.Equal(t, test.left, files(t, dir), "files left")
			if err != nil {
				assert.Contains(t, err.Error(), path+".part", "does not name it")
				return
			}
			_, database, err := unpack(t, path, "")
			require.NoError(t, err)
			assert.Equal(t, "rows", string(database))
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.EqualValues(t, 0o600, info.Mode().Perm())
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
		_, err := Write(ctx, path, contents("another's"))
		assert.ErrorIs(t, err, ErrRunning, "the second")
		return copied(ctx, to)
	}
	_, err := Write(context.Background(), path, first)
	require.NoError(t, err)
	_, database, err := unpack(t, path, "")
	require.NoError(t, err)
	assert.Equal(t, "rows", string(database))
	for round := range 50 {
		path := filepath.Join(dir, fmt.Sprint("round", round))
		require.NoError(t, os.WriteFile(path+".part", []byte("half"), 0o600))
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
		_, database, err := unpack(t, path, "")
		require.NoError(t, err, "round %d", round)
		assert.Equal(t, 1, good, "round %d: were made", round)
		assert.True(t, bytes.HasPrefix(database, []byte("rows")), "round %d: %q", round, database)
	}
	assert.Len(t, files(t, dir), 51, "files left")
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
			_, err := Write(context.Background(), path, c)
			require.NoError(t, err)
			good, err := os.ReadFile(path)
			require.NoError(t, err)
			try := func(what string, raw []byte) {
				t.Helper()
				bad := filepath.Join(dir, "bad")
				require.NoError(t, os.WriteFile(bad, raw, 0o600))
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
	require.NoError(f, err)
	good, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:700])
	about, err := json.Marshal(m)
	require.NoError(f, err)
	f.Add(about)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if a, err := read(bytes.NewReader(raw)); err == nil && (a.Manifest.Format != formatVersion || a.Manifest.Database.Size <= 0 || len(a.Secret) > secretMost) {
			t.Errorf("taken: %+v", a.Manifest)
		}
		if m, err := parseManifest(raw); err == nil && (m.Format != formatVersion || len(m.Database.SHA256) != 64) {
			t.Errorf("taken: %+v", m)
		}
	})
}

// TestSettleWithoutLinks: where there are no hard links, the file gets its final name only as a whole, and a file of
// that name is kept. A folder stands for such a file, because it can't have hard links.
func TestSettleWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	part, path := filepath.Join(dir, "b.part"), filepath.Join(dir, "b")
	assert.ErrorIs(t, settle(part, path), fs.ErrNotExist, "without a finished file")
	_, err := os.Lstat(path)
	assert.ErrorIs(t, err, fs.ErrNotExist, "a file was left under the final name")
	require.NoError(t, os.Mkdir(part, 0o700))
	require.Error(t, os.Link(part, path), "a folder has a hard link")
	assert.NoError(t, settle(part, path), "no final name")
	info, err := os.Lstat(path)
	require.NoError(t, err, "under the final name")
	assert.True(t, info.IsDir(), "under the final name: %v", info)
	require.NoError(t, os.WriteFile(part, []byte("second"), 0o600))
	assert.ErrorIs(t, settle(part, path), ErrExists, "over the first")
}
