// Package backup packs an SQLite database into one file and unpacks it. The file is a tar archive: manifest.json, then
// secret.key where it was asked for, then kontor.db; or the same encrypted to an age recipient. Nothing of either way is
// written to the folder of temporary files.
package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
)

// The entries of the archive, in their order.
const (
	manifestName = "manifest.json"
	secretName   = "secret.key"
	databaseName = "kontor.db"
)

// Format is what Write makes and Open understands.
const Format = 1

// Manifest says what is in an archive.
type Manifest struct {
	Format   int       `json:"format"`
	Version  string    `json:"version"` // of the program
	Schema   string    `json:"schema"`  // the last step of the database's
	MadeAt   time.Time `json:"made_at"`
	Key      string    `json:"key"`    // hash that tells the SECRET_KEY in use from others, "" for none
	Secret   bool      `json:"secret"` // SECRET_KEY is in the archive
	Database File      `json:"database"`
}

// File is one in the archive.
type File struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Contents is what Write packs.
type Contents struct {
	Manifest Manifest // but for what Write finds out itself: Format, Secret, Database
	// Copy writes a copy of the database into a new file of a name.
	Copy func(ctx context.Context, path string) error
	// Secret is the text of the key's file, nil to leave it out.
	Secret []byte
	// To is the age recipient that the archive is encrypted to; "" leaves it readable.
	To string
}

// ErrExists says that there is a file of that name already. It is never written over.
var ErrExists = errors.New("there is a file of that name already")

// Write makes the archive path, 0600. It appears whole or not at all; meanwhile the archive and the copy of the database
// grow in the same folder, under path with .part and .database behind it. Who holds the first has the second, too: what a
// backup that was killed left of them is removed, and of two at once one gives way. Errors: ErrExists, ErrRunning,
// ErrRecipient, and the files' own.
func Write(ctx context.Context, path string, c Contents) (m Manifest, err error) {
	recipient, err := parseRecipient(c.To)
	if err != nil {
		return Manifest{}, err
	}
	if err := absent(path); err != nil {
		return Manifest{}, err
	}
	copied, part := path+".database", path+".part"
	out, err := claim(part)
	if err != nil {
		return Manifest{}, err
	}
	defer func() {
		if err != nil { // once it has its name, only that one is left of it
			_ = os.Remove(part)
		}
		_ = out.Close() // as the last step: it lets go of the lock
	}()
	if err := absent(path); err != nil { // one that was at work until now
		return Manifest{}, err
	}
	if err := remove(copied, copied+"-journal"); err != nil {
		return Manifest{}, err
	}
	if err := c.Copy(ctx, copied); err != nil {
		return Manifest{}, err
	}
	defer func() { err = errors.Join(err, os.Remove(copied)) }()
	m = c.Manifest
	m.Format, m.Secret = Format, c.Secret != nil
	if m.Database, err = measure(ctx, copied); err != nil {
		return Manifest{}, err
	}
	if err := pack(ctx, out, recipient, m, c.Secret, copied); err != nil {
		return Manifest{}, err
	}
	if err := out.Sync(); err != nil {
		return Manifest{}, err
	}
	return m, settle(part, path)
}

// absent returns ErrExists when there is something of a name.
func absent(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	return nil
}

func remove(paths ...string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// settle gives a finished file its name, unless another one has got it meanwhile.
func settle(part, path string) error {
	err := os.Link(part, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", path, ErrExists)
	case err == nil:
		err = os.Remove(part)
	default: // a file system that can't give a file two names: the name is claimed first
		claim, claimed := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
		if claimed != nil {
			return claimed
		}
		err = errors.Join(claim.Close(), os.Rename(part, path))
	}
	return errors.Join(err, SyncFolder(filepath.Dir(path)))
}

// SyncFolder makes what was named in a folder last.
func SyncFolder(path string) error {
	dir, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func measure(ctx context.Context, path string) (f File, err error) {
	in, err := os.Open(path) //nolint:gosec // our own copy
	if err != nil {
		return File{}, err
	}
	defer func() { _ = in.Close() }()
	sum := sha256.New()
	f.Size, err = io.Copy(sum, reader{ctx, in})
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return f, err
}

func pack(ctx context.Context, to io.Writer, recipient age.Recipient, m Manifest, secret []byte, database string) error {
	if recipient != nil {
		sealed, err := age.Encrypt(to, recipient)
		if err != nil {
			return err
		}
		if err := pack(ctx, sealed, nil, m, secret, database); err != nil {
			return err
		}
		return sealed.Close()
	}
	w := tar.NewWriter(to)
	about, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	add := func(name string, size int64, from io.Reader) error {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: size, ModTime: m.MadeAt}); err != nil {
			return err
		}
		_, err := io.Copy(w, reader{ctx, from})
		return err
	}
	if err := add(manifestName, int64(len(about)+1), newline(about)); err != nil {
		return err
	}
	if m.Secret {
		if err := add(secretName, int64(len(secret)), text(secret)); err != nil {
			return err
		}
	}
	in, err := os.Open(database) //nolint:gosec // our own copy
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if err := add(databaseName, m.Database.Size, in); err != nil {
		return err
	}
	return w.Close()
}
