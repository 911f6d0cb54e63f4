package document

import (
	"context"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/transaction"
)

// manifestsAtOnce is how many manifests are written before the database is asked for more.
const manifestsAtOnce = 100

// unwritten says that manifests of a transaction must be written anew, because something in it has another name or place.
func (s *Service) unwritten(ctx context.Context, tx bun.Tx, transactionID uuid.UUID) error {
	of := tx.NewSelect().Table("element").Column("id").Where(`transaction_id = ?`, transactionID)
	_, err := tx.NewUpdate().Table("element_version").Set(`written = FALSE`).Where(`element_id IN (?)`, of).Where(`blob_id IS NOT NULL`).Where(`written`).Exec(ctx)
	return err
}

// writeLater writes the manifest of a version after a commit. WriteManifests repeats what failed.
func (s *Service) writeLater(ctx context.Context, versionID uuid.UUID) {
	if !s.Blobs.Escrowed() {
		return
	}
	ctx = context.WithoutCancel(ctx)
	var list []unwrittenRow
	err := s.unwrittenRows().Where(`v.id = ?`, versionID).Scan(ctx, &list)
	for _, r := range list {
		if err == nil {
			err = s.writeManifest(ctx, r)
		}
	}
	if err != nil {
		s.Log.Warn("names of documents are not in the store yet for ESCROW_RECIPIENT; it is tried again", "error", err)
	}
}

// WriteManifests puts the names of documents into the store, for who opens it with the key of ESCROW_RECIPIENT. Several processes
// may call it at once. It does nothing while that is not set.
func (s *Service) WriteManifests(ctx context.Context) error {
	if !s.Blobs.Escrowed() {
		return nil
	}
	for {
		var list []unwrittenRow
		if err := s.unwrittenRows().OrderExpr(`v.id`).Limit(manifestsAtOnce).Scan(ctx, &list); err != nil {
			return err
		}
		for _, r := range list {
			if err := s.writeManifest(ctx, r); err != nil {
				return err
			}
		}
		if len(list) < manifestsAtOnce {
			return nil
		}
	}
}

// unwrittenRows selects the versions whose manifests are not written.
func (s *Service) unwrittenRows() *bun.SelectQuery {
	return s.DB.NewSelect().TableExpr(`element_version AS v`).Join(`JOIN element AS e ON e.id = v.element_id`).
		Join(`JOIN transactions AS t ON t.id = e.transaction_id`).Join(`JOIN customer AS k ON k.id = e.customer_id AND NOT k.deleting`).
		ColumnExpr(`v.id, v.blob_id, v.number, v.file, v.element_id, t.number AS transaction_number, t.name AS transaction_name`).
		Where(`v.blob_id IS NOT NULL`).Where(`NOT v.written`)
}

// unwrittenRow is a version whose manifest is not written.
type unwrittenRow struct {
	ID                uuid.UUID `bun:"id"`
	BlobID            uuid.UUID `bun:"blob_id"`
	Number            int       `bun:"number"`
	File              string    `bun:"file"`
	ElementID         uuid.UUID `bun:"element_id"`
	TransactionNumber int64     `bun:"transaction_number"`
	TransactionName   string    `bun:"transaction_name"`
}

func (s *Service) writeManifest(ctx context.Context, r unwrittenRow) error {
	var folders []string
	for id := store.NullID(r.ElementID); id.Valid; {
		var e struct {
			Name     string        `bun:"name"`
			ParentID uuid.NullUUID `bun:"parent_id"`
		}
		if err := s.DB.NewSelect().Table("element").Column("name", "parent_id").Where(`id = ?`, id).Scan(ctx, &e); err != nil {
			return err
		}
		folders = append([]string{asSegment(e.Name)}, folders...)
		id = e.ParentID
	}
	path := append([]string{asSegment(transaction.Label(r.TransactionNumber) + " " + r.TransactionName)}, folders...)
	b, err := s.Blobs.Blob(ctx, s.DB, r.BlobID)
	if err != nil {
		return err
	}
	name := strings.Join(path, "/") + "/" + asSegment(numbered(r.File, r.Number))
	if err := s.Blobs.WriteManifest(ctx, b, r.ID, name); err != nil {
		return err
	}
	_, err = s.DB.NewUpdate().Table("element_version").Set(`written = TRUE`).Where(`id = ?`, r.ID).Exec(ctx)
	return err
}

// asSegment makes a name a segment of a path.
func asSegment(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == '/' || r == '\\' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
	if strings.Trim(name, ". ") == "" {
		return "_"
	}
	return name
}
