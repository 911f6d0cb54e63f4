package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ErrRunning says that another backup to the same file is being made.
var ErrRunning = errors.New("another backup to the same file is being made")

// claimTries limits how often two backups may remove each other's file before one of them returns ErrRunning.
const claimTries = 20

// claim creates a new file with mode 0600 that is locked while it is open. An existing file that nobody has locked was
// left by a killed backup and is removed. So nothing is ever written into a file that another process has opened.
// Errors: ErrRunning, and those of the file.
func claim(path string) (*os.File, error) {
	for range claimTries {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
		switch {
		case errors.Is(err, fs.ErrExist):
			if err := removeAbandoned(path); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		}
		mine, err := hold(f, path)
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK) { // no locks: only the name protects the file
			mine, err = true, nil
		}
		if mine {
			return f, nil
		}
		_ = f.Close()
		if err != nil && !errors.Is(err, ErrRunning) {
			return nil, errors.Join(err, os.Remove(path))
		}
		// Another backup removed the file before it was locked.
	}
	return nil, fmt.Errorf("%s: %w", path, ErrRunning)
}

// removeAbandoned removes a file that no backup has locked. Errors: ErrRunning, and those of the file.
func removeAbandoned(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%s: %w, and no backup made it", path, ErrExists))
	}
	mine, err := hold(f, path)
	if !mine {
		return err
	}
	return os.Remove(path)
}

// hold locks an open file and says whether path is still its name. Error: ErrRunning when another process has locked
// it.
func hold(f *os.File, path string) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a file's number is small
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, fmt.Errorf("%s: %w", path, ErrRunning)
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, named), err
}
