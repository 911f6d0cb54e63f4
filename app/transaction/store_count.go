package transaction

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// countIndexed counts an unfiltered list from an index alone, because reading the rows would cost more than a page may.
// ok=false when no index is sufficient.
func (l *list) countIndexed(ctx context.Context) (n int, ok bool, err error) {
	number, ranges, related := "v.number", []*bun.SelectQuery{}, l.byRelation()
	switch {
	case l.filter.Narrow() || l.customer != uuid.Nil:
		return 0, false, nil
	case l.scope.Everything():
		number, ranges = "t.number", append(ranges, l.db.NewSelect().TableExpr(l.hinted()))
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
	q.Where(number + ` NOT IN (SELECT gone.number FROM ` + dead + ` AS dead
		CROSS JOIN transactions AS gone WHERE gone.customer_id = dead.id)`)
	n, err = listing.Count(ctx, l.db, q)
	return n, true, err
}

// count counts a list up to listing.CountCap+1 by the way that has found the page, and reads a limited number of rows.
// more says that there may be others.
func (l *list) count(ctx context.Context) (n int, more bool, err error) {
	if n, ok, err := l.countIndexed(ctx); ok || err != nil {
		return n, false, err
	}
	return l.countFastest(ctx)
}

// countFastest is count if no index is sufficient.
func (l *list) countFastest(ctx context.Context) (n int, more bool, err error) {
	w := l.fastest
	if !w.whole { // begins anew
		w = &way{read: w.read, last: w.last}
	}
	w.counting, w.rest.Limit, w.done = true, listing.CountCap+1, false
	end := l.limits.count
	if l.search { // finding a row takes longer
		end /= 2
	}
	for !w.done && w.seen < end {
		if err := w.read(ctx, w, min(end-w.seen, l.limits.batch)); err != nil {
			return 0, false, err
		}
	}
	return w.found, !w.done, nil
}
