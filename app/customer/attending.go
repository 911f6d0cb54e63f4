package customer

import (
	"context"
	"fmt"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// fewRelated is the limit up to which the list is made from the caller's own customers, one lookup each. A caller with
// more soon finds a page of their own among the customers that need attention.
const fewRelated = 1000

// Attending selects the customers that need attention now, for one kind of reason, and on which the caller may act.
type Attending struct {
	// Table is a query for use under the name customer, with the columns number, id, type, first_name, last_name,
	// company_name and since. Read it in the order of since and number.
	Table   *bun.SelectQuery
	Few     bool // it starts from the caller's own customers, which are few
	Nothing bool // there can be no such customer
}

// Attending selects the customers that have a need now and for which the caller has the permission w.
func (s *Service) Attending(ctx context.Context, c account.Caller, n Need, w policies.Permission) (a Attending, err error) {
	sc, err := s.scopeOf(c, w)
	if err != nil || sc.nothing {
		return Attending{Nothing: true}, err
	}
	compiled, err := s.decider.Scope(c.Roles, w.Object, w.Action)
	if err != nil {
		return Attending{Nothing: true}, err
	}
	if !compiled.Unrelated() {
		if a.Few, err = s.isFew(ctx, c, compiled.Matters()); err != nil {
			return Attending{Nothing: true}, err
		}
	}
	since := bun.Ident("customer." + string(n))
	a.Table = s.db.NewSelect().Column("customer.number", "customer.id", "customer.type", "customer.first_name",
		"customer.last_name", "customer.company_name").ColumnExpr(`? AS since`, since)
	switch {
	case a.Few:
		a.Table.TableExpr(`(?) AS mine`, relatedTo(c, compiled.Matters())).Join(`CROSS JOIN customer`).Where(`customer.id = mine.customer_id`)
	case s.db.IsPostgres():
		a.Table.TableExpr(`customer`)
	default:
		a.Table.TableExpr(`customer INDEXED BY ?`, bun.Ident(needIndexes[n]))
	}
	a.Table.Where(`NOT customer.deleting`).Where(`? <= ?`, since, s.now()).Where(`?`, store.All(sc.where))
	return a, nil
}

// relatedTo selects the customers to which a caller has one of the relations, as column customer_id.
func relatedTo(c account.Caller, of policies.Relation) (q schema.QueryAppender) {
	for _, part := range relatedBy(c, of) {
		if q != nil {
			part = bun.SafeQuery(`? UNION ?`, q, part)
		}
		q = part
	}
	return q
}

// relatedBy is relatedTo for each of the relations.
func relatedBy(c account.Caller, of policies.Relation) (list []schema.QueryAppender) {
	add := func(part schema.QueryAppender) { list = append(list, part) }
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
	return list
}

// fewKey names an isFew for store.Once.
type fewKey struct {
	caller  uuid.UUID
	persons string
	of      policies.Relation
}

// isFew says whether the caller is related to at most fewRelated customers. Each relation is counted by itself, so that
// no more than fewRelated+1 rows of each are read. Who has several relations to a customer is counted several times.
func (s *Service) isFew(ctx context.Context, c account.Caller, of policies.Relation) (bool, error) {
	return store.Once(ctx, s.db, fewKey{c.ID, fmt.Sprint(c.Persons()), of}, func() (bool, error) {
		n := 0
		for _, part := range relatedBy(c, of) {
			var more int
			err := s.db.NewSelect().TableExpr(`(? LIMIT ?) AS related`, part, fewRelated+1).ColumnExpr(`count(*)`).Scan(ctx, &more)
			if n += more; err != nil || n > fewRelated {
				return false, err
			}
		}
		return true, nil
	})
}

// --- needs that an earlier version wrote ---------------------------------------------------------------------------

// ContinueNeeds computes the needs of customers that a process of the version before has written meanwhile, which knows
// only attention_at; the worker calls it. It handles up to chunk customers. Several workers may call it at once.
func (s *Service) ContinueNeeds(ctx context.Context, chunk int) error {
	some, err := s.unknownNeeds(ctx, s.db, 1)
	if err != nil || len(some) == 0 {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		ids, err := s.unknownNeeds(ctx, tx, chunk)
		if err != nil {
			return err
		}
		return s.refreshNeeds(ctx, tx, ids)
	})
}

// unknownNeeds returns customers whose attention_at is none of their needs, as the index customer_needs_unknown has them.
func (s *Service) unknownNeeds(ctx context.Context, db bun.IDB, limit int) (ids []uuid.UUID, err error) {
	err = db.NewSelect().Model((*record)(nil)).Column("id").
		Where(`COALESCE(attention_at, no_administrator_since, no_access_since, invitation_at) IS NOT NULL`).
		Where(`(attention_at IN (no_administrator_since, no_access_since, invitation_at)) IS NOT TRUE`).
		Order("number").Limit(int64(limit)).Scan(ctx, &ids)
	return ids, err
}
