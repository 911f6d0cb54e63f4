// Package assignment keeps the facts that policies decide on: which specialist users administer which customer, and
// which of them process which of its transactions. It also keeps the index from which lists are read
// (transaction_visible), written in the same tx. The index stores relations, not permissions, so no change of the
// policy requires rewriting it.
//
// The caller has checked the permission to assign. Everything here runs inside the caller's tx.
package assignment

import (
	"context"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"kontor/app/store"
)

// Administrator is the fact that a specialist user administers a customer.
type Administrator struct {
	bun.BaseModel `bun:"table:customer_administrator" json:"-"`

	CustomerID   uuid.UUID `bun:"customer_id,pk"`
	SpecialistID uuid.UUID `bun:"specialist_id,pk"`
	CreatedAt    time.Time `bun:"created_at"`
	CreatedBy    uuid.UUID `bun:"created_by"`
}

// Processor is the fact that a specialist user is an additional processor of a transaction.
type Processor struct {
	bun.BaseModel `bun:"table:transaction_processor" json:"-"`

	TransactionID uuid.UUID `bun:"transaction_id,pk"`
	SpecialistID  uuid.UUID `bun:"specialist_id,pk"`
	CustomerID    uuid.UUID `bun:"customer_id"`
	CreatedAt     time.Time `bun:"created_at"`
	CreatedBy     uuid.UUID `bun:"created_by"`
}

// lock lets only one tx at a time change the index of a customer. Otherwise an appointment and a new transaction could
// each miss the other's rows. On SQLite there is only one writer anyway.
func lock(ctx context.Context, tx bun.IDB, customerID uuid.UUID) error {
	if tx.Dialect().Name() != dialect.PG {
		return nil
	}
	_, err := tx.NewSelect().Table("customer").ColumnExpr(`1`).Where(`id = ?`, customerID).For("NO KEY UPDATE").Exec(ctx)
	return err
}

// AddAdministrator makes a specialist user an administrator of a customer; fresh is false when they already were one.
func AddAdministrator(ctx context.Context, tx bun.IDB, a Administrator) (fresh bool, err error) {
	if err := lock(ctx, tx, a.CustomerID); err != nil {
		return false, err
	}
	if fresh, err = done(tx.NewInsert().Model(&a).On("CONFLICT DO NOTHING").Exec(ctx)); err != nil || !fresh {
		return false, err
	}
	return true, enter(ctx, tx, a.SpecialistID, administrates, bun.SafeQuery(`customer_id = ?`, a.CustomerID))
}

// FirstAdministrators makes specialist users the administrators of customers that are added in the same tx. Such customers
// have no transactions yet, so the index needs no rows.
func FirstAdministrators(ctx context.Context, tx bun.IDB, list ...Administrator) error {
	return store.InsertAll(ctx, tx, list)
}

// RemoveAdministrator removes a specialist user as a customer's administrator and returns the deleted row; ok is false
// when there was none.
func RemoveAdministrator(ctx context.Context, tx bun.IDB, customerID, specialistID uuid.UUID) (was Administrator, ok bool, err error) {
	if err := lock(ctx, tx, customerID); err != nil {
		return was, false, err
	}
	err = tx.NewDelete().Model(&was).Where("customer_id = ?", customerID).Where("specialist_id = ?", specialistID).Returning("*").Scan(ctx)
	if store.IsNoRows(err) {
		return was, false, nil
	}
	if err != nil {
		return was, false, err
	}
	return was, true, leave(ctx, tx, specialistID, administrates, bun.SafeQuery(`customer_id = ?`, customerID))
}

// LoadOf returns an expression for the number of customers that a specialist user administers, counted up to one more
// than most. It stands in a query of the table account with that alias.
func LoadOf(alias string, most int) string {
	return fmt.Sprintf(`(SELECT count(*) FROM (SELECT 1 FROM customer_administrator AS load WHERE load.specialist_id = %s.id LIMIT %d) AS few)`, alias, most+1)
}

// EraseOfCustomer deletes up to limit administrators of a customer that is being deleted. The customer's transactions,
// and with them the index, are deleted before.
func EraseOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (gone int64, err error) {
	some := tx.NewSelect().Model((*Administrator)(nil)).Column("specialist_id").Where("customer_id = ?", customer).Limit(int64(limit))
	return store.Affected(tx.NewDelete().Model((*Administrator)(nil)).Where("customer_id = ?", customer).Where("specialist_id IN (?)", some).Exec(ctx))
}

// AddProcessor makes a specialist user an additional processor of a transaction; fresh is false when they already were
// one. The caller has checked that the transaction belongs to the customer.
func AddProcessor(ctx context.Context, tx bun.IDB, p Processor) (fresh bool, err error) {
	if err := lock(ctx, tx, p.CustomerID); err != nil {
		return false, err
	}
	if fresh, err = done(tx.NewInsert().Model(&p).On("CONFLICT DO NOTHING").Exec(ctx)); err != nil || !fresh {
		return false, err
	}
	return true, enter(ctx, tx, p.SpecialistID, processes, bun.SafeQuery(`id = ?`, p.TransactionID))
}

// RemoveProcessor removes a specialist user as an additional processor of a transaction and returns the deleted row; ok
// is false when there was none.
func RemoveProcessor(ctx context.Context, tx bun.IDB, customerID, specialistID, transactionID uuid.UUID) (was Processor, ok bool, err error) {
	if err := lock(ctx, tx, customerID); err != nil {
		return was, false, err
	}
	err = tx.NewDelete().Model(&was).Where("transaction_id = ?", transactionID).Where("specialist_id = ?", specialistID).
		Where("customer_id = ?", customerID).Returning("*").Scan(ctx)
	if store.IsNoRows(err) {
		return was, false, nil
	}
	if err != nil {
		return was, false, err
	}
	return was, true, leave(ctx, tx, specialistID, processes, bun.SafeQuery(`id = ?`, transactionID))
}

// Added adds a transaction that has just been inserted to the index, for all administrators of its customer.
func Added(ctx context.Context, tx bun.IDB, customerID, transactionID uuid.UUID) error {
	if err := lock(ctx, tx, customerID); err != nil {
		return err
	}
	// Raw SQL: an INSERT from a SELECT.
	_, err := tx.ExecContext(ctx, `INSERT INTO transaction_visible (specialist_id, number, created_at, transaction_id, relmask)
		SELECT a.specialist_id, t.number, t.created_at, t.id, 1
		FROM transactions AS t JOIN customer_administrator AS a ON a.customer_id = t.customer_id WHERE t.id = ?`, transactionID)
	return err
}

// The bits of relmask.
const (
	administrates = 1
	processes     = 2
)

// enter adds a person's relation to transactions to the index.
func enter(ctx context.Context, tx bun.IDB, person uuid.UUID, relation int, transactions store.Condition) error {
	// Raw SQL: an INSERT from a SELECT with ON CONFLICT.
	_, err := tx.ExecContext(ctx, `INSERT INTO transaction_visible (specialist_id, number, created_at, transaction_id, relmask)
		SELECT ?, number, created_at, id, ? FROM transactions WHERE ?
		ON CONFLICT (specialist_id, created_at, transaction_id) DO UPDATE SET relmask = transaction_visible.relmask | ?`,
		person, relation, transactions, relation)
	return err
}

// leave removes a person's relation to transactions from the index, and deletes rows that have no other relation.
func leave(ctx context.Context, tx bun.IDB, person uuid.UUID, relation int, transactions store.Condition) error {
	theirs := bun.SafeQuery(`specialist_id = ? AND (created_at, transaction_id) IN (SELECT created_at, id FROM transactions WHERE ?)`,
		person, transactions)
	_, err := tx.NewDelete().Table("transaction_visible").Where(`?`, theirs).Where(`relmask = ?`, relation).Exec(ctx)
	if err != nil {
		return err
	}
	_, err = tx.NewUpdate().Table("transaction_visible").Set(`relmask = relmask - ?`, relation).
		Where(`?`, theirs).Where(`relmask = ?`, administrates|processes).Exec(ctx)
	return err
}

// done says whether a statement changed a row.
func done(res interface{ RowsAffected() (int64, error) }, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
