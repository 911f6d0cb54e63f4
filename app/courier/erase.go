package courier

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// CountOfCustomer counts the messages that belong to a customer.
func (s *Service) CountOfCustomer(ctx context.Context, db bun.IDB, customer uuid.UUID) (int64, error) {
	return db.NewSelect().Model((*Message)(nil)).Where("customer_id = ?", customer).Count(ctx)
}

// EraseOfCustomer deletes up to limit messages of a customer that is being deleted, with their attempts, and returns
// how many messages it deleted.
func (s *Service) EraseOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (gone int64, err error) {
	some := tx.NewSelect().Model((*Message)(nil)).Column("id").Where("customer_id = ?", customer).Limit(int64(limit))
	q := tx.NewDelete().Model((*Message)(nil)).Where("customer_id = ?", customer).Where("id IN (?)", some)
	return store.Affected(q.Exec(ctx))
}

// EraseOfAccesses deletes the messages of accesses, with their attempts.
func (s *Service) EraseOfAccesses(ctx context.Context, tx bun.IDB, ids []uuid.UUID) error {
	_, err := tx.NewDelete().Model((*Message)(nil)).Where("access_id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}
