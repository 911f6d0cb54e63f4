package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
				require.NoError(t, os.Mkdir(dir, 0o700))
			}
			for f, mode := range c.before {
				if f != "." {
					require.NoError(t, os.WriteFile(filepath.Join(dir, f), nil, 0o600))
				}
				require.NoError(t, os.Chmod(filepath.Join(dir, f), mode))
			}
			wide, err := keepPrivate(dir)
			require.NoError(t, err, "open to others")
			assert.Equal(t, c.wide, wide, "open to others")
			for f, want := range c.after {
				info, err := os.Stat(filepath.Join(dir, f))
				require.NoError(t, err)
				got := info.Mode() & (fs.ModePerm | fs.ModeSticky)
				assert.Equal(t, want, got, f)
			}
		})
	}
}

// TestLinksInDataDir: a symbolic link in DATA_DIR with one of our names does not make keepPrivate change its target.
func TestLinksInDataDir(t *testing.T) {
	dir, foreign := t.TempDir(), filepath.Join(t.TempDir(), "foreign")
	require.NoError(t, os.WriteFile(foreign, nil, 0o600))
	//nolint:gosec // what the test is about
	require.NoError(t, os.Chmod(foreign, 0o644))
	require.NoError(t, os.Symlink(foreign, filepath.Join(dir, "secret.key.1")))
	_, err := keepPrivate(dir)
	require.NoError(t, err)
	info, err := os.Stat(foreign)
	require.NoError(t, err)
	assert.EqualValues(t, 0o644, info.Mode().Perm())
}
