package document

import (
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/store"
)

// dependent says how elements are counted and deleted with their customer. The key is destroyed at once, so nothing can be read from
// the moment on at which the deletion is decided.
func (s *Service) dependent() customer.Dependent {
	return customer.Dependent{Count: countOfCustomer, LockOut: s.Blobs.Destroy, Erase: s.eraseOfCustomer}
}

// countOfCustomer counts the documents of a customer, all their versions included.
func countOfCustomer(ctx context.Context, db bun.IDB, customerID uuid.UUID) (int64, error) {
	n, err := db.NewSelect().Table("element_version").Where(`customer_id = ?`, customerID).Where(`blob_id IS NOT NULL`).Count(ctx)
	return n, err
}

// eraseOfCustomer deletes comments, versions and elements, then the bytes. Foreign keys delete what is in a folder.
func (s *Service) eraseOfCustomer(ctx context.Context, tx bun.IDB, customerID uuid.UUID, limit int) (gone int64, err error) {
	for _, table := range []string{"element_comment", "element_version", "element"} {
		some := tx.NewSelect().Table(table).Column("id").Where(`customer_id = ?`, customerID).Limit(int64(limit))
		if gone, err = store.Affected(tx.NewDelete().Table(table).Where(`id IN (?)`, some).Exec(ctx)); err != nil || gone > 0 {
			return gone, err
		}
	}
	return s.Blobs.Erase(ctx, tx, customerID, limit)
}

// purgedAtOnce is how many elements, each with all that is in it, are deleted in one tx.
const purgedAtOnce = 20

// Purge deletes what has been in the trash for TrashLife, with its documents. Several processes may call it at once.
func (s *Service) Purge(ctx context.Context) error {
	for gone := purgedAtOnce; gone == purgedAtOnce; {
		err := s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			gone, err = s.purge(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) purge(ctx context.Context, tx bun.Tx) (gone int, err error) {
	var roots []uuid.UUID
	q := tx.NewSelect().Table("element").Column("id").Where(`trashed_at <= ?`, s.Now().Add(-TrashLife)).Where(`trashed_with = id`).
		Order("trashed_at").Limit(purgedAtOnce) // what is in a folder was moved to the trash with it, or before
	if s.DB.IsPostgres() {
		q.For("UPDATE SKIP LOCKED")
	}
	if err := q.Scan(ctx, &roots); err != nil || len(roots) == 0 {
		return 0, err
	}
	all := tx.NewSelect().Table("element").Column("id").Where(`trashed_with IN (?)`, bun.List(roots))
	var blobs []uuid.UUID
	err = tx.NewSelect().Table("element_version").Column("blob_id").Where(`element_id IN (?)`, all).Where(`blob_id IS NOT NULL`).Scan(ctx, &blobs)
	if err != nil {
		return 0, err
	}
	if _, err := tx.NewDelete().Table("element").Where(`trashed_with IN (?)`, bun.List(roots)).Exec(ctx); err != nil {
		return 0, err
	}
	slices.SortFunc(blobs, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return len(roots), s.dropUnused(ctx, tx, slices.Compact(blobs))
}

// dropUnused deletes those of the blobs that no version has any more.
func (s *Service) dropUnused(ctx context.Context, tx bun.Tx, ids []uuid.UUID) error {
	for _, id := range ids {
		used, err := tx.NewSelect().Table("element_version").Where(`blob_id = ?`, id).Exists(ctx)
		if err != nil {
			return err
		}
		if !used {
			if err := s.Blobs.Drop(ctx, tx, id); err != nil {
				return err
			}
		}
	}
	return nil
}
