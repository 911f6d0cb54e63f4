package erasure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// file is a log in a file with mode 0600. Every operation opens and locks the file, because several processes may write
// to it.
type file struct{ path string }

func (f file) close() error { return nil }

// lockTime is how long a process waits for the lock.
const lockTime = 5 * time.Second

// locked opens the file and locks it.
func (f file) locked(ctx context.Context, flags int) (*os.File, error) {
	opened, err := os.OpenFile(f.path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockTime); ; {
		err = syscall.Flock(int(opened.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a file's number is small
		if err == nil {
			return opened, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(end) || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.path, err), ctx.Err(), opened.Close())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (f file) head(ctx context.Context) (k logKey, at int64, err error) {
	opened, err := f.locked(ctx, os.O_RDONLY)
	if err != nil {
		return logKey{}, 0, err
	}
	defer func() { _ = opened.Close() }()
	return headOf(opened)
}

func headOf(opened *os.File) (k logKey, at int64, err error) {
	info, err := opened.Stat()
	if err != nil {
		return logKey{}, 0, err
	}
	if info.Size() == 0 {
		return logKey{}, 0, ErrNone
	}
	line, err := bufio.NewReader(io.NewSectionReader(opened, 0, longestLine)).ReadString('\n')
	if err != nil {
		if started := strings.HasPrefix(headWord, line) || strings.HasPrefix(line, headWord); started && len(line) < len(logKey{}.line()) {
			return logKey{}, 0, ErrNone // the process that created it was killed, so nothing is recorded yet
		}
		return logKey{}, 0, ErrNoLog
	}
	k, err = parseHead(strings.TrimSuffix(line, "\n"))
	return k, info.Size(), err
}

func (f file) begin(ctx context.Context) (k logKey, at int64, err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return logKey{}, 0, err
	}
	opened, err := f.locked(ctx, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return logKey{}, 0, err
	}
	defer func() { _ = opened.Close() }()
	if k, at, err = headOf(opened); !errors.Is(err, ErrNone) {
		return k, at, err
	}
	if err := opened.Truncate(0); err != nil {
		return logKey{}, 0, err
	}
	k = newKey()
	if at, err = add(opened, 0, k.line()); err != nil {
		return logKey{}, 0, err
	}
	return k, at, syncFolder(filepath.Dir(f.path))
}

func (f file) write(ctx context.Context, key logKey, entries []entry) (int64, error) {
	opened, err := f.locked(ctx, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, ErrNone) {
		return 0, ErrReplaced
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = opened.Close() }()
	has, size, err := headOf(opened)
	if errors.Is(err, ErrNone) || err == nil && has != key {
		return 0, ErrReplaced
	}
	if err != nil {
		return 0, err
	}
	var text strings.Builder
	last := make([]byte, 1)
	if _, err := opened.ReadAt(last, size-1); err != nil {
		return 0, err
	}
	if last[0] != '\n' { // the last line is incomplete
		text.WriteByte('\n')
	}
	for _, e := range entries {
		text.WriteString(e.line())
	}
	return add(opened, size, text.String())
}

// add appends text to a file of the given size and makes it durable. If it cannot write all of it, it truncates the
// file to the old size.
func add(opened *os.File, size int64, text string) (int64, error) {
	_, err := opened.WriteString(text)
	if err == nil {
		err = opened.Sync()
	}
	if err != nil {
		return 0, errors.Join(err, opened.Truncate(size))
	}
	return size + int64(len(text)), nil
}

func (f file) read(ctx context.Context) (logKey, []entry, int, error) {
	opened, err := f.locked(ctx, os.O_RDONLY)
	if err != nil {
		return logKey{}, nil, 0, err
	}
	defer func() { _ = opened.Close() }()
	return parse(opened)
}

func syncFolder(path string) error {
	dir, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
