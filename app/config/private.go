package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ours are the prefixes of the files that the embedded mode keeps in DATA_DIR: the database with SQLite's additional
// files, the key with temporary files from its creation, and the erasure log.
var ours = []string{"kontor.db", KeyFile, ErasureFile}

// keepPrivate creates DATA_DIR and restricts its permissions: our own files to 0600, and the folder to 0700 if it
// contains nothing else. A folder that is used for other things (a home, /tmp) keeps its mode, and so do files of other
// users. wide says that other users can access the folder, so that the caller can warn.
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
		case e.Name() != "lost+found" && e.Name() != FilesFolder: // on a separate volume; private by itself
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

// Narrow removes the permissions of a file or folder that go beyond most. It ignores errors: the file may not exist,
// belong to another user, or be on a file system without modes. It does not change a folder with the sticky bit, which
// is shared on purpose.
func Narrow(path string, most fs.FileMode) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&^most == 0 || info.Mode()&fs.ModeSticky != 0 {
		return
	}
	_ = os.Chmod(path, info.Mode().Perm()&most)
}
