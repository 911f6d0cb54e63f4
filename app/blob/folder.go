package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"
)

// Folder is a Store in a folder of this machine, or of a file system that several machines share. Each object is a file, 0600
// in folders of 0700. It is written to a temporary file and synced, the file gets its name, and the folders above it are
// synced. The context is asked before each step; it does not interrupt a file system that hangs.
type Folder struct {
	path   string
	create func(root *os.Root, name string) (tempFile, error) // makes a temporary file; tests let it fail
}

// tempFile is what Folder needs of an *os.File.
type tempFile interface {
	io.WriteCloser
	Sync() error
}

const (
	// tempFolder has the files that are being written. No object can have such a name. Since the folder of a store
	// always has it, a store without it is away: not mounted, for example.
	tempFolder = "_temporary"
	// putAttempts is how often writing is begun again because a folder was deleted meanwhile.
	putAttempts = 5
)

// OpenFolder opens the store in a folder, and makes the folder if there is none. It is an error if that can't be done, or if
// nothing can be written there.
func OpenFolder(folder string) (*Folder, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	there := folder // the closest folder that exists
	for !exists(there) {
		there = filepath.Dir(there)
	}
	if err := os.MkdirAll(filepath.Join(folder, tempFolder), 0o700); err != nil { //nolint:gosec // the operator names the folder
		return nil, orFull(err)
	}
	for made := folder; ; made = filepath.Dir(made) {
		d, err := os.Open(made) //nolint:gosec // the operator names the folder
		if err != nil {
			return nil, err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return nil, orFull(err)
		}
		if made == there {
			break
		}
	}
	f := &Folder{path: folder, create: func(root *os.Root, name string) (tempFile, error) {
		return root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	}}
	return f, f.Ready(context.Background())
}

// exists says whether there is a file or folder. The root is.
func exists(path string) bool {
	_, err := os.Stat(path) //nolint:gosec // the operator names the folder
	return !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path)
}

// open opens the folder for one call, so that one that was mounted again is found. It is an error if the store is away.
func (f *Folder) open(ctx context.Context) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, fmt.Errorf("the folder of documents is away: %w", err)
	}
	if _, err := root.Stat(tempFolder); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("the folder of documents is away: %w", err)
	}
	return root, nil
}

// Put is described by Store.
func (f *Folder) Put(ctx context.Context, name string, data []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	root, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	temp, err := f.write(root, data)
	if err != nil {
		return orFull(err)
	}
	for range putAttempts {
		if err = ctx.Err(); err != nil {
			break
		}
		if err = root.MkdirAll(path.Dir(name), 0o700); err == nil {
			err = root.Rename(temp, name)
		}
		if !errors.Is(err, fs.ErrNotExist) { // else Delete of the folder came in between
			break
		}
	}
	if err != nil {
		_ = root.Remove(temp)
		return orFull(err)
	}
	return orFull(syncUpTo(root, path.Dir(name)))
}

// write writes a temporary file and returns its name. After an error there is none.
func (f *Folder) write(root *os.Root, data []byte) (name string, err error) {
	name = path.Join(tempFolder, rand.Text())
	file, err := f.create(root, name)
	if err != nil {
		return "", err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = root.Remove(name)
		return "", err
	}
	return name, nil
}

// syncUpTo makes the entries of a folder and of all folders above it outlive a power failure. Those that have not changed cost
// next to nothing, and whoever made them may not have come to sync them.
func syncUpTo(root *os.Root, folder string) error {
	for {
		d, err := root.Open(folder)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
		if folder == "." {
			return nil
		}
		folder = path.Dir(folder)
	}
}

// Get is described by Store.
func (f *Folder) Get(ctx context.Context, name string, into []byte) ([]byte, error) {
	if err := checkName(name); err != nil {
		return into, err
	}
	root, err := f.open(ctx)
	if err != nil {
		return into, err
	}
	defer func() { _ = root.Close() }()
	file, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return into, ErrAbsent
	} else if err != nil {
		return into, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return into, err
	}
	if !info.Mode().IsRegular() {
		return into, ErrAbsent
	}
	return appendFrom(file, info.Size(), into)
}

// Delete is described by Store.
func (f *Folder) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	root, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for range putAttempts {
		if err = ctx.Err(); err != nil {
			return err
		}
		if err = root.RemoveAll(name); !errors.Is(err, syscall.ENOTEMPTY) { // else something was put there meanwhile
			break
		}
	}
	if err != nil && !errors.Is(err, syscall.ENOTDIR) {
		return err
	}
	for above := path.Dir(name); ; above = path.Dir(above) {
		if err := syncUpTo(root, above); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
}

// List is described by Store. What is no object, such as the files of others, is passed over.
func (f *Folder) List(ctx context.Context, folder string, each func(Object) error) error {
	start := "."
	if folder != "" {
		if err := checkName(folder); err != nil {
			return err
		}
		start = folder
	}
	root, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), start, func(name string, d fs.DirEntry, err error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // deleted meanwhile, or never there
			return nil
		case name != "." && checkName(name) != nil:
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case err != nil:
			return err
		case name == folder || !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		return each(Object{Name: name, Size: info.Size(), WrittenAt: info.ModTime()})
	})
}

// Ready is described by Store.
func (f *Folder) Ready(ctx context.Context) error {
	root, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	temp, err := f.write(root, []byte("ready"))
	if err != nil {
		return orFull(err)
	}
	return root.Remove(temp)
}

// Sweep removes temporary files that were last written before a time, which a killed process has left, and returns how many.
func (f *Folder) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	root, err := f.open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), tempFolder)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) { // an error: it has got its name
			continue
		}
		if err := root.Remove(path.Join(tempFolder, e.Name())); err == nil {
			removed++
		} else if !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
	}
	return removed, ctx.Err()
}

// orFull adds ErrFull to an error that says so.
func orFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
