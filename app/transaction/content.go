package transaction

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// GetIn is Get in a tx of the caller's, or without one.
func (s *Service) GetIn(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID) (Transaction, error) {
	return s.authorise(ctx, db, c, id, policies.Read)
}

// Hold is Get for a change of what the transaction consists of: until the tx ends nobody else holds it, or changes its status.
// ErrNotFound.
func (s *Service) Hold(ctx context.Context, tx bun.Tx, c account.Caller, id uuid.UUID) (Transaction, error) {
	if s.db.IsPostgres() {
		// The customer is locked first, as everywhere.
		if _, err := s.authorise(ctx, tx, c, id, policies.Read); err != nil {
			return Transaction{}, err
		}
		var held uuid.UUID
		if err := tx.NewSelect().Table("transactions").Column("id").Where(`id = ?`, id).For(`NO KEY UPDATE`).Scan(ctx, &held); err != nil {
			return Transaction{}, err
		}
	}
	return s.authorise(ctx, tx, c, id, policies.Read)
}

// HoldAny is Hold for what Kontor does itself. ErrNotFound, also if the customer is being deleted.
func (s *Service) HoldAny(ctx context.Context, tx bun.Tx, id uuid.UUID) error {
	var held uuid.UUID
	q := tx.NewSelect().ColumnExpr(`t.id`).TableExpr(`transactions AS t`+joined).Where(`t.id = ?`, id)
	if s.db.IsPostgres() {
		q.For(`KEY SHARE OF k`) // the customer is locked first, as everywhere
	}
	err := q.Scan(ctx, &held)
	if store.IsNoRows(err) {
		return ErrNotFound
	}
	if err != nil || !s.db.IsPostgres() {
		return err
	}
	return tx.NewSelect().Table("transactions").Column("id").Where(`id = ?`, id).For(`NO KEY UPDATE`).Scan(ctx, &held)
}

// SetProgress records how far a transaction is that the caller holds. It is no change that others could overwrite, so the version
// stays.
func (s *Service) SetProgress(ctx context.Context, tx bun.Tx, id uuid.UUID, p Progress) error {
	_, err := tx.NewUpdate().Table("transactions").Set(`asked = ?`, p.Asked).Set(`answered = ?`, p.Answered).Set(`to_review = ?`, p.ToReview).
		Where(`id = ?`, id).Exec(ctx)
	return err
}

// SetExtensible says whether elements may be added at the root of a transaction that the caller holds.
func (s *Service) SetExtensible(ctx context.Context, tx bun.Tx, id uuid.UUID, may bool) error {
	_, err := tx.NewUpdate().Table("transactions").Set(`extensible = ?`, may).Where(`id = ?`, id).Exec(ctx)
	return err
}

// Viewed records that an end user has opened the transaction. first says that nobody of the customer had opened it before.
func (s *Service) Viewed(ctx context.Context, tx bun.Tx, id uuid.UUID) (first bool, err error) {
	n, err := store.Affected(tx.NewUpdate().Table("transactions").Set(`viewed_at = ?`, s.now()).Where(`id = ?`, id).Where(`viewed_at IS NULL`).Exec(ctx))
	return n > 0, err
}
