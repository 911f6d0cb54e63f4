package audit

import (
	"bytes"
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Forget takes out of the log what it says of accounts that are going, inside the tx that deletes them: the entries of no
// customer that one of them made or that are about one of them, and the addresses of the network from which they did
// what stands in customers' logs. The names there stay: what is said of a customer goes with the customer. It returns
// what it took, oldest first, as it was.
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
	for _, column := range []string{"actor_id", "subject_id"} { // two statements: each is served by an index
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

// Remember puts back what Forget took, when the account comes back.
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

// EraseOfCustomer deletes up to limit entries about a customer that is being deleted, and says how many there were.
func EraseOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (gone int64, err error) {
	some := tx.NewSelect().Model((*Entry)(nil)).Column("id").Where("customer_id = ?", customer).Limit(int64(limit))
	q := tx.NewDelete().Model((*Entry)(nil)).Where("customer_id = ?", customer).Where("id IN (?)", some)
	return store.Affected(q.Exec(ctx))
}
