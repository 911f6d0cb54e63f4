package customer

import (
	"context"
	"database/sql"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

func (s *Service) markDeleting(ctx context.Context, tx bun.IDB, id uuid.UUID) (bool, error) {
	return affected(tx.NewUpdate().Model((*record)(nil)).Set("deleting = TRUE").Where("id = ?", id).Where("NOT deleting").Exec(ctx))
}

func (s *Service) insertDeletion(ctx context.Context, tx bun.IDB, d Deletion) error {
	_, err := tx.NewInsert().Model(&d).Exec(ctx)
	return err
}

func (s *Service) deletion(ctx context.Context, id uuid.UUID) (d Deletion, err error) {
	err = s.db.NewSelect().Model(&d).Where("id = ?", id).Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return d, err
}

func (s *Service) openDeletions(ctx context.Context) (list []Deletion, err error) {
	err = s.db.NewSelect().Model(&list).Where("finished_at IS NULL").Order("requested_at").Scan(ctx)
	return list, err
}

// advance stores progress. Rows that were added after the counting (a delivery report, a log entry) may make the number
// larger than total, so it is capped.
func (s *Service) advance(ctx context.Context, tx bun.IDB, id uuid.UUID, gone int64) error {
	_, err := tx.NewUpdate().Model((*Deletion)(nil)).Set("done = CASE WHEN done + ? > total THEN total ELSE done + ? END", gone, gone).
		Where("id = ?", id).Where("finished_at IS NULL").Exec(ctx)
	return err
}

// presentIDs returns the customers that are not being deleted.
func (s *Service) presentIDs(ctx context.Context) (ids []uuid.UUID, err error) {
	err = s.db.NewSelect().Model((*record)(nil)).Column("id").Where("NOT deleting").Scan(ctx, &ids)
	return ids, err
}

func (s *Service) numberOf(ctx context.Context, tx bun.IDB, id uuid.UUID) (number int64, err error) {
	err = tx.NewSelect().Model((*record)(nil)).Column("number").Where("id = ?", id).Scan(ctx, &number)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return number, err
}

func (s *Service) markRecorded(ctx context.Context, db bun.IDB, id uuid.UUID) error {
	_, err := db.NewUpdate().Model((*Deletion)(nil)).Set("recorded_at = ?", s.now()).Where("id = ?", id).Exec(ctx)
	return err
}

func (s *Service) markFinished(ctx context.Context, tx bun.IDB, id uuid.UUID) (bool, error) {
	return affected(tx.NewUpdate().Model((*Deletion)(nil)).Set("done = total").Set("finished_at = ?", s.now()).
		Where("id = ?", id).Where("finished_at IS NULL").Exec(ctx))
}

func (s *Service) deleteCustomer(ctx context.Context, tx bun.IDB, id uuid.UUID) (gone int64, err error) {
	return store.Affected(tx.NewDelete().Model((*record)(nil)).Where("id = ?", id).Exec(ctx))
}

func affected(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
