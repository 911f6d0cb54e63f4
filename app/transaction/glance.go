package transaction

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// GlanceCap is the highest number that a Glance says; a number above it means that there are more.
const GlanceCap = 100

// glanceRows is how many of a customer's transactions are looked at if the caller may not see all.
const glanceRows = 2000

// Glance says how many transactions of a customer the caller may see. No number is higher than GlanceCap+1.
type Glance struct {
	Total   int `bun:"total"`
	Open    int `bun:"open"` // with this status
	Overdue int `bun:"overdue"`
}

// GlanceOf counts the transactions of a customer that the caller may see. The caller may read the customer; the page has
// checked that. It costs the same however many transactions the customer has: if the caller may see only some, it looks at
// the newest 2,000.
func (s *Service) GlanceOf(ctx context.Context, c account.Caller, customerID uuid.UUID) (g Glance, err error) {
	scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, policies.Read)
	if err != nil || scope.Nothing() {
		return g, err
	}
	related, err := s.customers.Relation(ctx, s.db, c, customerID)
	if err != nil {
		return g, err
	}
	whole := related &^ policies.Processor // the relation to a transaction that the caller does not process
	q := s.db.NewSelect()
	seen := `transactions AS t`
	if !scope.For(whole).Full() || !scope.For(whole|policies.Processor).Full() {
		rows := s.db.NewSelect().TableExpr(`transactions AS t`).ColumnExpr(`t.*`).Where(`t.customer_id = ?`, customerID).
			OrderExpr(`t.number DESC`).Limit(glanceRows)
		if scope.For(whole).Empty() {
			rows.Where(`t.id IN (?)`, s.db.NewSelect().TableExpr(`transaction_processor AS rp`).ColumnExpr(`rp.transaction_id`).
				Where(`rp.customer_id = ?`, customerID).Where(`rp.specialist_id IN (?)`, bun.List(c.Persons())))
		}
		visible := s.db.NewSelect().TableExpr(`(?) AS t`, rows).ColumnExpr(`t.customer_id, t.status, t.due`).
			Where(`?`, store.All(within(c, scope, "t")))
		q.With("seen", visible)
		seen = `seen AS t`
	}
	count := func(conditions ...store.Condition) *bun.SelectQuery {
		some := s.db.NewSelect().TableExpr(seen).ColumnExpr(`1`).Where(`t.customer_id = ?`, customerID).
			Where(`?`, store.All(conditions...)).Limit(GlanceCap + 1)
		return s.db.NewSelect().TableExpr(`(?) AS counted`, some).ColumnExpr(`count(*)`)
	}
	err = q.ColumnExpr(`(?) AS total`, count()).
		ColumnExpr(`(?) AS open`, count(bun.SafeQuery(`t.status = ?`, Open))).
		ColumnExpr(`(?) AS overdue`, count(bun.SafeQuery(`t.status IN (?, ?) AND t.due > '' AND t.due < ?`, Open, InReview, s.Today()))).
		Scan(ctx, &g)
	return g, err
}
