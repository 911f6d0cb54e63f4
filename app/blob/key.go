package blob

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"filippo.io/age"
	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"golang.org/x/crypto/chacha20poly1305"

	"kontor/app/store"
)

// owner is whose bytes they are, with the key that opens them. Names in the store are hashes under keys that are derived from
// this one, so they tell nothing, and equal bytes of two owners have different names.
type owner struct {
	id       uuid.UUID
	folder   string // of all its objects
	identity *age.X25519Identity
}

// newOwner makes the key of an owner.
func newOwner(id uuid.UUID) (o owner, err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return o, err
	}
	o = owner{id: id, identity: identity}
	o.folder = hex.EncodeToString(o.mac("owner", id[:])[:16])
	return o, nil
}

// derived returns a key of 32 bytes for one purpose.
func (o owner) derived(purpose string) []byte {
	return macOf([]byte(o.identity.String()), []byte(purpose))
}

// mac returns a keyed hash of 32 bytes for one purpose.
func (o owner) mac(purpose string, of []byte) []byte { return macOf(o.derived(purpose), of) }

func macOf(key, of []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(of)
	return h.Sum(nil)
}

// folderOf is the folder of a blob's objects, and of the upload that the blob was.
func (o owner) folderOf(blob uuid.UUID) string {
	return o.folder + "/" + hex.EncodeToString(o.mac("blob", blob[:])[:16])
}

// keyObject is the object with the owner's key, encrypted to ESCROW_RECIPIENT.
func (o owner) keyObject() string { return o.folder + "/key.age" }

// encrypt returns the bytes encrypted to the owner's key, as an age file. It appends to into.
func (o owner) encrypt(plain, into []byte) ([]byte, error) {
	return encryptTo(o.identity.Recipient(), plain, into)
}

func encryptTo(recipient age.Recipient, plain, into []byte) ([]byte, error) {
	out := bytes.NewBuffer(into)
	w, err := age.Encrypt(out, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close() // it writes the last bytes
	return out.Bytes(), err
}

// purposeKey is what SECRET_KEY seals the keys of owners for.
const purposeKey = "blob key"

// keyRow is a row of the table blob_key.
type keyRow struct {
	bun.BaseModel `bun:"table:blob_key"`

	OwnerID uuid.UUID `bun:"owner_id,pk"`
	Sealed  []byte    `bun:"sealed"`
	Folder  string    `bun:"folder"`
	Escrow  string    `bun:"escrow"`
}

// owner reads an owner with its key. ErrGone if there is none, or none any more.
func (s *Service) owner(ctx context.Context, db bun.IDB, id uuid.UUID) (o owner, err error) {
	var r keyRow
	err = db.NewSelect().Model(&r).Where(`owner_id = ?`, id).Scan(ctx)
	if store.IsNoRows(err) {
		return o, ErrGone
	}
	if err != nil {
		return o, err
	}
	return s.unsealed(r)
}

func (s *Service) unsealed(r keyRow) (o owner, err error) {
	if len(r.Sealed) == 0 {
		return o, ErrGone
	}
	plain, err := s.key.Open(purposeKey, r.Sealed)
	if err != nil {
		return o, fmt.Errorf("open the key of %s: %w", r.OwnerID, err)
	}
	identity, err := age.ParseX25519Identity(string(plain))
	if err != nil {
		return o, errors.New("the key of an owner is no age identity")
	}
	return owner{id: r.OwnerID, folder: r.Folder, identity: identity}, nil
}

// ensureOwner reads an owner, and makes its key if it has none yet.
func (s *Service) ensureOwner(ctx context.Context, tx bun.IDB, id uuid.UUID) (o owner, err error) {
	if o, err = s.owner(ctx, tx, id); !errors.Is(err, ErrGone) {
		return o, err
	}
	if o, err = newOwner(id); err != nil {
		return o, err
	}
	sealed, err := s.key.Seal(purposeKey, []byte(o.identity.String()))
	if err != nil {
		return o, err
	}
	r := map[string]any{"owner_id": id, "sealed": sealed, "folder": o.folder, "created_at": s.now()}
	if _, err := tx.NewInsert().Model(&r).Table("blob_key").On("CONFLICT (owner_id) DO NOTHING").Exec(ctx); err != nil {
		return o, err
	}
	return s.owner(ctx, tx, id) // another request may have been first
}

// Seal encrypts a short text, such as an answer, with the key of an owner, which is made if there is none yet. label binds the
// result to its place: it opens only with the same label.
func (s *Service) Seal(ctx context.Context, tx bun.IDB, id uuid.UUID, label, plain string) ([]byte, error) {
	o, err := s.ensureOwner(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(o.derived("text"))
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	return aead.Seal(nonce, nonce, []byte(plain), []byte(label)), nil
}

// Texts opens what Seal has sealed for one owner.
type Texts struct{ owner owner }

// Texts returns what opens the texts of an owner. ErrGone if its key was destroyed, or if it has none.
func (s *Service) Texts(ctx context.Context, db bun.IDB, id uuid.UUID) (Texts, error) {
	o, err := s.owner(ctx, db, id)
	return Texts{o}, err
}

// Open returns a text that was sealed with this label. ErrGone if it can't be opened.
func (t Texts) Open(label string, sealed []byte) (string, error) {
	aead, err := chacha20poly1305.NewX(t.owner.derived("text"))
	if err != nil {
		return "", err
	}
	if len(sealed) < aead.NonceSize() {
		return "", ErrGone
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(label))
	if err != nil {
		return "", ErrGone
	}
	return string(plain), nil
}

// escrow puts the owner's key into the store, encrypted to ESCROW_RECIPIENT, unless it is there. It runs after the tx that
// made the key; Sweep repeats what failed.
func (s *Service) escrow(ctx context.Context, r keyRow) error {
	o, err := s.unsealed(r)
	if err != nil {
		return err
	}
	if s.recipient == nil {
		err = s.objects.Delete(ctx, o.keyObject())
	} else {
		var sealed []byte
		if sealed, err = encryptTo(s.recipient, []byte(o.identity.String()+"\n"), nil); err == nil {
			err = s.objects.Put(ctx, o.keyObject(), sealed)
		}
	}
	if err != nil {
		return err
	}
	_, err = s.db.NewUpdate().Table("blob_key").Set(`escrow = ?`, s.escrowName()).Where(`owner_id = ?`, r.OwnerID).Exec(ctx)
	return err
}

func (s *Service) escrowName() string {
	if s.recipient == nil {
		return ""
	}
	return s.recipient.String()
}
