package transaction

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// countIndexed counts an unfiltered list from an index alone, because reading the rows would cost more than a page may.
// ok=false when no index is sufficient.
func (l *list) countIndexed(ctx context.Context) (n int, ok bool, err error) {
	id, ranges, related := "v.transaction_id", []*bun.SelectQuery{}, l.byRelation()
	switch {
	case l.filter.Narrow() || l.customer != uuid.Nil:
		return 0, false, nil
	case l.scope.Everything():
		id, ranges = "t.id", append(ranges, l.db.NewSelect().TableExpr(l.hinted()))
	case related && len(l.accesses) == 0:
		for _, person := range l.caller.Persons() {
			ranges = append(ranges, l.db.NewSelect().TableExpr(`transaction_visible AS v`).Where(`v.specialist_id = ?`, person))
		}
	default:
		return 0, false, nil
	}
	all := true // the caller may read all rows in the ranges
	for mask := policies.Administrator; related && mask <= policies.Administrator|policies.Processor; mask++ {
		all = all && l.scope.For(mask).Full()
	}
	for _, rows := range ranges { // one range with more than listing.CountCap rows already gives the answer, quickly
		if !all {
			break
		}
		more := rows.Clone().ColumnExpr(`1`).Where(`NOT EXISTS ` + dead).Limit(1).Offset(listing.CountCap)
		if err := more.Scan(ctx, &n); err == nil || !store.IsNoRows(err) {
			return listing.CountCap + 1, true, err
		}
	}
	if len(ranges) > 1 {
		return 0, false, nil // the ranges may overlap
	}
	q := ranges[0].ColumnExpr(`1`)
	if related {
		sql, args := l.scope.SQL("v.relmask", "''")
		if len(args) > 0 {
			return 0, false, nil // the answer depends on the kinds, which are not in the index
		}
		q.Where(sql)
	}
	q.Where(id + ` NOT IN (SELECT gone.id FROM ` + dead + ` AS dead
		CROSS JOIN transactions AS gone WHERE gone.customer_id = dead.id)`)
	n, err = listing.Count(ctx, l.db, q)
	return n, true, err
}

// count counts a list up to listing.CountCap+1 and reads a limited number of rows. more says that there may be others.
func (l *list) count(ctx context.Context) (n int, more bool, err error) {
	if n, ok, err := l.countIndexed(ctx); ok || err != nil {
		return n, false, err
	}
	r, seen := reading{Limit: listing.CountCap + 1}, 0
	for batch := l.firstBatch(r); ; batch = min(batch*4, l.limits.batch, max(l.limits.count-seen, 1)) {
		walked := l.walked(r, batch)
		if walked == nil {
			return n, false, nil
		}
		var part struct {
			Seen      int           `bun:"seen"`
			N         int           `bun:"n"`
			CreatedAt *time.Time    `bun:"created_at"`
			ID        uuid.NullUUID `bun:"id"`
		}
		shown := l.shown().ColumnExpr(`1`).Limit(int64(listing.CountCap + 1 - n))
		// Raw SQL: without MATERIALIZED the walk would run twice.
		err := l.db.NewRaw(`WITH walked AS MATERIALIZED (?)
			SELECT (SELECT count(*) FROM walked) AS seen, (SELECT count(*) FROM (?) AS counted) AS n, last.created_at, last.id
			FROM (SELECT 1 AS one) AS one LEFT JOIN (SELECT created_at, id FROM walked ORDER BY created_at, id LIMIT 1) AS last ON TRUE`,
			walked, shown).Scan(ctx, &part)
		if err != nil {
			return 0, false, err
		}
		n, seen = n+part.N, seen+part.Seen
		switch {
		case part.Seen < batch, n > listing.CountCap:
			return n, false, nil
		case seen >= l.limits.count:
			return n, true, nil
		}
		r.From = &position{*part.CreatedAt, part.ID.UUID}
	}
}
