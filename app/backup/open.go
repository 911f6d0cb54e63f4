package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

var (
	// ErrRecipient says that text is not an age recipient.
	ErrRecipient = errors.New("this is no age recipient: it begins with age1, and age-keygen prints it as the public key")
	// ErrIdentity says that an archive is encrypted and that no identity was given that can decrypt it.
	ErrIdentity = errors.New("the backup is encrypted: --identity takes the file with the age identity that it was encrypted to")
	// ErrDamaged says that a file is no archive, or is incomplete or was changed.
	ErrDamaged = errors.New("this is no backup, or it is damaged")
	// ErrFormat says that a newer program made the archive.
	ErrFormat = errors.New("a newer program made this backup: restore it with that one")
)

const (
	sealedWord = "age-encryption.org/"
	// manifestMost and secretMost limit what is read into memory.
	manifestMost = 64 << 10
	secretMost   = 4 << 10
)

func parseRecipient(to string) (age.Recipient, error) {
	if to == "" {
		return nil, nil //nolint:nilnil // nobody: not encrypted
	}
	r, err := age.ParseX25519Recipient(to)
	if err != nil {
		return nil, ErrRecipient
	}
	return r, nil
}

// Archive is an archive that is being unpacked.
type Archive struct {
	Manifest Manifest
	Secret   []byte // the content of the key file, if the archive contains it
	Sealed   bool   // the archive is encrypted
	file     *os.File
	tar      *tar.Reader
}

// Open reads the manifest of an archive, and the key if the archive contains it. identity is the name of a file with
// the age identity for an encrypted archive. Errors: ErrIdentity, ErrDamaged, ErrFormat, and those of the file.
func Open(path, identity string) (a *Archive, err error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	plain, sealed, err := unseal(file, identity)
	if err != nil {
		return nil, err
	}
	if a, err = read(plain); err != nil {
		return nil, err
	}
	a.file, a.Sealed = file, sealed
	return a, nil
}

// Close closes the archive's file.
func (a *Archive) Close() error { return a.file.Close() }

func unseal(file io.Reader, identity string) (plain io.Reader, sealed bool, err error) {
	in := bufio.NewReaderSize(file, 64<<10)
	begin, _ := in.Peek(len(sealedWord)) // a shorter file is no archive; read reports it
	if string(begin) != sealedWord {
		return in, false, nil
	}
	if identity == "" {
		return nil, true, ErrIdentity
	}
	keys, err := os.Open(identity) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, true, err
	}
	defer func() { _ = keys.Close() }()
	identities, err := age.ParseIdentities(keys)
	if err != nil {
		return nil, true, fmt.Errorf("%s has no age identity in it", identity) // err could contain the identity
	}
	plain, err = age.Decrypt(in, identities...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, true, fmt.Errorf("%w; %s is another one", ErrIdentity, identity)
	case err != nil:
		return nil, true, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return plain, true, nil
}

// read reads an archive up to the entry of the database.
func read(plain io.Reader) (*Archive, error) {
	a := &Archive{tar: tar.NewReader(plain)}
	about, err := a.small(manifestName, manifestMost)
	if err != nil {
		return nil, err
	}
	if a.Manifest, err = parseManifest(about); err != nil {
		return nil, err
	}
	if a.Manifest.Secret {
		a.Secret, err = a.small(secretName, secretMost)
	}
	return a, err
}

// parseManifest decodes and checks a manifest. Errors: ErrDamaged, ErrFormat.
func parseManifest(text []byte) (m Manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil || m.Format < 1 {
		return Manifest{}, fmt.Errorf("%w: its manifest can't be read", ErrDamaged)
	}
	if m.Format > formatVersion {
		return Manifest{}, ErrFormat
	}
	raw, err := hex.DecodeString(m.Database.SHA256)
	if err != nil || len(raw) != sha256.Size || m.Database.Size <= 0 || m.MadeAt.IsZero() {
		return Manifest{}, fmt.Errorf("%w: its manifest is incomplete", ErrDamaged)
	}
	return m, nil
}

// next goes to the next entry, which must be a regular file with that name.
func (a *Archive) next(name string) (size int64, err error) {
	h, err := a.tar.Next()
	if err != nil {
		return 0, fmt.Errorf("%w: %s is missing", ErrDamaged, name)
	}
	if h.Typeflag != tar.TypeReg || h.Name != name {
		return 0, fmt.Errorf("%w: %s is not where it should be", ErrDamaged, name)
	}
	return h.Size, nil
}

func (a *Archive) small(name string, most int64) ([]byte, error) {
	size, err := a.next(name)
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("%w: %s is too long", ErrDamaged, name)
	}
	raw, err := io.ReadAll(a.tar)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return raw, nil
}

// Database unpacks the database into a new file with mode 0600 and makes it durable. After an error the file does not
// exist. Errors: ErrDamaged when the content is not what was packed, and those of the file.
func (a *Archive) Database(ctx context.Context, path string) (err error) {
	size, err := a.next(databaseName)
	if err != nil {
		return err
	}
	if size != a.Manifest.Database.Size {
		return fmt.Errorf("%w: the database has another size than it had", ErrDamaged)
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // beside the operator's database
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(path)
		}
	}()
	sum := sha256.New()
	from := &source{from: a.tar}
	if _, err := io.Copy(io.MultiWriter(out, sum), reader{ctx, from}); err != nil {
		if from.err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: it is cut short or was changed", ErrDamaged)
		}
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != a.Manifest.Database.SHA256 {
		return fmt.Errorf("%w: the database is not the one that was packed", ErrDamaged)
	}
	if _, err := a.tar.Next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something is behind the database", ErrDamaged)
	}
	return errors.Join(out.Sync(), out.Close())
}

// reader stops reading when its ctx ends.
type reader struct {
	ctx  context.Context
	from io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

// source records an error of reading, to distinguish it from an error of writing.
type source struct {
	from io.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func text(b []byte) io.Reader { return bytes.NewReader(b) }

func newline(b []byte) io.Reader { return io.MultiReader(bytes.NewReader(b), strings.NewReader("\n")) }
