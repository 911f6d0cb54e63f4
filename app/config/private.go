package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ours are the beginnings of the names of the files that the embedded mode keeps in DATA_DIR: the database with what
// SQLite puts beside it, the key with what is left of making one, the erasure log.
var ours = []string{"kontor.db", KeyFile, ErasureFile}

// keepPrivate makes DATA_DIR and narrows it: our own files there to 0600, and the folder to 0700 if nothing else lies in
// it. A folder that others use as well (a home, /tmp) keeps its mode, and so does what belongs to another user of the
// machine: wide says that it is open to others, which is worth a warning.
func keepPrivate(dir string) (wide bool, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	alone := true
	for _, e := range entries {
		switch {
		case isOurs(e.Name()) && e.Type().IsRegular():
			Narrow(filepath.Join(dir, e.Name()), 0o600)
		case e.Name() != "lost+found": // of a volume of its own
			alone = false
		}
	}
	if alone {
		Narrow(dir, 0o700)
	}
	info, err := os.Stat(dir)
	return err == nil && info.Mode().Perm()&^0o700 != 0, err
}

func isOurs(name string) bool {
	for _, begin := range ours {
		if rest, ok := strings.CutPrefix(name, begin); ok && (rest == "" || rest[0] == '-' || rest[0] == '.') {
			return true
		}
	}
	return false
}

// Narrow takes away what a file's or folder's mode allows beyond most. One that is not there, is another user's, or lies on
// a file system without modes stays as it is, and so does a folder with the sticky bit: it is everybody's on purpose.
func Narrow(path string, most fs.FileMode) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&^most == 0 || info.Mode()&fs.ModeSticky != 0 {
		return
	}
	_ = os.Chmod(path, info.Mode().Perm()&most)
}
