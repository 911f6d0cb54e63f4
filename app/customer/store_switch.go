package customer

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// administered returns customers that a specialist user administers, after a given id, in the order of the ids.
func (s *Service) administered(ctx context.Context, tx bun.IDB, specialist, after uuid.UUID, limit int) (ids []uuid.UUID, err error) {
	err = tx.NewSelect().Table("customer_administrator").Column("customer_id").
		Where("specialist_id = ?", specialist).Where("customer_id > ?", after).Order("customer_id").Limit(int64(limit)).Scan(ctx, &ids)
	return ids, err
}

// openSwitch is a specialist user who was deactivated or reactivated, until all their customers are processed.
type openSwitch struct {
	bun.BaseModel `bun:"table:administrator_switch"`

	SpecialistID uuid.UUID `bun:"specialist_id,pk"`
	AtCustomer   uuid.UUID `bun:"at_customer"` // the last processed customer
}

func (s *Service) noteSwitch(ctx context.Context, tx bun.IDB, specialist uuid.UUID) error {
	_, err := tx.NewInsert().Model(&openSwitch{SpecialistID: specialist}).
		On("CONFLICT (specialist_id) DO UPDATE").Set("at_customer = EXCLUDED.at_customer").Exec(ctx)
	return err
}

func (s *Service) openSwitches(ctx context.Context) (ids []uuid.UUID, err error) {
	err = s.db.NewSelect().Model((*openSwitch)(nil)).Column("specialist_id").Scan(ctx, &ids)
	return ids, err
}

func (s *Service) lockSwitch(ctx context.Context, tx bun.IDB, specialist uuid.UUID) (after uuid.UUID, open bool, err error) {
	q := tx.NewSelect().Model((*openSwitch)(nil)).Column("at_customer").Where("specialist_id = ?", specialist)
	if s.db.IsPostgres() {
		q.For("UPDATE")
	}
	err = q.Scan(ctx, &after)
	if store.IsNoRows(err) {
		return uuid.Nil, false, nil
	}
	return after, err == nil, err
}

func (s *Service) moveSwitch(ctx context.Context, tx bun.IDB, specialist, to uuid.UUID) error {
	_, err := tx.NewUpdate().Model((*openSwitch)(nil)).Set("at_customer = ?", to).Where("specialist_id = ?", specialist).Exec(ctx)
	return err
}

func (s *Service) endSwitch(ctx context.Context, tx bun.IDB, specialist uuid.UUID) error {
	_, err := tx.NewDelete().Model((*openSwitch)(nil)).Where("specialist_id = ?", specialist).Exec(ctx)
	return err
}

// needsRow is a customer with its needs.
type needsRow struct {
	Number int64     `bun:"number"`
	ID     uuid.UUID `bun:"id"`
	needs
}

// lockNeeds loads customers, and on PostgreSQL locks them until the tx ends, so that other txs do not recompute
// them.
func (s *Service) lockNeeds(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (list []needsRow, err error) {
	q := tx.NewSelect().Model((*record)(nil)).Column("number", "id", "no_administrator_since", "no_access_since", "invitation_at", "attention_at").
		Where("id IN (?)", bun.List(ids)).Order("id")
	if s.db.IsPostgres() {
		q.For("NO KEY UPDATE")
	}
	err = q.Scan(ctx, &list)
	return list, err
}

func (s *Service) setNeeds(ctx context.Context, tx bun.IDB, numbers []int64, n needs) error {
	_, err := tx.NewUpdate().Model((*record)(nil)).Set("no_administrator_since = ?", n.NoAdministrator).Set("no_access_since = ?", n.NoAccess).
		Set("invitation_at = ?", n.OpenInvitation).Set("attention_at = ?", n.AttentionAt).Where("number IN (?)", bun.List(numbers)).Exec(ctx)
	return err
}

// nobodyElse is the condition that no other active specialist user administers the customer of the row ca.
const nobodyElse = `NOT EXISTS (SELECT 1 FROM customer_administrator AS o JOIN account AS p ON p.id = o.specialist_id AND p.active
	WHERE o.customer_id = ca.customer_id AND o.specialist_id <> ca.specialist_id)`

func (s *Service) countLeft(ctx context.Context, specialist uuid.UUID) (n int64, err error) {
	err = s.db.NewSelect().TableExpr(`customer_administrator AS ca`).ColumnExpr(`count(*)`).
		Join(`JOIN customer AS k ON k.id = ca.customer_id AND NOT k.deleting`).
		Where(`ca.specialist_id = ?`, specialist).Where(nobodyElse).Scan(ctx, &n)
	return n, err
}

// administeredRows returns some of a specialist user's customers, by number; with left, only those that nobody else
// administers. Only examplesOut of them are searched: they are examples, and the caller may be allowed to see few of
// them.
func (s *Service) administeredRows(ctx context.Context, c account.Caller, specialist uuid.UUID, left bool) ([]Row, error) {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
	if err != nil || sc.nothing {
		return nil, err
	}
	seen := s.db.NewSelect().TableExpr(`customer_administrator AS ca`).Column("ca.customer_id").
		Where(`ca.specialist_id = ?`, specialist).Order("ca.customer_id").Limit(examplesOut)
	if left {
		seen.Where(nobodyElse)
	}
	var records []record
	err = s.db.NewSelect().TableExpr(`(?) AS seen`, seen).ColumnExpr(`customer.*`).
		Join(`JOIN customer ON customer.id = seen.customer_id`).
		Where(`NOT customer.deleting`).Where(`?`, store.All(sc.where)).Order("customer.number").Limit(examples).Scan(ctx, &records)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(records))
	for i, r := range records {
		rows[i] = r.row(s.now())
	}
	return rows, nil
}
