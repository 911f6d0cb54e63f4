package customer

import (
	"context"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// fewRelated is the limit up to which the list is made from the caller's own customers, one lookup each. A caller with
// more soon finds a page of their own among the customers that need attention.
const fewRelated = 1000

// Attending selects the customers that need attention now and on which the caller may act.
type Attending struct {
	// Table is a query for use under the name customer, with the columns number, id, type, first_name, last_name,
	// company_name and attention_at. Read it in the order of attention_at and number.
	Table   *bun.SelectQuery
	Few     bool // it starts from the caller's own customers, which are few
	Nothing bool // there can be no such customer
}

// Attending selects the customers that need attention now and for which the caller has the permission w.
func (s *Service) Attending(ctx context.Context, c account.Caller, w policies.Permission) (a Attending, err error) {
	sc, err := s.scopeOf(c, w)
	if err != nil || sc.nothing {
		return Attending{Nothing: true}, err
	}
	compiled, err := s.decider.Scope(c.Roles, w.Object, w.Action)
	if err != nil {
		return Attending{Nothing: true}, err
	}
	related := relatedTo(c, compiled.Matters())
	if !compiled.Unrelated() {
		if a.Few, err = s.isFew(ctx, related); err != nil {
			return Attending{Nothing: true}, err
		}
	}
	a.Table = s.db.NewSelect().Column("customer.number", "customer.id", "customer.type", "customer.first_name",
		"customer.last_name", "customer.company_name", "customer.attention_at")
	switch {
	case a.Few:
		a.Table.TableExpr(`(?) AS mine`, related).Join(`CROSS JOIN customer`).Where(`customer.id = mine.customer_id`)
	case s.db.IsPostgres():
		a.Table.TableExpr(`customer`)
	default:
		a.Table.TableExpr(`customer INDEXED BY customer_attention`)
	}
	a.Table.Where(`NOT customer.deleting`).Where(`customer.attention_at <= ?`, s.now()).Where(`?`, store.All(sc.where))
	return a, nil
}

// relatedTo selects the customers to which a caller has one of the relations, as column customer_id.
func relatedTo(c account.Caller, of policies.Relation) (q schema.QueryAppender) {
	add := func(part schema.QueryAppender) {
		if q != nil {
			part = bun.SafeQuery(`? UNION ?`, q, part)
		}
		q = part
	}
	if of&policies.Administrator != 0 {
		add(bun.SafeQuery(`SELECT DISTINCT ra.customer_id FROM customer_administrator AS ra WHERE ra.specialist_id IN (?)`, bun.List(c.Persons())))
	}
	if of&policies.Processor != 0 {
		add(bun.SafeQuery(`SELECT DISTINCT rp.customer_id FROM transaction_processor AS rp WHERE rp.specialist_id IN (?)`, bun.List(c.Persons())))
	}
	if of&policies.Access != 0 {
		add(bun.SafeQuery(`SELECT DISTINCT rx.customer_id FROM access AS rx WHERE rx.account_id = ? AND rx.registered_at IS NOT NULL
			AND rx.deactivated_at IS NULL`, c.ID))
	}
	return q
}

// isFew says whether related has at most fewRelated rows.
func (s *Service) isFew(ctx context.Context, related schema.QueryAppender) (bool, error) {
	var n int
	err := s.db.NewSelect().TableExpr(`(? LIMIT ?) AS related`, related, fewRelated+1).ColumnExpr(`count(*)`).Scan(ctx, &n)
	return n <= fewRelated, err
}
