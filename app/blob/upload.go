package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/app/store"
)

// maxUnfinished is how many uploads of one sender may be on their way.
const maxUnfinished = 1000

// spareParts is how many parts more than needed an upload may have, for senders that are cut off or that send small parts.
const spareParts = 64

// Taker is the package that takes the bytes of an upload.
type Taker interface {
	// Inspect looks at all bytes before the upload is complete, and returns their media type or a fault.
	Inspect(ctx context.Context, u Upload, all io.ReaderAt) (mediaType string, err error)
	// Take records what the bytes are for, in the tx that completes the upload. known says that the owner had the same bytes
	// before. If it returns an error, the upload stays as it was before its last part.
	Take(ctx context.Context, tx bun.Tx, u Upload, b Blob, known bool) error
}

// uploadRow is a row of the table upload.
type uploadRow struct {
	bun.BaseModel `bun:"table:upload"`

	ID        uuid.UUID     `bun:"id,pk"`
	OwnerID   uuid.UUID     `bun:"owner_id"`
	SenderID  uuid.UUID     `bun:"sender_id"`
	Name      string        `bun:"name"`
	Target    string        `bun:"target"`
	Size      int64         `bun:"size"`
	Received  int64         `bun:"received"`
	Hash      []byte        `bun:"hash"`
	Parts     []byte        `bun:"parts"`
	BlobID    uuid.NullUUID `bun:"blob_id"`
	CreatedAt time.Time     `bun:"created_at"`
	ExpiresAt time.Time     `bun:"expires_at"`
}

func (r uploadRow) upload() (u Upload, err error) {
	u = Upload{
		ID: r.ID, OwnerID: r.OwnerID, SenderID: r.SenderID, Name: r.Name, Target: r.Target, Size: r.Size, Received: r.Received,
		Done: r.BlobID.UUID, ExpiresAt: r.ExpiresAt, hash: r.Hash,
	}
	u.parts, err = unpackParts(r.Parts)
	return u, err
}

// Begin announces an upload, in the caller's tx. Errors: ErrEmpty, ErrTooLarge, ErrQuota, TooMany ("upload.unfinished").
func (s *Service) Begin(ctx context.Context, tx bun.Tx, a Announced) (u Upload, err error) {
	switch {
	case a.Size <= 0:
		return u, ErrEmpty
	case s.fileMax > 0 && a.Size > s.fileMax:
		return u, ErrTooLarge.With("max", fault.Bytes(s.fileMax))
	}
	o, err := s.ensureOwner(ctx, tx, a.OwnerID)
	if err != nil {
		return u, err
	}
	if err := s.allowance(ctx, tx, a); err != nil {
		return u, err
	}
	r := uploadRow{
		OwnerID: a.OwnerID, SenderID: a.SenderID, Name: a.Name, Target: a.Target, Size: a.Size, Parts: []byte{}, CreatedAt: s.now(),
		ExpiresAt: s.now().Add(UploadLife),
	}
	if r.Hash, err = marshalled(sha256.New()); err != nil {
		return u, err
	}
	if r.ID, err = uuid.NewV7(); err != nil {
		return u, err
	}
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return u, err
	}
	store.AfterCommit(ctx, func() { s.escrowLater(ctx, o.id) })
	return r.upload()
}

// allowance returns an error if the sender or the owner has too much already.
func (s *Service) allowance(ctx context.Context, tx bun.Tx, a Announced) error {
	n, err := tx.NewSelect().Table("upload").Where(`sender_id = ?`, a.SenderID).Where(`blob_id IS NULL`).Count(ctx)
	if err != nil {
		return err
	}
	if n >= maxUnfinished {
		return fault.New(fault.TooMany, "upload.unfinished").After(time.Hour)
	}
	if s.quota <= 0 || a.OwnerID == Firm {
		return nil
	}
	used, err := s.Used(ctx, tx, a.OwnerID)
	if err == nil && used+a.Size > s.quota {
		err = ErrQuota.With("max", fault.Bytes(s.quota)).With("left", fault.Bytes(max(0, s.quota-used)))
	}
	return err
}

// Upload returns an upload. ErrNotFound.
func (s *Service) Upload(ctx context.Context, id uuid.UUID) (u Upload, err error) {
	var r uploadRow
	err = s.db.NewSelect().Model(&r).Where(`id = ?`, id).Where(`expires_at > ?`, s.now()).Scan(ctx)
	if store.IsNoRows(err) {
		return u, ErrNotFound
	}
	if err != nil {
		return u, err
	}
	return r.upload()
}

// Append stores the next bytes of an upload, at most PartSize. With the last ones the taker looks at the whole, and the upload
// becomes a blob: both in one tx, so that there is a whole document or none. Until Append has returned nil, the bytes may have to
// be sent again. Errors: ErrOffset when at is not where the upload stands, ErrTooMuch, ErrFull, ErrNotFound, and the taker's.
func (s *Service) Append(ctx context.Context, u Upload, at int64, data []byte, taker Taker) (Upload, error) {
	switch {
	case u.Received != at || u.Done != uuid.Nil && len(data) > 0:
		return u, ErrOffset
	case len(data) == 0:
		return u, nil
	case len(data) > PartSize, at+int64(len(data)) > u.Size, int64(len(u.parts)) > u.Size/PartSize*2+spareParts:
		return u, ErrTooMuch
	}
	o, err := s.owner(ctx, s.db, u.OwnerID)
	if err != nil {
		return u, err
	}
	next, err := s.put(ctx, o, u, data)
	if err != nil {
		return u, err
	}
	if next.Received < next.Size {
		if err := s.advance(ctx, s.db, u, next); err != nil {
			return u, err
		}
		return next, nil
	}
	return s.complete(ctx, o, u, next, taker)
}

// put stores bytes as the next part, and returns the upload with them. The database does not know of it yet.
func (s *Service) put(ctx context.Context, o owner, u Upload, data []byte) (next Upload, err error) {
	p, err := o.partOf(data)
	if err != nil {
		return u, err
	}
	sum, err := unmarshalled(u.hash)
	if err != nil {
		return u, err
	}
	sum.Write(data)
	buffer := buffers.Get().(*[]byte) //nolint:forcetypeassert // of this package
	defer buffers.Put(buffer)
	sealed, err := o.encrypt(data, (*buffer)[:0])
	if err != nil {
		return u, err
	}
	*buffer = sealed
	if err := s.objects.Put(ctx, p.object(o.folderOf(u.ID)), sealed); err != nil {
		return u, storing(err)
	}
	next = u
	next.parts = append(append(make([]part, 0, len(u.parts)+1), u.parts...), p)
	next.Received += int64(len(data))
	next.ExpiresAt = s.now().Add(UploadLife)
	next.hash, err = marshalled(sum)
	return next, err
}

// storing turns an error of the store into one that people can act on.
func storing(err error) error {
	if errors.Is(err, ErrFull) {
		return fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "upload.full").After(time.Minute), err)
	}
	return fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "upload.away").After(10*time.Second), err)
}

// advance records that a part has come. ErrOffset if somebody else was first, or the upload is gone.
func (s *Service) advance(ctx context.Context, db bun.IDB, u, next Upload) error {
	n, err := store.Affected(db.NewUpdate().Table("upload").
		Set(`received = ?`, next.Received).Set(`hash = ?`, next.hash).Set(`parts = ?`, packParts(next.parts)).Set(`expires_at = ?`, next.ExpiresAt).
		Where(`id = ?`, u.ID).Where(`received = ?`, u.Received).Where(`blob_id IS NULL`).Exec(ctx))
	if err == nil && n == 0 {
		err = ErrOffset
	}
	return err
}

// complete makes a blob of an upload whose parts are all there.
func (s *Service) complete(ctx context.Context, o owner, u, next Upload, taker Taker) (Upload, error) {
	all := s.reader(ctx, o, next.ID, next.parts)
	mediaType, err := taker.Inspect(ctx, next, all)
	_ = all.Close()
	if err != nil {
		return u, err
	}
	sum, err := unmarshalled(next.hash)
	if err != nil {
		return u, err
	}
	digest := o.mac("digest", sum.Sum(nil))
	var made Blob
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.advance(ctx, tx, u, next); err != nil {
			return err
		}
		b, known, err := s.keep(ctx, tx, next, kept{digest, mediaType})
		if err != nil {
			return err
		}
		if known {
			if err := s.discard(ctx, tx, o.folderOf(u.ID)); err != nil {
				return err
			}
		}
		if _, err := tx.NewUpdate().Table("upload").Set(`blob_id = ?`, b.ID).Where(`id = ?`, u.ID).Exec(ctx); err != nil {
			return err
		}
		next.Done, made = b.ID, b
		return taker.Take(ctx, tx, next, b, known)
	})
	if err != nil {
		return u, err
	}
	s.scanSoon(ctx, made)
	return next, nil
}

// Abort ends an upload: what has come is deleted. Nothing happens to one that is complete.
func (s *Service) Abort(ctx context.Context, u Upload) error {
	o, err := s.owner(ctx, s.db, u.OwnerID)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := store.Affected(tx.NewDelete().Table("upload").Where(`id = ?`, u.ID).Where(`blob_id IS NULL`).Exec(ctx))
		if err != nil || n == 0 {
			return err
		}
		return s.discard(ctx, tx, o.folderOf(u.ID))
	})
}

// All stores a file that has come as a whole, part by part.
func (s *Service) All(ctx context.Context, u Upload, file io.Reader, taker Taker) (_ Upload, err error) {
	data := make([]byte, PartSize)
	for u.Done == uuid.Nil {
		n, err := io.ReadFull(file, data)
		if n == 0 {
			return u, err
		}
		if u, err = s.Append(ctx, u, u.Received, data[:n], taker); err != nil {
			return u, err
		}
	}
	return u, nil
}

func marshalled(h hash.Hash) ([]byte, error) {
	return h.(encoding.BinaryMarshaler).MarshalBinary() //nolint:forcetypeassert // documented for SHA-256
}

func unmarshalled(state []byte) (hash.Hash, error) {
	h := sha256.New()
	return h, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(bytes.Clone(state)) //nolint:forcetypeassert // documented for SHA-256
}
