// Package backup packs an SQLite database into one file and unpacks it. The file is a tar archive: manifest.json, then
// secret.key if it was requested, then kontor.db. The archive may be encrypted to an age recipient. Neither direction
// writes anything to the folder for temporary files.
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

// The entries of the archive, in this order.
const (
	manifestName = "manifest.json"
	secretName   = "secret.key"
	databaseName = "kontor.db"
)

// formatVersion is the format version that Write writes and Open accepts.
const formatVersion = 1

// Manifest describes the contents of an archive.
type Manifest struct {
	Format   int       `json:"format"`
	Version  string    `json:"version"` // of the program
	Schema   string    `json:"schema"`  // the last migration of the database
	MadeAt   time.Time `json:"made_at"`
	Key      string    `json:"key"`    // hash that identifies the SECRET_KEY in use, "" for none
	Secret   bool      `json:"secret"` // SECRET_KEY is in the archive
	Database File      `json:"database"`
}

// File describes a file in the archive.
type File struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Contents are the parameters of Write.
type Contents struct {
	Manifest Manifest // Write sets Format, Secret and Database itself
	// Copy writes a copy of the database into a new file.
	Copy func(ctx context.Context, path string) error
	// Secret is the content of the key file, nil to leave it out.
	Secret []byte
	// To is the age recipient to encrypt the archive to; "" leaves it unencrypted.
	To string
}

// ErrExists says that there is already a file with that name. Write never overwrites a file.
var ErrExists = errors.New("there is a file of that name already")

// Write creates the archive path with mode 0600. The file appears under its name only when it is complete. Until then
// the archive is written to path.part and the copy of the database to path.database. The lock on path.part protects
// both. Files left by a killed backup are removed. If two backups to the same path run at once, one of them returns an
// error. Errors: ErrExists, ErrRunning, ErrRecipient, and those of the files.
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
		if err != nil { // after success, part no longer exists
			_ = os.Remove(part)
		}
		_ = out.Close() // last, because it releases the lock
	}()
	if err := absent(path); err != nil { // another backup may have finished in the meantime
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
	m.Format, m.Secret = formatVersion, c.Secret != nil
	if m.Database, err = measure(ctx, copied); err != nil {
		return Manifest{}, err
	}
	err = encrypted(out, recipient, func(to io.Writer) error { return pack(ctx, to, m, c.Secret, copied) })
	if err != nil {
		return Manifest{}, err
	}
	if err := out.Sync(); err != nil {
		return Manifest{}, err
	}
	return m, settle(part, path)
}

// absent returns ErrExists when path exists.
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

// settle renames a finished file to its final name, unless that name exists by now. Where there are no hard links, only
// the claim of part keeps other backups from making a file of that name between the look and the renaming.
func settle(part, path string) error {
	err := os.Link(part, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", path, ErrExists)
	case err == nil:
		err = os.Remove(part)
	default: // no hard link can be made here
		if err = absent(path); err == nil {
			err = os.Rename(part, path)
		}
	}
	return errors.Join(err, SyncFolder(filepath.Dir(path)))
}

// SyncFolder makes changes of names in a folder durable.
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

// encrypted encrypts for the recipient what write writes. Without a recipient it is written as it is.
func encrypted(to io.Writer, recipient age.Recipient, write func(to io.Writer) error) error {
	if recipient == nil {
		return write(to)
	}
	sealed, err := age.Encrypt(to, recipient)
	if err != nil {
		return err
	}
	if err := write(sealed); err != nil {
		return err
	}
	return sealed.Close()
}

// pack writes the archive's files.
func pack(ctx context.Context, to io.Writer, m Manifest, secret []byte, database string) error {
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
