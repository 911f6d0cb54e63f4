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

// claimTries bounds how often two backups may take the name away from each other before one of them gives way.
const claimTries = 20

// claim makes a new file, 0600, that is locked for as long as it is open. One of that name which nobody holds was left by
// a backup that was killed, and is removed; so nothing is ever written into what somebody else has opened. Errors:
// ErrRunning, and the files' own.
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
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK) { // no locks here: the name alone keeps others away
			mine, err = true, nil
		}
		if mine {
			return f, nil
		}
		_ = f.Close()
		if err != nil && !errors.Is(err, ErrRunning) {
			return nil, errors.Join(err, os.Remove(path))
		}
		// another one took it for abandoned between the two steps
	}
	return nil, fmt.Errorf("%s: %w", path, ErrRunning)
}

// removeAbandoned removes a file that no backup holds. Errors: ErrRunning, and the files' own.
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

// hold locks an open file, and says whether path still is its name. Errors: ErrRunning when another process holds it.
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
