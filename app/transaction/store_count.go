package transaction

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
	"kontor/policies"
)

// countIndexed counts an unfiltered list by an index alone, which alone costs what a page may; ok=false where the index
// does not know enough.
func (s *Service) countIndexed(ctx context.Context, l listing) (n int, ok bool, err error) {
	id, ranges := "v.transaction_id", []store.Clause{}
	related := l.byRelation()
	switch {
	case l.filter.Narrow() || l.customer != uuid.Nil:
		return 0, false, nil
	case l.scope.Everything():
		id, ranges = "t.id", append(ranges, store.SQL(` FROM `+s.hinted(l)+` WHERE TRUE`))
	case related && len(l.accesses) == 0:
		for _, person := range l.caller.Persons() {
			ranges = append(ranges, store.SQL(` FROM transaction_visible AS v WHERE v.specialist_id = ?`, person))
		}
	default:
		return 0, false, nil
	}
	all := true // of the rows count
	for mask := policies.Administrator; related && mask <= policies.Administrator|policies.Processor; mask++ {
		all = all && l.scope.For(mask).Full()
	}
	for _, rows := range ranges { // that one of them alone has more than are counted is quickly said
		if !all {
			break
		}
		q := store.SQL(`SELECT 1`)
		q.Append(rows)
		q.Add(` AND NOT EXISTS `+dead+` LIMIT 1 OFFSET ?`, CountCap)
		if err := s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &n); err == nil || !store.IsNoRows(err) {
			return CountCap + 1, true, err
		}
	}
	if len(ranges) > 1 {
		return 0, false, nil // they may have some in common
	}
	q := store.SQL(`SELECT count(*) FROM (SELECT 1`)
	q.Append(ranges[0])
	if related {
		sql, args := l.scope.SQL("v.relmask", "''")
		if len(args) > 0 {
			return 0, false, nil // it depends on the kinds, which stand elsewhere
		}
		q.Add(` AND ` + sql)
	}
	q.Add(` AND `+id+` NOT IN (SELECT gone.id FROM `+dead+` AS dead CROSS JOIN transactions AS gone WHERE gone.customer_id = dead.id)
		LIMIT ?) AS counted`, CountCap+1)
	err = s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &n)
	return n, true, err
}

// count counts a list up to CountCap+1, looking at a bounded number of rows; more says that there may be others.
func (s *Service) count(ctx context.Context, l listing) (n int, more bool, err error) {
	if n, ok, err := s.countIndexed(ctx, l); ok || err != nil {
		return n, false, err
	}
	r, seen := run{listing: l, limit: CountCap + 1}, 0
	for batch := s.firstBatch(r); ; batch = min(batch*4, s.limits.batch, max(s.limits.count-seen, 1)) {
		walked, ok := s.walked(r, batch)
		if !ok {
			return n, false, nil
		}
		q := store.SQL(`WITH walked AS MATERIALIZED (`)
		q.Append(walked)
		q.Add(`) SELECT (SELECT count(*) FROM walked) AS seen, (SELECT count(*) FROM (SELECT 1`)
		q.Append(s.matching(l))
		q.Add(` LIMIT ?) AS counted) AS n, last.created_at, last.id FROM (SELECT 1 AS one) AS one
			LEFT JOIN (SELECT created_at, id FROM walked ORDER BY created_at, id LIMIT 1) AS last ON TRUE`, CountCap+1-n)
		var part struct {
			Seen      int           `bun:"seen"`
			N         int           `bun:"n"`
			CreatedAt *time.Time    `bun:"created_at"`
			ID        uuid.NullUUID `bun:"id"`
		}
		if err := s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &part); err != nil {
			return 0, false, err
		}
		n, seen = n+part.N, seen+part.Seen
		switch {
		case part.Seen < batch, n > CountCap:
			return n, false, nil
		case seen >= s.limits.count:
			return n, true, nil
		}
		r.from = &position{*part.CreatedAt, part.ID.UUID}
	}
}
