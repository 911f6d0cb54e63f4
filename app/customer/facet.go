package customer

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// facet is a condition of the filter, with the index that has its rows.
type facet struct {
	where store.Condition
	// plain is where in a form for which PostgreSQL has no index; nil: where has none anyway.
	plain store.Condition
	index string // of its rows
	names string // an index that has them in the order of names; "": none
	// ordered says that the index called names has only its rows.
	ordered bool
	// covered says that the index of all names has its columns.
	covered bool
	// few says that there are few rows, compared with all.
	few bool
	// sampled says whether it is true for a row of the sample; nil: the sample does not know.
	sampled func(r *sampledText) bool
	// administrator is whose customers they are. Then they are found in the table of the administrators.
	administrator uuid.UUID
	// rows is how many there are, as far as a sample or a count tells; broad says that there are more than were counted.
	rows  int
	broad bool
}

// plainly is the condition in a form for which PostgreSQL has no index.
func (f facet) plainly() store.Condition {
	if f.plain != nil {
		return f.plain
	}
	return f.where
}

// facetsOf returns the facets of a filter; those that are usually narrow come first.
func (l *overview) facetsOf(f Filter) (list []facet) {
	if a := l.administrator; a != uuid.Nil {
		list = append(list, facet{administrator: a, where: bun.SafeQuery(`EXISTS (SELECT 1 FROM customer_administrator AS fa
			WHERE fa.customer_id = customer.id AND fa.specialist_id = ?)`, a)})
	}
	if f.Administrator == Nobody {
		list = append(list, facet{
			where: bun.SafeQuery(`customer.no_administrator_since <= ?`, l.now), index: "customer_no_administrator", few: true,
			sampled: func(r *sampledText) bool { return !r.NoAdministrator.IsZero() && !r.NoAdministrator.After(l.now) },
		})
	}
	if f.City != "" {
		city := citySort(f.City)
		list = append(list, facet{
			where: bun.SafeQuery(`customer.city_sort = ?`, city), plain: bun.SafeQuery(`customer.city_sort || '' = ?`, city),
			index: "customer_city_name", names: "customer_city_name", ordered: true, sampled: func(r *sampledText) bool { return r.CitySort == city },
		})
	}
	if f.Attention {
		list = append(list, facet{
			where: bun.SafeQuery(`customer.attention_at <= ?`, l.now), index: "customer_attention", names: "customer_attention_name", ordered: true, few: true,
			sampled: func(r *sampledText) bool { return r.AttentionAt != nil && !r.AttentionAt.After(l.now) },
		})
	}
	if f.Status != "" {
		list = append(list, l.statusFacet(f.Status))
	}
	if f.Type != "" {
		list = append(list, facet{
			where: bun.SafeQuery(`customer.type = ?`, f.Type), plain: bun.SafeQuery(`customer.type || '' = ?`, f.Type),
			index: "customer_type_name", names: "customer_type_name", ordered: true, covered: true, sampled: func(r *sampledText) bool { return r.Type == f.Type },
		})
	}
	return list
}

func (l *overview) statusFacet(s AccessStatus) facet {
	f := facet{
		where: l.hasStatus(s), index: "customer_status_name", names: "customer_status_name", ordered: true,
		sampled: func(r *sampledText) bool { return r.summary(l.now).Status() == s },
	}
	if s == Invited || s == LinkExpired {
		f.index, f.ordered = "customer_invited", false
	}
	return f
}

// Status is the activity status that the overview shows, and the value of Filter.Status that shows a customer.
func (s AccessSummary) Status() AccessStatus {
	if s.Worst == "" {
		return NoAccesses
	}
	return s.Worst
}

// within selects the rows of a facet by its index.
func (l *overview) within(f facet) *bun.SelectQuery {
	switch {
	case f.administrator != uuid.Nil && l.db.IsPostgres():
		return l.from(`(SELECT customer.* FROM customer_administrator AS mine JOIN customer ON customer.id = mine.customer_id WHERE mine.specialist_id = ? OFFSET 0) AS customer`, f.administrator)
	case f.administrator != uuid.Nil:
		return l.from(`customer_administrator AS mine CROSS JOIN customer ON customer.id = mine.customer_id`).Where(`mine.specialist_id = ?`, f.administrator)
	case l.db.IsPostgres(): // OFFSET keeps PostgreSQL from taking the index of the words
		return l.from(`(SELECT * FROM customer WHERE NOT deleting AND ? OFFSET 0) AS customer`, l.chosen())
	}
	return l.from(`customer INDEXED BY ` + f.index)
}

// Specialist is a specialist user.
type Specialist struct {
	ID   uuid.UUID `bun:"id"`
	Name string    `bun:"name"`
}

// mostAdministrators is how many people Administrators returns: more than a firm has, because who is missing can't be chosen.
const mostAdministrators = 1_000

// Administrators returns the active specialist users by whom the overview can be filtered, in alphabetical order: none if the
// caller may not see who administers customers.
func (s *Service) Administrators(ctx context.Context, c account.Caller) (list []Specialist, err error) {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectAuthorisation, Action: policies.Read})
	if err != nil || sc.nothing {
		return nil, err
	}
	err = s.db.NewSelect().Table(`account`).Column(`id`, `name`).Where(`specialist`).Where(`active`).
		Order(`name_sort`, `id`).Limit(mostAdministrators).Scan(ctx, &list)
	return list, err
}

// chosen is the condition of all facets that are about the customer's row alone.
func (l *overview) chosen() store.Condition {
	var all []store.Condition
	for _, f := range l.facets {
		if f.administrator == uuid.Nil {
			all = append(all, f.where)
		}
	}
	return store.All(all...)
}

// mostCounted is up to how many customers of an administrator are counted.
const mostCounted = 10_000

// countFacets counts the rows of facets that the sample does not know.
func (l *overview) countFacets(ctx context.Context) (err error) {
	for i := range l.facets {
		f := &l.facets[i]
		if f.administrator == uuid.Nil {
			continue
		}
		own := l.db.NewSelect().Table(`customer_administrator`).ColumnExpr(`1`).Where(`specialist_id = ?`, f.administrator).Limit(mostCounted)
		if err = l.db.NewSelect().TableExpr(`(?) AS own`, own).ColumnExpr(`count(*)`).Scan(ctx, &f.rows); err != nil {
			return err
		}
		f.broad = f.rows == mostCounted
	}
	return nil
}

// inIndexOrder says whether an index has exactly the rows of the filter in the order of the list, so that there is nothing to
// choose.
func (l *overview) inIndexOrder() bool {
	if len(l.facets) != 1 {
		return len(l.facets) == 0
	}
	switch l.order.by {
	case byName:
		return l.facets[0].ordered
	case byType:
		return l.filter.Type != ""
	case byCity:
		return l.filter.City != ""
	case byStatus:
		return l.filter.Status != "" && l.facets[0].ordered
	}
	return false
}

// narrowestOf returns the facet with the fewest rows; nil: none.
func narrowestOf(facets []facet) (best *facet) {
	for i := range facets {
		f := &facets[i]
		if best == nil || best.broad && !f.broad || best.broad == f.broad && f.rows < best.rows {
			best = f
		}
	}
	return best
}
