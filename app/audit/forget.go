package audit

import (
	"bytes"
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Forget removes accounts from the log, inside the tx that deletes them. It deletes the entries without a customer that
// one of the accounts made or that are about one of them. In entries with a customer, it clears the network addresses
// from which the accounts acted; the names stay, because data about a customer is deleted with the customer. Forget
// returns the original entries, oldest first.
func (l *Log) Forget(ctx context.Context, tx bun.IDB, accounts ...uuid.UUID) (taken []Entry, err error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	ids := bun.List(accounts)
	var addresses []Entry
	err = tx.NewSelect().Model(&addresses).Where("actor_id IN (?)", ids).Where("customer_id IS NOT NULL").
		Where("address <> ''").Scan(ctx)
	if err != nil {
		return nil, err
	}
	_, err = tx.NewUpdate().Model((*Entry)(nil)).Set("address = ''").Where("actor_id IN (?)", ids).
		Where("customer_id IS NOT NULL").Where("address <> ''").Exec(ctx)
	if err != nil {
		return nil, err
	}
	var own []Entry
	for _, column := range []string{"actor_id", "subject_id"} { // two statements, so that each can use an index
		var gone []Entry
		err := tx.NewDelete().Model(&gone).Where("customer_id IS NULL").Where("? IN (?)", bun.Ident(column), ids).Returning("*").Scan(ctx)
		if err != nil {
			return nil, err
		}
		own = append(own, gone...)
	}
	taken = slices.Concat(addresses, own)
	slices.SortFunc(taken, func(a, b Entry) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return taken, nil
}

// Remember puts back what Forget removed, when the account is restored.
func (l *Log) Remember(ctx context.Context, tx bun.IDB, taken []Entry) error {
	for _, e := range taken {
		var err error
		if e.CustomerID.Valid {
			_, err = tx.NewUpdate().Model(&e).Column("address").WherePK().Exec(ctx)
		} else {
			_, err = tx.NewInsert().Model(&e).Exec(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// CountOfCustomer counts the entries about a customer.
func CountOfCustomer(ctx context.Context, db bun.IDB, customer uuid.UUID) (int64, error) {
	return db.NewSelect().Model((*Entry)(nil)).Where("customer_id = ?", customer).Count(ctx)
}

// EraseOfCustomer deletes up to limit entries about a customer that is being deleted, and returns how many it deleted.
func EraseOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (gone int64, err error) {
	some := tx.NewSelect().Model((*Entry)(nil)).Column("id").Where("customer_id = ?", customer).Limit(int64(limit))
	q := tx.NewDelete().Model((*Entry)(nil)).Where("customer_id = ?", customer).Where("id IN (?)", some)
	return store.Affected(q.Exec(ctx))
}
