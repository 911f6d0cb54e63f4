package transaction

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/store"
)

// dependent says how transactions are counted and deleted with their customer.
func (s *Service) dependent() customer.Dependent {
	return customer.Dependent{Count: countOfCustomer, Erase: s.eraseOfCustomer}
}

func countOfCustomer(ctx context.Context, db bun.IDB, customer uuid.UUID) (int64, error) {
	return db.NewSelect().Model((*record)(nil)).Where("customer_id = ?", customer).Count(ctx)
}

// eraseOfCustomer deletes transactions. Foreign keys delete their processors, index rows and expectations; SQLite's
// search index entries are deleted here.
func (s *Service) eraseOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (int64, error) {
	some := tx.NewSelect().Table("transactions").Column("number").Where("customer_id = ?", customer).Order("number").Limit(int64(limit))
	if !s.db.IsPostgres() {
		if _, err := tx.NewDelete().Table("transaction_search").Where("rowid IN (?)", some).Exec(ctx); err != nil {
			return 0, err
		}
	}
	return store.Affected(tx.NewDelete().Table("transactions").Where("number IN (?)", some).Exec(ctx))
}
