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

// byRelation says whether the list is read from the caller's relations: the index of visible transactions, and the
// customers to which they have an access. Otherwise it is read from the table.
func (l *list) byRelation() bool { return l.customer == uuid.Nil && !l.scope.Unrelated() }

// ordered makes a query read the first n rows of a reading, in the order of the columns at (time) and id.
func ordered(r reading, q *bun.SelectQuery, at, id string, n int) *bun.SelectQuery {
	o := listing.By(!r.Back, at, id)
	if r.From == nil {
		return o.First(q, n)
	}
	return o.First(q, n, r.From.CreatedAt, r.From.ID)
}

// newest returns the order of a reading for a table with the columns of position.
func newest(r reading, table string) store.Condition {
	return listing.By(!r.Back, table+"created_at", table+"id").Sort()
}

// byIndex adds the filters that an index of the table can answer in the list's order; filtered adds the others. suffix
// is appended to the column names.
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

// dead selects the customers that are being deleted; no list shows their transactions.
const dead = `(SELECT dead.id FROM customer AS dead WHERE dead.deleting)`

// mask returns an expression for the caller's relations to the transaction t, limited to the relations that matter for
// the list.
func (l *list) mask() store.Condition {
	if l.scope.Everything() {
		return bun.SafeQuery(`0`)
	}
	return relationTo(l.caller, "t", l.scope.Matters())
}

// hinted returns the table with the index to use. SQLite has no statistics to choose an index; PostgreSQL has.
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

// only returns the table with an index that SQLite has to use.
func (l *list) only(index string) string {
	if l.db.IsPostgres() {
		return `transactions AS t`
	}
	return `transactions AS t INDEXED BY ` + index
}

// --- walking -----------------------------------------------------------------------------------------------------

// walked selects the next rows of the list's range, in order: created_at, id, mask. It is nil when there can be no
// rows.
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
	// The first rows of all sources contain the first rows of the whole. If several sources contain a transaction,
	// their relations are combined.
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

// fewAccesses is the maximum number of customers that are read by one query each; more are read by one query together.
const fewAccesses = 20

// sources returns the ranges that together hold the transactions to which the caller has a relation: one for each
// person whose assignments count, and one for each customer to which the caller has an access.
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

// shown selects those of the walked rows that the list shows.
func (l *list) shown() *bun.SelectQuery {
	q := l.db.NewSelect().TableExpr(`walked CROSS JOIN transactions AS t`).Where(`t.id = walked.id`).Where(`t.customer_id NOT IN `+dead).
		Where(`?`, allowed(l.scope, "walked.mask", "t.kind"))
	l.filtered(l.byIndex(q, ``))
	if l.search {
		q.Where(`?`, l.db.Verify(l.terms, "t.search"))
	}
	return q
}

// step is the result of one query of a walk.
type step struct {
	hits []position
	seen int       // number of rows read
	last *position // the last row read
}

// step reads the next rows of a walk.
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
	// Raw SQL: without MATERIALIZED the walk would run twice.
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

// firstBatch is the number of rows in the first query of a walk. For an unfiltered list it is hardly more than the
// page.
func (l *list) firstBatch(r reading) int {
	if l.search || l.filter.Narrow() {
		return max(r.Limit, min(l.limits.first, l.limits.batch))
	}
	return r.Limit + 13
}

// promising is a factor. A walk may go this many times beyond its limit if, at the present rate of matches, it would
// fill the page within that. The index would have too many matches that are so frequent.
const promising = 5

// walk reads a list in order until the page is full, the range ends, or about most rows were read (0: no limit; more
// rows when promising). last is the row after which to continue, nil when that is not needed.
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

// candidates selects the matching rows from an index, as table t. It is nil when no index is better than the walk.
func (l *list) candidates() *bun.SelectQuery {
	q, suffix := l.db.NewSelect(), ``
	switch {
	case l.customer != uuid.Nil:
		return nil
	case l.search && l.db.IsPostgres():
		q.TableExpr(`transactions AS t`)
		suffix = ` || ''` // prevents other indexes than that of the search text
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

// gather reads and counts a page from all matches in an index. done=false when there are most matches or more: then the
// permissions of the single rows are not checked.
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
		// Raw SQL: without MATERIALIZED the matches would be gathered twice.
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

// accessesOf returns the customers to which a person has an active access.
func (s *Service) accessesOf(ctx context.Context, account uuid.UUID) (ids []uuid.UUID, err error) {
	err = s.db.NewSelect().Table(`access`).Column(`customer_id`).Where(`account_id = ?`, account).
		Where(`registered_at IS NOT NULL`).Where(`deactivated_at IS NULL`).Order(`customer_id`).Scan(ctx, &ids)
	return ids, err
}
