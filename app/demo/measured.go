package demo

import (
	"context"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// MeasuredSpecialists is the number of specialist users in databases that are measured. The first one administers a tenth
// of all customers, the last one 17.
const MeasuredSpecialists = 50

// Measured are the options with which measurements seed this number of customers: each has three transactions, and one of
// the specialist users as its administrator. All measurements use the same, so a database that is kept serves all of them.
func Measured(customers int) SeedOptions {
	return SeedOptions{Customers: customers, TransactionsPerCustomer: 3, Assignments: customers, Specialists: MeasuredSpecialists, Seed: 1}
}

// Remove deletes the customers whose folded name begins with prefix, and what the log says of them. A measurement removes
// with it what it has added. No deletion is recorded.
func Remove(ctx context.Context, db *store.DB, prefix string) error {
	return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		named := func(column string) *bun.SelectQuery {
			return tx.NewSelect().Table("customer").Column(column).
				Where("name_sort >= ?", prefix).Where("name_sort < ?", prefix+"~").Where("NOT deleting")
		}
		if _, err := tx.NewDelete().Table("audit").Where("customer_id IN (?)", named("id")).Exec(ctx); err != nil {
			return err
		}
		if !db.IsPostgres() {
			if _, err := tx.NewDelete().Table("customer_search").Where("rowid IN (?)", named("number")).Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.NewDelete().Table("customer").Where("id IN (?)", named("id")).Exec(ctx)
		return err
	})
}
