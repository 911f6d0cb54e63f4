package transaction

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// byRelation says whether the list is read from the caller's relations: the index of visible transactions, and the
// customers to which they have an access. Otherwise it is read from the table.
func (l *list) byRelation() bool { return l.customer == uuid.Nil && !l.scope.Unrelated() }

// ordered makes a query read the first n rows of a reading; number is the column with the transaction's number.
func ordered(r reading, q *bun.SelectQuery, number string, n int) *bun.SelectQuery {
	o := listing.By(!r.Back, number)
	if r.From == nil {
		return o.First(q, n)
	}
	return o.First(q, n, *r.From)
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

// ranged adds the filters that limit the range of the index of hinted.
func (l *list) ranged(q *bun.SelectQuery) *bun.SelectQuery {
	if l.responsible != uuid.Nil {
		return q.Where(`t.responsible_id = ?`, l.responsible)
	}
	return l.byIndex(q, ``)
}

func (l *list) filtered(q *bun.SelectQuery) *bun.SelectQuery { return l.answering(l.duly(q)) }

// duly adds the condition of the filter on the due date.
func (l *list) duly(q *bun.SelectQuery) *bun.SelectQuery {
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

// living adds the condition that the customer of the transaction t is not being deleted.
func living(q *bun.SelectQuery) *bun.SelectQuery { return q.Where(`t.customer_id NOT IN ` + dead) }

// hinted returns the table with the index to use. SQLite has no statistics to choose an index; PostgreSQL has.
func (l *list) hinted() string {
	switch {
	case l.customer != uuid.Nil:
		return l.only(`transactions_customer`)
	case l.responsible != uuid.Nil:
		return l.only(`transactions_responsible`)
	case l.filter.Kind != "":
		return l.only(`transactions_kind`)
	case l.filter.Status != "":
		return l.only(`transactions_status`)
	}
	return `transactions AS t`
}

// only returns the table with an index that SQLite has to use.
func (l *list) only(index string) string {
	if l.db.IsPostgres() {
		return `transactions AS t`
	}
	return `transactions AS t INDEXED BY ` + index
}

// --- the ways to the rows ----------------------------------------------------------------------------------------

// ways returns the ways to the rows of a reading. The first one reads the list's own range; the second one an index of
// what is filtered or searched for, if that can be better.
func (l *list) ways(r reading) []*way {
	own := l.way(r, l.walk)
	if !l.filter.Narrow() { // nearly every row is in the list
		own.first = r.Limit + 13
	}
	switch {
	case l.customer != uuid.Nil:
	case l.search && l.db.IsPostgres():
		return []*way{own, l.way(r, l.blocks())}
	case l.search:
		return []*way{own, l.way(r, l.matches)}
	case l.filter.Due == Overdue || l.filter.Due == ThisDue:
		return []*way{own, l.way(r, l.gather)}
	case l.byRelation() && (l.filter.Kind != "" || l.filter.Status != "" || l.responsible != uuid.Nil):
		return []*way{own, l.way(r, l.index)}
	}
	return []*way{own}
}

func (l *list) way(r reading, read func(context.Context, *way, int) error) *way {
	return &way{read: read, first: l.limits.first, rest: r, whole: r.From == nil}
}

// walk reads the list's own range.
func (l *list) walk(ctx context.Context, w *way, n int) error {
	rows := l.walked(w.rest, n)
	if rows == nil {
		w.done = true
		return nil
	}
	return l.along(ctx, w, n, rows, l.byRelation())
}

// index reads an index of the filter, for all people together.
func (l *list) index(ctx context.Context, w *way, n int) error {
	q := l.ranged(l.db.NewSelect().ColumnExpr(`t.number`).TableExpr(l.hinted()))
	return l.along(ctx, w, n, ordered(w.rest, q, "t.number", n), false)
}

// matches reads SQLite's index of the search texts, which has the order of the numbers.
func (l *list) matches(ctx context.Context, w *way, n int) error {
	texts := l.texts.Get(ctx)
	q := l.db.NewSelect().ColumnExpr(`rowid AS number`).Table(`transaction_search`).
		Where(`transaction_search MATCH ?`, store.Match(texts.Enough(l.wanted.Trigrams)...))
	return l.along(ctx, w, n, ordered(w.rest, q, "rowid", n), false)
}

// along reads the next part of a way that has the order of the list. rows selects the numbers; if they are related, also
// the masks of the caller's relations.
func (l *list) along(ctx context.Context, w *way, n int, rows store.Condition, related bool) error {
	q := l.db.NewSelect().TableExpr(`walked CROSS JOIN transactions AS t`).Where(`t.number = walked.number`)
	if l.db.IsPostgres() { // otherwise it may prefer to read all rows of a kind or status
		q = l.db.NewSelect().TableExpr(`walked CROSS JOIN LATERAL (SELECT * FROM transactions AS one WHERE one.number = walked.number LIMIT 1) AS t`)
	}
	l.filtered(l.byIndex(living(q), ``))
	if l.search {
		q.Where(`?`, l.db.Verify(l.terms, "t.search"))
	}
	readable := l.readable()
	if related {
		readable = allowed(l.scope, "walked.mask", "t.kind")
	}
	p, err := l.part(ctx, l.db, w, rows, q.Where(`?`, readable))
	if err != nil {
		return err
	}
	if p.seen < n {
		p.last = nil
	}
	w.add(n, p, p.last)
	return nil
}

// walked selects the next rows of the list's range, in order: number and, if the list is read by relation, mask. It is
// nil when there can be no rows.
func (l *list) walked(r reading, limit int) store.Condition {
	if !l.byRelation() {
		q := l.db.NewSelect().ColumnExpr(`t.number`).TableExpr(l.hinted())
		if l.customer != uuid.Nil {
			q.Where(`t.customer_id = ?`, l.customer)
		} else {
			l.ranged(q)
		}
		return ordered(r, q, "t.number", limit)
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
	q := l.db.NewSelect().ColumnExpr(`number, MAX(mask & 1) + MAX(mask & 2) + MAX(mask & 4) AS mask`).
		TableExpr(`(?) AS sources`, all).GroupExpr(`number`)
	return listing.By(!r.Back, "number").First(q, limit)
}

// fewAccesses is the maximum number of customers that are read by one query each; more are read by one query together.
const fewAccesses = 20

// sources returns the ranges that together hold the transactions to which the caller has a relation: one for each
// person whose assignments count, and one for each customer to which the caller has an access.
func (l *list) sources(r reading, limit int) (all []*bun.SelectQuery) {
	if l.scope.Matters()&(policies.Administrator|policies.Processor) != 0 {
		for _, person := range l.caller.Persons() {
			q := l.db.NewSelect().ColumnExpr(`v.number, v.relmask AS mask`).
				TableExpr(`transaction_visible AS v`).Where(`v.specialist_id = ?`, person)
			all = append(all, ordered(r, q, "v.number", limit))
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
		q := l.db.NewSelect().ColumnExpr(`t.number, 4 AS mask`).
			TableExpr(`transactions AS t`).Where(`t.customer_id IN (?)`, bun.List(ids))
		all = append(all, ordered(r, q, "t.number", limit))
	}
	return all
}

// readable returns the condition that the caller may read the transaction t.
func (l *list) readable() store.Condition { return store.All(within(l.caller, l.scope, "t")) }

// blockBits is how many bits of a number say where in its block it is. PostgreSQL's index of the search texts also has
// the block of each transaction, so it finds the matches within some blocks without reading all others.
const blockBits = 14

// namedBlock says that naming a block in a query takes as long as reading this many matches.
const namedBlock = 12

// blocks reads PostgreSQL's index of the search texts. If a sample says that matches are so rare that reading all that are
// left is faster than naming blocks, one query does that, so that a word that does not occur takes a single query. Otherwise
// a query names as many blocks of numbers as have the rows that are wanted, by the sample.
func (l *list) blocks() func(context.Context, *way, int) error {
	newest, frequent := int64(-1), false
	var expected matches
	return func(ctx context.Context, w *way, n int) (err error) {
		if newest < 0 {
			if err := l.db.NewSelect().Table(`transactions`).ColumnExpr(`COALESCE(max(number), 0)`).Scan(ctx, &newest); err != nil {
				return err
			}
			expected = l.expect(ctx)
		}
		q := l.db.NewSelect().ColumnExpr(`t.number, t.id, t.customer_id, t.kind`).TableExpr(`transactions AS t`).
			Where(`?`, l.db.Verify(l.wanted, "t.search"))
		from, to := blocksOf(w.rest, newest)
		together := !frequent && expected.rows(from, to) <= namedBlock*int(to-from+1)
		if together {
			q.Limit(int64(l.limits.batch))
		} else {
			wanted := n
			if !w.counting {
				wanted = max(n, l.limits.perRow*w.rest.Limit)
			}
			from, to = expected.first(wanted, from, to, w.rest.Back)
			q.Where(`ARRAY[t.number >> ?] && ARRAY[?]`, blockBits, bun.List(numbersOf(from, to)))
		}
		l.filtered(l.byIndex(q, ` || ''`)) // prevents other indexes than that of the search text
		if w.rest.From != nil {
			q.Where(`?`, listing.By(!w.rest.Back, "t.number + 0").Behind(*w.rest.From))
		}
		rows := l.db.NewSelect().Table(`walked`)
		if !w.counting { // rows that are sorted before the next conditions are checked are checked only until the page is full
			rows.OrderExpr(`?`, listing.By(!w.rest.Back, "number").Sort())
		}
		shown := living(l.db.NewSelect().TableExpr(`(?) AS t`, rows)).Where(`?`, l.readable())
		var p part
		err = listing.Avoiding(ctx, l.db, []string{"seqscan"}, func(db bun.IDB) error {
			p, err = l.part(ctx, db, w, q, shown)
			return err
		})
		if err != nil {
			return err
		}
		if together && p.seen == l.limits.batch { // there may be others
			frequent, w.seen = true, w.seen+p.seen
			return nil
		}
		end, ended := from<<blockBits, from == 0
		if w.rest.Back {
			end, ended = (to+1)<<blockBits-1, to == newest>>blockBits
		}
		if ended {
			w.add(n, p, nil)
		} else {
			w.add(n, p, &end)
		}
		return nil
	}
}

// blocksOf returns the first and the last of the blocks that are left of a reading.
func blocksOf(r reading, newest int64) (from, to int64) {
	last := newest >> blockBits
	switch {
	case r.From == nil:
		return 0, last
	case r.Back:
		return min((*r.From+1)>>blockBits, last), last
	}
	return 0, max(min((*r.From-1)>>blockBits, last), 0)
}

func numbersOf(from, to int64) (list []int64) {
	for ; from <= to; from++ {
		list = append(list, from)
	}
	return list
}

// gather reads all rows with a due date that the filter allows, if there are fewer than n. The index of due dates is
// not in the order of the list.
func (l *list) gather(ctx context.Context, w *way, n int) error {
	n = max(n, 4*w.last) // it reads from the beginning each time
	rows := l.filtered(l.byIndex(l.db.NewSelect(), ``)).ColumnExpr(`t.number, t.id, t.customer_id, t.kind`).
		TableExpr(l.only(`transactions_due`)).Limit(int64(n))
	shown := living(l.db.NewSelect().TableExpr(`walked AS t`)).Where(`(SELECT count(*) FROM walked) < ?`, n).Where(`?`, l.readable())
	if w.rest.From != nil {
		shown.Where(`?`, listing.By(!w.rest.Back, "t.number").Behind(*w.rest.From))
	}
	p, err := l.part(ctx, l.db, w, rows, shown)
	if err != nil {
		return err
	}
	if p.seen == n { // there may be others
		w.last, w.seen = n, w.seen+n
		return nil
	}
	w.add(n, p, nil)
	return nil
}

// part reads a part of a way. rows selects its rows, as table walked; shown selects those that are in the list, as
// table t.
func (l *list) part(ctx context.Context, db bun.IDB, w *way, rows store.Condition, shown *bun.SelectQuery) (p part, err error) {
	last := `min`
	if w.rest.Back {
		last = `max`
	}
	var page *bun.SelectQuery
	if w.counting {
		page = db.NewSelect().ColumnExpr(`count(*) AS number`).TableExpr(`(?) AS counted`, shown.ColumnExpr(`1`).Limit(int64(w.most())))
	} else {
		page = listing.By(!w.rest.Back, "t.number").First(shown.ColumnExpr(`t.number`), w.most())
	}
	var found []struct {
		Seen   int    `bun:"seen"`
		Last   *int64 `bun:"last"`
		Number *int64 `bun:"number"`
	}
	// Raw SQL: without MATERIALIZED the rows would be read twice.
	err = db.NewRaw(`WITH walked AS MATERIALIZED (?) SELECT total.seen, total.last, page.number
		FROM (SELECT count(*) AS seen, `+last+`(number) AS last FROM walked) AS total LEFT JOIN (?) AS page ON TRUE
		ORDER BY ?`, rows, page, listing.By(!w.rest.Back, "page.number").Sort()).Scan(ctx, &found)
	for _, row := range found {
		p.seen, p.last = row.Seen, row.Last
		switch {
		case row.Number == nil:
		case w.counting:
			p.found = int(*row.Number)
		default:
			p.found++
			p.hits = append(p.hits, *row.Number)
		}
	}
	return p, err
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
