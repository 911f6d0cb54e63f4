package customer

import (
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
)

// --- what is searched for ----------------------------------------------------------------------------------------

// matching returns the condition for a match, checked on search text and details.
func (l *overview) matching() store.Condition {
	var each []store.Condition
	for _, t := range l.terms.all {
		each = append(each, l.has(t))
	}
	if l.terms.code == "" {
		return store.All(each...)
	}
	return store.Any(l.inTexts(l.terms.code), store.All(each...))
}

// has returns a term as a condition.
func (l *overview) has(t term) store.Condition {
	var one []store.Condition
	if len(t.words) > 0 {
		one = append(one, l.db.Verify(store.Terms{Needles: t.words}, "customer.search"))
	}
	for _, n := range t.either {
		one = append(one, l.inTexts(n))
	}
	return store.Any(one...)
}

// bothTexts is search text and details in one, like PostgreSQL's index customer_texts. No needle matches across the
// two: a needle has a blank only at its beginning, and the details begin with one.
const bothTexts = `(customer.search || COALESCE(customer.details, ''))`

// inTexts returns the condition that search text or details contain a needle.
func (l *overview) inTexts(needle string) store.Condition {
	if l.db.IsPostgres() {
		return l.db.Has(bothTexts, needle)
	}
	return store.Any(l.db.Has("customer.search", needle), l.db.Has("customer.details", needle))
}

// match returns the query for SQLite's index. It finds the rows that have all trigrams of the terms, and perhaps some
// others. enough leaves out trigrams that are not worth reading.
func (t terms) match(enough func(trigrams []string) []string) string {
	var parts []string
	var always []string // needles that each row must have
	for _, part := range t.all {
		switch {
		case !part.asked():
		case len(part.words) == 0 && len(part.either) == 1:
			always = append(always, part.either...)
		case len(part.either) == 0:
			always = append(always, part.words...)
		default:
			var one []string // one of these is enough
			if len(part.words) > 0 {
				one = append(one, matchOf(enough, part.words...))
			}
			for _, n := range part.either {
				one = append(one, matchOf(enough, n))
			}
			parts = append(parts, `(`+strings.Join(one, ` OR `)+`)`)
		}
	}
	if len(always) > 0 {
		parts = append(parts, matchOf(enough, always...))
	}
	all := strings.Join(parts, ` AND `)
	if t.code != "" {
		all = `(` + all + `) OR ` + matchOf(enough, t.code)
	}
	return all
}

func matchOf(enough func(trigrams []string) []string, needles ...string) string {
	return `(` + store.Match(enough(store.Trigrams(needles...))...) + `)`
}

// named returns the condition that the search text alone contains the words.
func (l *overview) named() store.Condition { return l.db.Verify(l.terms.Terms, "customer.search") }

// --- phases ------------------------------------------------------------------------------------------------------

// phased says whether the list has phases.
func (l *overview) phased() bool {
	return l.search && l.order == order{by: byName} && !l.alike
}

// inPhase returns the condition that a row matches and may be in this phase of the list.
func (l *overview) inPhase(phase int) store.Condition {
	switch {
	case !l.search:
		return store.All()
	case !l.phased():
		return l.matching()
	case phase < phaseDetails:
		return l.named()
	}
	return bun.SafeQuery(`? AND NOT ?`, l.matching(), l.named())
}

// prefixEnd ends the range of names with a prefix: no character sorts after it.
const prefixEnd = "\U0010FFFF"

// begins returns the condition that a name begins with one of these prefixes.
func begins(with ...string) store.Condition {
	var one []store.Condition
	for _, w := range with {
		one = append(one, bun.SafeQuery(`customer.name_sort >= ? AND customer.name_sort < ?`, w, w+prefixEnd))
	}
	return store.Any(one...)
}

// phase returns an expression for the phase of a row.
func (l *overview) phase() store.Condition {
	if !l.phased() {
		return phaseOf(l.segments())
	}
	return bun.SafeQuery(`CASE WHEN customer.number = ? THEN ? WHEN NOT ? THEN ? WHEN ? THEN ? WHEN ? THEN ? ELSE ? END`,
		l.terms.number, phaseNumber, l.named(), phaseDetails, begins(l.terms.prefix), phasePrefix,
		begins(l.terms.begins...), phaseWord, phaseRest)
}

// phaseOf returns an expression for the part to which a row belongs.
func phaseOf(parts []part) store.Condition {
	if len(parts) == 1 {
		return bun.SafeQuery(`?`, parts[0].phase)
	}
	var args []any
	for _, p := range parts {
		args = append(args, p.only, p.phase)
	}
	return bun.SafeQuery(`CASE`+strings.Repeat(` WHEN ? THEN ?`, len(parts))+` END`, args...)
}

// earlier returns the condition that a row is in an earlier phase.
func (l *overview) earlier(phase int) store.Condition {
	var one []store.Condition
	if phase > phaseNumber && l.terms.number != 0 {
		one = append(one, bun.SafeQuery(`customer.number = ?`, l.terms.number))
	}
	if phase == phaseWord || phase == phaseRest { // rows with the words in the search text are not in phaseDetails
		one = append(one, begins(l.terms.prefix))
	}
	if phase == phaseRest {
		one = append(one, begins(l.terms.begins...))
	}
	return store.Any(one...)
}

// part is a range of rows in one phase of a list.
type part struct {
	phase  int
	begins string          // prefix of all its names; "": any
	only   store.Condition // what is true for its rows; nil: nothing
	index  string          // the index that has its rows in order; "": see hinted
	// excluded says that the filter lets no row of it through.
	excluded bool
}

// parts returns the ranges of a list up to phase last, in the order of the reading.
func (l *overview) parts(r reading, last int) (list []part) {
	if !l.phased() {
		list = l.segments()
	} else {
		if l.terms.number != 0 {
			list = append(list, part{phase: phaseNumber})
		}
		list = append(list, part{phase: phasePrefix, begins: l.terms.prefix})
		for _, word := range l.terms.begins {
			list = append(list, part{phase: phaseWord, begins: word})
		}
		list = append(list, part{phase: phaseRest}, part{phase: phaseDetails})
		list = slices.DeleteFunc(list, func(p part) bool { return p.phase > last })
	}
	if l.descending(r) {
		slices.Reverse(list)
	}
	return list
}

// --- reading -----------------------------------------------------------------------------------------------------

// descending says whether a reading reads in descending order.
func (l *overview) descending(r reading) bool { return l.order.descending() != r.Back }

// ordered returns the order in which a reading reads a table, and the key of the row after which it begins.
func (l *overview) ordered(r reading) (o listing.Order, key []any) {
	columns := l.order.columns()
	for i, c := range columns {
		columns[i] = "customer." + c
	}
	if r.From != nil {
		key = r.From.key(l.order)
	}
	return listing.By(l.descending(r), columns...), key
}

// filtered adds the conditions of the filter. They come before the conditions on words, which take longer.
func (l *overview) filtered(q *bun.SelectQuery) *bun.SelectQuery {
	for _, f := range l.facets {
		q.Where(`?`, f.where)
	}
	return q
}

// scoped adds the condition that the caller may list the customer.
func (l *overview) scoped(q *bun.SelectQuery) *bun.SelectQuery {
	if l.scope.where != nil {
		q.Where(`?`, l.scope.where)
	}
	return q
}

// from begins a query of customers that are not being deleted.
func (s *Service) from(table string, args ...any) *bun.SelectQuery {
	return s.db.NewSelect().TableExpr(table, args...).Where(`NOT customer.deleting`)
}

// hinted returns the table with the index that has a part in order. SQLite has no statistics to choose an index; PostgreSQL
// has.
func (l *overview) hinted(p part) string {
	switch {
	case l.db.IsPostgres():
		return `customer`
	case p.index != "":
		return `customer INDEXED BY ` + p.index
	case l.order.by == byNumber:
		return `customer NOT INDEXED`
	case l.order.by == byChanged:
		return `customer INDEXED BY customer_changed`
	}
	if f := l.byName(); f != nil {
		return `customer INDEXED BY ` + f.names
	}
	return `customer INDEXED BY customer_name`
}

// byName returns the facet with the fewest rows among those that have an index with their rows in the order of names; nil:
// none. A search reads the names, because their index has the search texts; only of what needs attention are there so few that
// this index is better.
func (l *overview) byName() (best *facet) {
	for i := range l.facets {
		f := &l.facets[i]
		if f.names != "" && (!l.search || f.few) && (best == nil || f.rows < best.rows) {
			best = f
		}
	}
	return best
}

// counted returns the table with the index by which a list is counted whose rows an index has in order.
func (l *overview) counted() string {
	if f := l.byName(); f != nil && !l.db.IsPostgres() {
		return `customer INDEXED BY ` + f.names
	}
	return `customer`
}

// all selects the rows of a part of a list without a search, from a table.
func (l *overview) all(table string, p part) *bun.SelectQuery {
	return l.scoped(l.filtered(l.from(table))).Where(`?`, store.All(p.only))
}

// plain reads a list without a search along the indexes that have its parts in order. It reads whole rows, because nothing is
// found that is not shown.
func (l *overview) plain(ctx context.Context, r reading) (f result, done bool, err error) {
	o, key := l.ordered(r)
	l.read = make(map[int64]Row, r.Limit)
	for _, p := range l.parts(r, phaseDetails) {
		var behind []any
		if r.From != nil {
			if p.phase != r.From.Phase && l.passed(r, p) {
				continue
			}
			if p.phase == r.From.Phase {
				behind = key
			}
		}
		limit := r.Limit - len(f.Hits)
		records := make([]rowRecord, 0, limit)
		if err = o.First(l.all(l.hinted(p), p).ColumnExpr(rowColumns), limit, behind...).Scan(l.prepared(ctx), &records); err != nil {
			return f, false, err
		}
		for i := range records {
			c := &records[i]
			c.Phase = p.phase
			f.Hits = append(f.Hits, c.position)
			l.read[c.Number] = c.row(l.now)
		}
		if len(f.Hits) == r.Limit {
			break
		}
	}
	return f, true, nil
}

// passed says whether a part lies before the row after which a reading begins.
func (l *overview) passed(r reading, p part) bool {
	return (p.phase < r.From.Phase) != l.descending(r)
}

// phases reads a search in its order, part by part up to phase last. It reads a limited number of rows of each part.
// done=false when that neither filled the page nor reached the end of the list.
func (l *overview) phases(ctx context.Context, r reading, last int) (f result, done bool, err error) {
	for _, p := range l.parts(r, last) {
		if r.From != nil && p.phase != r.From.Phase && l.passed(r, p) {
			continue // before the beginning of the reading
		}
		rest := r
		rest.Limit -= len(f.Hits)
		if r.From != nil && r.From.Phase != p.phase {
			rest.From = nil
		}
		hits, whole, err := l.part(ctx, rest, p, last == phaseDetails)
		if err != nil {
			return result{}, false, err
		}
		if f.Hits = append(f.Hits, hits...); len(f.Hits) == r.Limit || !whole {
			return f, whole, nil
		}
	}
	return f, last == phaseDetails, nil
}

// part reads one part. whole=false when it neither reached the end of the part nor filled the page. This is only
// determined with ask, because it costs another count.
func (l *overview) part(ctx context.Context, r reading, p part, ask bool) (hits []position, whole bool, err error) {
	if l.search && l.order.by == byNumber && l.narrowest == nil && !l.db.IsPostgres() {
		hits, err = l.stream(ctx, r)
		return hits, true, err
	}
	o, key := l.ordered(r)
	walk := o.First(l.walked(p), l.limits.walk, key...)
	q := l.db.NewSelect().TableExpr(`(?) AS customer`, walk).ColumnExpr(`? AS phase, ?`, p.phase, o.Key())
	q = l.scoped(l.filtered(q)).Where(`?`, l.inPhase(p.phase))
	if l.phased() {
		q.Where(`NOT ?`, l.earlier(p.phase))
	}
	q = o.First(q, r.Limit)
	if !ask || l.phased() && p.phase == phaseNumber {
		err = l.inOrder(ctx, p, func(db bun.IDB) error { return q.Conn(db).Scan(ctx, &hits) })
		return hits, true, err
	}
	// If the hits do not fill the page, a further row has the number of walked rows. This is one statement, because on
	// PostgreSQL a second statement costs more than its result. For a full page the walk is not repeated.
	err = l.inOrder(ctx, p, func(db bun.IDB) error {
		// Raw SQL: a UNION with one limit for both parts.
		return db.NewRaw(`SELECT * FROM (?) AS hits UNION ALL SELECT ?, ? FROM (?) AS walked LIMIT ?`,
			q, phaseCounted, l.countedKey(), walk, r.Limit).Scan(ctx, &hits)
	})
	if err != nil {
		return nil, false, err
	}
	last := len(hits) - 1
	if last < 0 || hits[last].Phase != phaseCounted {
		return hits, true, nil
	}
	return hits[:last], hits[last].Number < int64(l.limits.walk), nil
}

// countedKey is a row's key in which the number is that of all rows.
func (l *overview) countedKey() store.Condition {
	switch l.order.by {
	case byNumber:
		return bun.Safe(`count(*)`)
	case byCity:
		return bun.Safe(`'', '', count(*)`)
	case byChanged:
		return bun.SafeQuery(`?, count(*)`, l.now)
	}
	return bun.Safe(`'', count(*)`)
}

// walked selects the rows that can be in a part.
func (l *overview) walked(p part) *bun.SelectQuery {
	if l.phased() && p.phase == phaseNumber {
		return l.from(`customer`).Where(`customer.number = ?`, l.terms.number)
	}
	q := l.from(l.hinted(p)).Where(`?`, store.All(p.only))
	if p.begins != "" {
		q.Where(`?`, begins(p.begins))
	}
	if f := l.byName(); f != nil && p.index == "" && l.order.by == byName {
		return q.Where(`?`, f.where) // also in the walk, because the index covers only these rows
	}
	if l.db.IsPostgres() || l.scope.where != nil || !l.covered() {
		return q
	}
	q.Column(`number`, `name_sort`, `type`, `search`) // only columns in the index, so that the table is not read
	if l.phased() && p.phase != phaseDetails {
		return q
	}
	return q.Column(`details`)
}

// stream reads a search sorted by number. On SQLite the trigram index itself has this order.
func (l *overview) stream(ctx context.Context, r reading) (hits []position, err error) {
	_, key := l.ordered(r)
	q := l.matches().ColumnExpr(`? AS phase, customer.number`, phaseRest)
	err = listing.By(l.descending(r), "customer_search.rowid").First(q, r.Limit, key...).Scan(ctx, &hits)
	return hits, err
}

// matches selects all rows that match, by the trigram index or by the index of the narrowest facet. PostgreSQL must not use
// another index, neither instead nor in addition: reading 300,000 index entries of companies to find the matches among them
// takes longer than checking the type of the matches. So for the trigram index the conditions are written in a form for which
// no other index exists, and the rows of a facet are selected by themselves.
func (l *overview) matches() (q *bun.SelectQuery) {
	switch {
	case l.narrowest != nil:
		q = l.within(*l.narrowest)
	case l.db.IsPostgres():
		q = l.db.NewSelect().TableExpr(`customer`).Where(`customer.deleting IS NOT TRUE`)
		for _, f := range l.facets {
			q.Where(`?`, f.plainly())
		}
		return l.scoped(q).Where(`?`, l.matching())
	default:
		q = l.from(`customer_search CROSS JOIN customer ON customer.number = customer_search.rowid`).
			Where(`customer_search MATCH ?`, l.terms.match(l.sample.Enough))
	}
	q = l.scoped(l.filtered(q))
	if l.search {
		q.Where(`?`, l.matching())
	}
	return q
}

// gathered is the result of gathering the matches of a search.
type gathered struct {
	result
	all bool // all matches were gathered; otherwise the page must not be used
}

// gather reads a page of a search from all its matches, and counts them. With most > 0 it stops at most matches.
func (l *overview) gather(ctx context.Context, r reading, most int) (g gathered, err error) {
	columns := l.order.columns()
	o, key := listing.By(l.descending(r), append([]string{"phase"}, columns...)...), []any(nil)
	matches := l.matches().Column(columns...).ColumnExpr(`? AS phase`, l.phase()).Limit(int64(most))
	if r.From != nil {
		key = append([]any{r.From.Phase}, r.From.key(l.order)...)
	}
	page := o.First(l.db.NewSelect().Table(`hits`), r.Limit, key...)
	var rows []struct {
		N        int `bun:"n"`
		position     // zero if no row is on the page
	}
	err = l.gathering(ctx, func(db bun.IDB) error {
		// Raw SQL: without MATERIALIZED the matches would be gathered twice.
		return db.NewRaw(`WITH hits AS MATERIALIZED (?) SELECT total.n, page.*
			FROM (SELECT count(*) AS n FROM hits) AS total
			LEFT JOIN (?) AS page ON TRUE ORDER BY ?`, matches, page, o.Sort()).Scan(ctx, &rows)
	})
	if err != nil {
		return gathered{}, err
	}
	g.Counted = true
	for _, row := range rows {
		g.Count = row.N
		if row.Number != 0 {
			g.Hits = append(g.Hits, row.position)
		}
	}
	g.all = most == 0 || g.Count < most
	return g, nil
}

// countMatches counts the matches, up to listing.CountCap+1.
func (l *overview) countMatches(ctx context.Context) (n int, err error) {
	err = l.gathering(ctx, func(db bun.IDB) error {
		n, err = listing.Count(ctx, db, l.matches().ColumnExpr(`1`))
		return err
	})
	return n, err
}

// inOrder runs a query that PostgreSQL must answer by reading names in their order. It estimates a range of names far too
// low, depending on its statistics, and would read and sort all of them to find a page.
func (l *overview) inOrder(ctx context.Context, p part, query func(db bun.IDB) error) error {
	if p.begins == "" {
		return query(l.db)
	}
	return listing.Avoiding(ctx, l.db, []string{"bitmapscan", "sort", "seqscan"}, query)
}

// gathering runs a query of matches. PostgreSQL must answer it by the trigram index if they are found by that.
func (l *overview) gathering(ctx context.Context, query func(db bun.IDB) error) error {
	if l.narrowest != nil {
		return query(l.db)
	}
	return listing.Avoiding(ctx, l.db, []string{"seqscan", "indexscan"}, query)
}

// prepared is store.Prepared for a list whose plan is the same for all values: not for one of those customers only to
// whom the caller has a relation, which may be few or very many, and not for those that a filter lets through.
func (l *overview) prepared(ctx context.Context) context.Context {
	if l.scope.where != nil || l.filter.narrows() || l.order.by == byStatus {
		return ctx
	}
	return store.Prepared(ctx)
}

// rowColumns are the columns of a rowRecord.
const rowColumns = `customer.number, customer.city_sort, customer.name_sort, customer.updated_at, customer.id, customer.version, customer.type, customer.first_name, customer.last_name,
	customer.company_name, customer.city, customer.access_count, customer.access_registered, customer.access_worst, customer.access_expires_at`

// byNumber loads the customers with these numbers that still exist.
func (l *overview) byNumber(ctx context.Context, numbers []int64) (map[int64]Row, error) {
	records := make([]rowRecord, 0, len(numbers))
	err := l.db.NewSelect().Table(`customer`).ColumnExpr(rowColumns).Where(`number IN (?)`, store.BindList(numbers)).Scan(ctx, &records)
	rows := make(map[int64]Row, len(records))
	for i := range records {
		rows[records[i].Number] = records[i].row(l.now)
	}
	return rows, err
}
