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

// byRelation says whether the list is read off the caller's relations: the index of visible transactions, and the
// customers that they have an access to. Otherwise it is read off the table.
func (l *list) byRelation() bool { return l.customer == uuid.Nil && !l.scope.Unrelated() }

// ordered has a query read the first n rows of a run, by the columns that hold the time and the id.
func ordered(r reading, q *bun.SelectQuery, at, id string, n int) *bun.SelectQuery {
	o := listing.By(!r.Back, at, id)
	if r.From == nil {
		return o.First(q, n)
	}
	return o.First(q, n, r.From.CreatedAt, r.From.ID)
}

// newest is the order of a run in what was read of it, which has the columns of position.
func newest(r reading, table string) store.Condition {
	return listing.By(!r.Back, table+"created_at", table+"id").Sort()
}

// byIndex adds the filters that an index of the table answers in the list's order; the rest is filtered. suffix stands
// behind the columns.
func (l *list) byIndex(q *bun.SelectQuery, suffix string) *bun.SelectQuery {
	if l.filter.Kind != "" {
		q.Where(`t.kind`+suffix+` = ?`, l.filter.Kind)
	}
	if l.filter.Status != "" {
		q.Where(`t.status`+suffix+` = ?`, l.filter.Status)
	}
	return q
}

func (l *list) filtered(q *bun.SelectQuery) *bun.SelectQuery {
	switch l.filter.Due {
	case Overdue:
		q.Where(`t.due <> '' AND t.due < ? AND t.status <> 'closed'`, l.today)
	case ThisDue:
		q.Where(`t.due <> '' AND t.due >= ? AND t.due <= ? AND t.status <> 'closed'`, l.today, l.week)
	case NoDue:
		q.Where(`t.due = ''`)
	}
	return q
}

// dead are the customers that are being deleted; no list shows what is theirs.
const dead = `(SELECT dead.id FROM customer AS dead WHERE dead.deleting)`

// mask is what the caller is to the transaction of table t, as far as the list depends on it.
func (l *list) mask() store.Condition {
	if l.scope.Everything() {
		return bun.SafeQuery(`0`)
	}
	return relationTo(l.caller, "t", l.scope.Matters())
}

// hinted names the table with the index to take. SQLite has no statistics to choose by; PostgreSQL has.
func (l *list) hinted() string {
	switch {
	case l.customer != uuid.Nil:
		return l.only(`transactions_customer`)
	case l.filter.Kind != "":
		return l.only(`transactions_kind`)
	case l.filter.Status != "":
		return l.only(`transactions_status`)
	}
	return l.only(`transactions_created`)
}

// only names the table with an index that SQLite has to take.
func (l *list) only(index string) string {
	if l.db.IsPostgres() {
		return `transactions AS t`
	}
	return `transactions AS t INDEXED BY ` + index
}

// --- walking -----------------------------------------------------------------------------------------------------

// walked are the next rows of the range that the list lies in, in its order: created_at, id, mask; nil when there can be
// none.
func (l *list) walked(r reading, limit int) store.Condition {
	if !l.byRelation() {
		q := l.db.NewSelect().ColumnExpr(`t.created_at, t.id, ? AS mask`, l.mask()).TableExpr(l.hinted())
		if l.customer != uuid.Nil {
			q.Where(`t.customer_id = ?`, l.customer)
		} else {
			l.byIndex(q, ``)
		}
		return ordered(r, q, "t.created_at", "t.id", limit)
	}
	sources := l.sources(r, limit)
	switch len(sources) {
	case 0:
		return nil
	case 1:
		return sources[0]
	}
	// Each source's first rows hold the first of all; where several name a transaction their relations count together.
	var all *bun.SelectQuery
	for _, source := range sources {
		if q := l.db.NewSelect().TableExpr(`(?) AS source`, source); all == nil {
			all = q
		} else {
			all.UnionAll(q)
		}
	}
	return l.db.NewSelect().ColumnExpr(`created_at, id, MAX(mask & 1) + MAX(mask & 2) + MAX(mask & 4) AS mask`).
		TableExpr(`(?) AS sources`, all).GroupExpr(`created_at, id`).OrderExpr(`?`, newest(r, "")).Limit(int64(limit))
}

// fewAccesses is up to how many customers are read one by one; of more they are read together.
const fewAccesses = 20

// sources are the ranges that together hold what the caller has a relation to: one for each person whose assignments
// count, one for each customer to which they have an access.
func (l *list) sources(r reading, limit int) (all []*bun.SelectQuery) {
	if l.scope.Matters()&(policies.Administrator|policies.Processor) != 0 {
		for _, person := range l.caller.Persons() {
			q := l.db.NewSelect().ColumnExpr(`v.created_at, v.transaction_id AS id, v.relmask AS mask`).
				TableExpr(`transaction_visible AS v`).Where(`v.specialist_id = ?`, person)
			all = append(all, ordered(r, q, "v.created_at", "v.transaction_id", limit))
		}
	}
	customers := make([][]uuid.UUID, 0, len(l.accesses))
	for _, id := range l.accesses {
		customers = append(customers, []uuid.UUID{id})
	}
	if len(customers) > fewAccesses {
		customers = [][]uuid.UUID{l.accesses}
	}
	for _, ids := range customers {
		q := l.db.NewSelect().ColumnExpr(`t.created_at, t.id, 4 AS mask`).
			TableExpr(`transactions AS t`).Where(`t.customer_id IN (?)`, bun.List(ids))
		all = append(all, ordered(r, q, "t.created_at", "t.id", limit))
	}
	return all
}

// shown are those of the rows walked that the list shows.
func (l *list) shown() *bun.SelectQuery {
	q := l.db.NewSelect().TableExpr(`walked CROSS JOIN transactions AS t`).Where(`t.id = walked.id`).Where(`t.customer_id NOT IN `+dead).
		Where(`?`, allowed(l.scope, "walked.mask", "t.kind"))
	l.filtered(l.byIndex(q, ``))
	if l.search {
		q.Where(`?`, l.db.Verify(l.terms, "t.search"))
	}
	return q
}

// step is one part of a walk.
type step struct {
	hits []position
	seen int       // rows looked at
	last *position // the last of them
}

// step reads the next part of a walk.
func (l *list) step(ctx context.Context, r reading, batch int) (st step, err error) {
	walked := l.walked(r, batch)
	if walked == nil {
		return step{}, nil
	}
	back := r
	back.Back = !r.Back
	page := l.shown().ColumnExpr(`walked.created_at, walked.id`).OrderExpr(`?`, newest(r, "walked.")).Limit(int64(r.Limit))
	var rows []struct {
		Seen      int           `bun:"seen"`
		LastAt    *time.Time    `bun:"last_at"`
		LastID    uuid.NullUUID `bun:"last_id"`
		CreatedAt *time.Time    `bun:"created_at"`
		ID        uuid.NullUUID `bun:"id"`
	}
	// Raw SQL: MATERIALIZED, or the walk is made twice.
	err = l.db.NewRaw(`WITH walked AS MATERIALIZED (?)
		SELECT total.seen, last.created_at AS last_at, last.id AS last_id, page.created_at, page.id
		FROM (SELECT count(*) AS seen FROM walked) AS total
		LEFT JOIN (SELECT created_at, id FROM walked ORDER BY ? LIMIT 1) AS last ON TRUE
		LEFT JOIN (?) AS page ON TRUE ORDER BY ?`, walked, newest(back, ""), page, newest(r, "page.")).Scan(ctx, &rows)
	if err != nil {
		return step{}, err
	}
	for _, row := range rows {
		st.seen = row.Seen
		if row.LastAt != nil {
			st.last = &position{*row.LastAt, row.LastID.UUID}
		}
		if row.CreatedAt != nil {
			st.hits = append(st.hits, position{*row.CreatedAt, row.ID.UUID})
		}
	}
	return st, nil
}

// firstBatch is how many rows a walk looks at first: of an unfiltered list hardly more than it shows.
func (l *list) firstBatch(r reading) int {
	if l.search || l.filter.Narrow() {
		return max(r.Limit, min(l.limits.first, l.limits.batch))
	}
	return r.Limit + 13
}

// promising is how many times as far a walk goes when it would fill the page within that, if it went on like this: what is so
// frequent the index has too much of.
const promising = 5

// walk reads a list along its range until the page is full, the range is at its end, or about most rows were looked at
// (0: however many; more where it is promising). last is the row at which to go on, nil when there is no need to.
func (l *list) walk(ctx context.Context, r reading, most int) (hits []position, last *position, err error) {
	want, seen, batch := r.Limit, 0, l.firstBatch(r)
	for {
		part := r
		part.Limit = want - len(hits)
		st, err := l.step(ctx, part, batch)
		if err != nil {
			return nil, nil, err
		}
		hits = append(hits, st.hits...)
		seen += st.seen
		if len(hits) == want || st.seen < batch {
			return hits, nil, nil
		}
		if most > 0 && (seen >= promising*most || seen >= most && len(hits)*promising*most < want*seen) {
			return hits, st.last, nil
		}
		r.From, batch = st.last, min(batch*4, l.limits.batch)
	}
}

// --- gathering ---------------------------------------------------------------------------------------------------

// candidates are the rows that an index offers as matching, from table t; nil when no index knows what is looked for better
// than the walk does.
func (l *list) candidates() *bun.SelectQuery {
	q, suffix := l.db.NewSelect(), ``
	switch {
	case l.customer != uuid.Nil:
		return nil
	case l.search && l.db.IsPostgres():
		q.TableExpr(`transactions AS t`)
		suffix = ` || ''` // no other index than that of the words
	case l.search:
		q.TableExpr(`transaction_search CROSS JOIN transactions AS t ON t.number = transaction_search.rowid`).
			Where(`transaction_search MATCH ?`, l.wanted.Match())
	case l.filter.Due == Overdue || l.filter.Due == ThisDue:
		q.TableExpr(l.only(`transactions_due`))
	case l.filter.Kind != "" && l.byRelation():
		q.TableExpr(l.only(`transactions_kind`))
	case l.filter.Status != "" && l.byRelation():
		q.TableExpr(l.only(`transactions_status`))
	default:
		return nil
	}
	if l.search {
		q.Where(`?`, l.db.Verify(l.wanted, "t.search"))
	}
	return l.filtered(l.byIndex(q, suffix))
}

// gather reads a page from all that an index offers, and counts it; done=false when that is most or more: then nobody asks
// who may see which of them.
func (l *list) gather(ctx context.Context, r reading, most int) (f result, done bool, err error) {
	candidates := l.candidates().ColumnExpr(`t.created_at, t.id, t.customer_id, t.kind`).Limit(int64(most))
	page := ordered(r, l.db.NewSelect().ColumnExpr(`created_at, id`).TableExpr(`hits`), "created_at", "id", r.Limit)
	var rows []struct {
		Seen      int           `bun:"seen"`
		N         int           `bun:"n"`
		CreatedAt *time.Time    `bun:"created_at"`
		ID        uuid.NullUUID `bun:"id"`
	}
	err = listing.Avoiding(ctx, l.db, []string{"seqscan"}, func(db bun.IDB) error {
		// Raw SQL: MATERIALIZED, or the matches are gathered twice.
		return db.NewRaw(`WITH candidates AS MATERIALIZED (?), hits AS MATERIALIZED (SELECT t.created_at, t.id
				FROM (SELECT t.*, ? AS mask FROM candidates AS t
					WHERE (SELECT count(*) FROM candidates) < ? AND t.customer_id NOT IN `+dead+`) AS t
				WHERE ?)
			SELECT total.seen, total.n, page.created_at, page.id
			FROM (SELECT (SELECT count(*) FROM candidates) AS seen, (SELECT count(*) FROM hits) AS n) AS total
			LEFT JOIN (?) AS page ON TRUE ORDER BY ?`,
			candidates, l.mask(), most, allowed(l.scope, "t.mask", "t.kind"), page, newest(r, "page.")).Scan(ctx, &rows)
	})
	if err != nil {
		return result{}, false, err
	}
	f.Counted = true
	for _, row := range rows {
		f.Count, done = row.N, row.Seen < most
		if row.CreatedAt != nil {
			f.Hits = append(f.Hits, position{*row.CreatedAt, row.ID.UUID})
		}
	}
	return f, done, nil
}

func (s *Service) customerByNumber(ctx context.Context, number int64) (id uuid.UUID, found bool, err error) {
	err = s.db.NewSelect().Table(`customer`).Column(`id`).Where(`number = ?`, number).Where(`NOT deleting`).Scan(ctx, &id)
	if store.IsNoRows(err) {
		return uuid.Nil, false, nil
	}
	return id, err == nil, err
}

// accessesOf are the customers to which a person has an active access.
func (s *Service) accessesOf(ctx context.Context, account uuid.UUID) (ids []uuid.UUID, err error) {
	err = s.db.NewSelect().Table(`access`).Column(`customer_id`).Where(`account_id = ?`, account).
		Where(`registered_at IS NOT NULL`).Where(`deactivated_at IS NULL`).Order(`customer_id`).Scan(ctx, &ids)
	return ids, err
}
