package blob

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// blobRow is a row of the table blob.
type blobRow struct {
	bun.BaseModel `bun:"table:blob"`

	ID        uuid.UUID  `bun:"id,pk"`
	OwnerID   uuid.UUID  `bun:"owner_id"`
	Digest    []byte     `bun:"digest"`
	Size      int64      `bun:"size"`
	Type      string     `bun:"type"`
	Parts     []byte     `bun:"parts"`
	Scan      Scan       `bun:"scan"`
	Signature string     `bun:"signature"`
	ScannedAt *time.Time `bun:"scanned_at"`
	ScanAt    *time.Time `bun:"scan_at"`
	CreatedAt time.Time  `bun:"created_at"`
}

func (r blobRow) blob() (b Blob, err error) {
	b = Blob{ID: r.ID, OwnerID: r.OwnerID, Size: r.Size, Type: r.Type, Scan: r.Scan, Signature: r.Signature, CreatedAt: r.CreatedAt}
	b.parts, err = unpackParts(r.Parts)
	return b, err
}

// Blob returns a blob. ErrGone if there is none.
func (s *Service) Blob(ctx context.Context, db bun.IDB, id uuid.UUID) (Blob, error) {
	return oneBlob(ctx, db.NewSelect().Where(`id = ?`, id))
}

func oneBlob(ctx context.Context, q *bun.SelectQuery) (Blob, error) {
	var r blobRow
	err := q.Model(&r).Scan(ctx)
	if store.IsNoRows(err) {
		return Blob{}, ErrGone
	}
	if err != nil {
		return Blob{}, err
	}
	return r.blob()
}

// kept is what is known of bytes when all are there.
type kept struct {
	digest    []byte
	mediaType string
}

// keep makes a blob of an upload. known says that the owner has the same bytes already: then b is that blob.
func (s *Service) keep(ctx context.Context, tx bun.Tx, u Upload, k kept) (b Blob, known bool, err error) {
	now := s.now()
	r := blobRow{
		ID: u.ID, OwnerID: u.OwnerID, Digest: k.digest, Size: u.Size, Type: k.mediaType, Parts: packParts(u.parts), Scan: ScanOff, CreatedAt: now,
	}
	if s.scanner != nil {
		r.Scan, r.ScanAt = ScanWaiting, &now
	}
	n, err := store.Affected(tx.NewInsert().Model(&r).On("CONFLICT (owner_id, digest) DO NOTHING").Returning("NULL").Exec(ctx))
	if err != nil {
		return b, false, err
	}
	if n == 1 {
		b, err = r.blob()
		return b, false, err
	}
	q := tx.NewSelect().Where(`owner_id = ?`, u.OwnerID).Where(`digest = ?`, k.digest)
	if s.db.IsPostgres() {
		q.For("UPDATE") // it must not be dropped before it is used again
	}
	b, err = oneBlob(ctx, q)
	return b, true, err
}

// Drop deletes blobs that nothing refers to any more, in the caller's tx. Their bytes are deleted after it.
func (s *Service) Drop(ctx context.Context, tx bun.Tx, ids ...uuid.UUID) error {
	for _, id := range ids {
		b, err := s.Blob(ctx, tx, id)
		if err != nil {
			return err
		}
		o, err := s.owner(ctx, tx, b.OwnerID)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Table("blob").Where(`id = ?`, id).Exec(ctx); err != nil {
			return err
		}
		if err := s.discard(ctx, tx, o.folderOf(id)); err != nil {
			return err
		}
	}
	return nil
}
