package access

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/secret"
)

// registerDeletion registers how accesses, and accounts without another access, are deleted together with their
// customer.
func (s *Service) registerDeletion(customers Customers) {
	customers.AddDependent(customer.Accesses, customer.Dependent{
		Count: countOfCustomer, LockOut: s.lockOutOfCustomer, Erase: s.eraseOfCustomer,
	})
	customers.AddDependent(customer.EndUsers, customer.Dependent{
		Count: countLeaving, LockOut: s.signOutLeaving, // eraseOfCustomer erases them
	})
}

// lockOutOfCustomer cancels the messages of a customer's accesses and voids their links and codes.
func (s *Service) lockOutOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID) error {
	ids, err := idsOfCustomer(ctx, tx, customer)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.courier.CancelAccess(ctx, tx, id); err != nil {
			return err
		}
	}
	if err := secret.VoidOfCustomer(ctx, tx, customer); err != nil {
		return err
	}
	if err := secret.Erase(ctx, tx, ids...); err != nil {
		return err
	}
	return voidCodesOfCustomer(ctx, tx, customer)
}

// signOutLeaving ends the sessions of end users who have an access to no other customer.
func (s *Service) signOutLeaving(ctx context.Context, tx bun.IDB, customer uuid.UUID) error {
	ids, err := leaving(ctx, tx, customer)
	if err != nil {
		return err
	}
	return s.accounts.RevokeOf(ctx, tx, ids...)
}

// eraseOfCustomer erases accesses, and in the same tx the accounts that lose their last access. So no account remains
// that nothing refers to.
func (s *Service) eraseOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (int64, error) {
	rows, err := someOfCustomer(ctx, tx, customer, limit)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	var ids, accounts []uuid.UUID
	for _, r := range rows {
		ids = append(ids, r.ID)
		if r.AccountID.Valid {
			accounts = append(accounts, r.AccountID.UUID)
		}
	}
	if err := s.courier.EraseOfAccesses(ctx, tx, ids); err != nil {
		return 0, err
	}
	if err := secret.Erase(ctx, tx, ids...); err != nil {
		return 0, err
	}
	if err := deleteAccess(ctx, tx, ids...); err != nil {
		return 0, err
	}
	left, err := s.accounts.Erase(ctx, tx, accounts...)
	return int64(len(ids) + len(left)), err
}

func idsOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID) (ids []uuid.UUID, err error) {
	err = tx.NewSelect().Model((*row)(nil)).Column("id").Where("customer_id = ?", customer).Scan(ctx, &ids)
	return ids, err
}

func someOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (rows []row, err error) {
	err = tx.NewSelect().Model(&rows).Column("id", "account_id").Where("customer_id = ?", customer).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

func countOfCustomer(ctx context.Context, db bun.IDB, customer uuid.UUID) (int64, error) {
	return db.NewSelect().Model((*row)(nil)).Where("customer_id = ?", customer).Count(ctx)
}

func voidCodesOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID) error {
	of := tx.NewSelect().Model((*row)(nil)).Column("id").Where("customer_id = ?", customer)
	_, err := tx.NewDelete().Model((*codeRow)(nil)).Where("access_id IN (?)", of).Exec(ctx)
	return err
}

// selectLeaving begins a query, with the table alias p, for the accounts that are deleted with a customer: end users of
// the customer who have no access to another customer and do not work for the firm.
func selectLeaving(db bun.IDB, customer uuid.UUID) *bun.SelectQuery {
	return db.NewSelect().TableExpr("account AS p").Where("NOT p.specialist").
		Where("p.id IN (SELECT a.account_id FROM access AS a WHERE a.customer_id = ?)", customer).
		Where("NOT EXISTS (SELECT 1 FROM access AS b WHERE b.account_id = p.id AND b.customer_id <> ?)", customer)
}

func leaving(ctx context.Context, tx bun.IDB, customer uuid.UUID) (ids []uuid.UUID, err error) {
	err = selectLeaving(tx, customer).Column("p.id").Scan(ctx, &ids)
	return ids, err
}

func countLeaving(ctx context.Context, db bun.IDB, customer uuid.UUID) (n int64, err error) {
	err = selectLeaving(db, customer).ColumnExpr("count(*)").Scan(ctx, &n)
	return n, err
}
