package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestKeepPrivate: the permissions of our own files are restricted, and those of the folder if it contains nothing
// else. Other files are not changed.
func TestKeepPrivate(t *testing.T) {
	type modes map[string]fs.FileMode // by name; "." is the folder
	for name, c := range map[string]struct {
		before, after modes
		wide          bool
	}{
		"not there":        {nil, modes{".": 0o700}, false},
		"empty":            {modes{".": 0o777}, modes{".": 0o700}, false},
		"an old one":       {modes{".": 0o755, "kontor.db": 0o644, "kontor.db-wal": 0o666, "secret.key": 0o640, "secret.key.123": 0o644}, modes{".": 0o700, "kontor.db": 0o600, "kontor.db-wal": 0o600, "secret.key": 0o600, "secret.key.123": 0o600}, false},
		"narrower already": {modes{".": 0o500, "secret.key": 0o400}, modes{".": 0o500, "secret.key": 0o400}, false},
		"with others": {modes{".": 0o755, "kontor.db": 0o644, "photos.txt": 0o644, "kontor.database": 0o644}, modes{
			".": 0o755, "kontor.db": 0o600, "photos.txt": 0o644, "kontor.database": 0o644}, true},
		"everybody's": {modes{".": fs.ModeSticky | 0o777, "kontor.db": 0o644}, modes{".": fs.ModeSticky | 0o777, "kontor.db": 0o600}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if c.before != nil {
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for f, mode := range c.before {
				if f != "." {
					if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Chmod(filepath.Join(dir, f), mode); err != nil {
					t.Fatal(err)
				}
			}
			wide, err := keepPrivate(dir)
			if err != nil || wide != c.wide {
				t.Errorf("open to others: %v, %v", wide, err)
			}
			for f, want := range c.after {
				info, err := os.Stat(filepath.Join(dir, f))
				if err != nil {
					t.Fatal(err)
				}
				if got := info.Mode() & (fs.ModePerm | fs.ModeSticky); got != want {
					t.Errorf("%s is %v, want %v", f, got, want)
				}
			}
		})
	}
}

// TestLinksInDataDir: a symbolic link in DATA_DIR with one of our names does not make keepPrivate change its target.
func TestLinksInDataDir(t *testing.T) {
	dir, foreign := t.TempDir(), filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(foreign, 0o644); err != nil { //nolint:gosec // what the test is about
		t.Fatal(err)
	}
	if err := os.Symlink(foreign, filepath.Join(dir, "secret.key.1")); err != nil {
		t.Fatal(err)
	}
	if _, err := keepPrivate(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(foreign); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
