package customer

import (
	"context"

	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// fewRelated is up to how many customers of the caller's own their list is made from those, one lookup each. Who has
// more meets a page of theirs soon among those that need attention.
const fewRelated = 1000

// Attending is the customers that need attention now and on which somebody may act.
type Attending struct {
	// Table is a table expression to be called customer, with columns number, id, type, first_name, last_name, company_name
	// and attention_at; read it in the order of attention_at and number.
	Table   store.Clause
	Few     bool // it is read off the caller's own customers, of which there are few
	Nothing bool // there can be none
}

// Attending finds the customers that need attention now and that the caller may do w with.
func (s *Service) Attending(ctx context.Context, c account.Caller, w Want) (a Attending, err error) {
	sc, err := s.scopeOf(c, w)
	if err != nil || sc.nothing {
		return Attending{Nothing: true}, err
	}
	compiled, err := s.policy.Scope(c.Roles, w.Object, w.Action)
	if err != nil {
		return Attending{Nothing: true}, err
	}
	related := relatedTo(c, compiled.Matters())
	if !compiled.Unrelated() {
		if a.Few, err = s.isFew(ctx, related); err != nil {
			return Attending{Nothing: true}, err
		}
	}
	a.Table = store.SQL(`(SELECT customer.number, customer.id, customer.type, customer.first_name, customer.last_name,
		customer.company_name, customer.attention_at FROM `)
	switch {
	case a.Few:
		a.Table.Add(`(`)
		a.Table.Append(related)
		a.Table.Add(`) AS mine CROSS JOIN customer WHERE customer.id = mine.customer_id AND`)
	case s.db.IsPostgres():
		a.Table.Add(`customer WHERE`)
	default:
		a.Table.Add(`customer INDEXED BY customer_attention WHERE`)
	}
	a.Table.Add(` NOT customer.deleting AND customer.attention_at <= ?`, s.now())
	a.Table.Append(sc.clause())
	a.Table.Add(`)`)
	return a, nil
}

// relatedTo are the customers to which a caller has one of the relations, by column customer_id.
func relatedTo(c account.Caller, of policies.Relation) (q store.Clause) {
	add := func(part store.Clause) {
		if q.SQL != "" {
			q.Add(` UNION `)
		}
		q.Append(part)
	}
	if of&policies.Administrator != 0 {
		add(store.SQL(`SELECT DISTINCT ra.customer_id FROM customer_administrator AS ra WHERE ra.specialist_id IN (?)`, bun.List(c.Persons())))
	}
	if of&policies.Processor != 0 {
		add(store.SQL(`SELECT DISTINCT rp.customer_id FROM transaction_processor AS rp WHERE rp.specialist_id IN (?)`, bun.List(c.Persons())))
	}
	if of&policies.Access != 0 {
		add(store.SQL(`SELECT DISTINCT rx.customer_id FROM access AS rx WHERE rx.account_id = ? AND rx.registered_at IS NOT NULL
			AND rx.deactivated_at IS NULL`, c.ID))
	}
	return q
}

// isFew says whether there are at most fewRelated of them.
func (s *Service) isFew(ctx context.Context, related store.Clause) (bool, error) {
	q := store.SQL(`SELECT count(*) FROM (`)
	q.Append(related)
	q.Add(` LIMIT ?) AS related`, fewRelated+1)
	var n int
	err := s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &n)
	return n <= fewRelated, err
}
