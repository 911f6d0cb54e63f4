package customer

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// limits is how many rows are looked at before a search takes the other way. They change how a result is found, never
// the result.
type limits struct {
	// scarce: so many matches, at most, are gathered before anything else: most searches have no more. 0: on PostgreSQL,
	// whose index is read to its end before the first match is there.
	scarce int
	// rare: so many matches are gathered from the trigram index and sorted, at most; more than are counted. A search with
	// more is frequent: walking the names in order soon meets a page of them.
	rare int
	// frequent: so many are expected of a search that walks at once.
	frequent int
	// walk bounds that walk, since matches may all lie at the end of the alphabet ("immermann"). SQLite reads a covering
	// index, PostgreSQL the rows themselves.
	walk int
	// step: so many names are walked in the time in which one match is gathered.
	step int
	// samples say what to expect, one after the other as far as that is worth it.
	samples []sampleSize
}

// sampleSize is how much is read: so many blocks of the table, of about so many rows each. On SQLite a block is so many
// numbers in a row, on PostgreSQL a page. A frequent word is in all of the blocks if they are large; many small ones take
// longer to find.
type sampleSize struct{ blocks, size int }

// limitsOf are measured at a million customers. A page of matches as rare as may be must lie within the walk, or both ways
// are gone in vain: rare × walk ≥ PageSize × 1,000,000.
func limitsOf(db *store.DB) limits {
	if db.IsPostgres() {
		return limits{rare: 4 * CountCap, frequent: 5 * CountCap, walk: 12_000, step: 1, samples: []sampleSize{{30, 12}, {120, 12}}}
	}
	return limits{scarce: 2 * PageSize, rare: 2 * CountCap, frequent: 3 * CountCap, walk: 30_000, step: 6, samples: []sampleSize{{100, 10}, {100, 25}}}
}

// listing is what a page of the overview is made from.
type listing struct {
	filter Filter
	scope  scope
	order  order
	terms  terms
	search bool // terms hold something
	// similar says that the terms are not those of the query, but words that are spelt alike.
	similar bool
	now     time.Time
}

// hit is a row of a list before the rest of it is loaded.
type hit struct {
	Phase  int    `bun:"phase"`
	Name   string `bun:"name_sort"`
	Number int64  `bun:"number"`
}

func (h hit) position() position { return position{h.Phase, h.Name, h.Number} }

// run is one reading of a list: from a position (nil: from its beginning), forwards or backwards.
type run struct {
	listing
	from  *position
	back  bool
	limit int
}

// phased says whether the list has phases at all.
func (l listing) phased() bool {
	return l.search && !l.order.number && !l.order.descending && !l.similar
}

func (r run) descending() bool { return r.order.descending != r.back }

func (r run) direction() string {
	if r.descending() {
		return "DESC"
	}
	return "ASC"
}

func (r run) beyond() string {
	if r.descending() {
		return "<"
	}
	return ">"
}

// conditions are what is asked besides the words, each beginning with AND, about a table customer.
func (l listing) conditions() store.Clause {
	c := l.filters()
	c.Append(l.scope.Clause)
	return c
}

// filters are those of them that a look at the row answers: they stand before the words, which take longer to look for.
func (l listing) filters() (c store.Clause) {
	if l.filter.Type != "" {
		c.Add(` AND customer.type = ?`, l.filter.Type)
	}
	if l.filter.Attention {
		c.Add(` AND customer.attention_at <= ?`, l.now)
	}
	return c
}

// matching is what is searched for, verified on search text and details.
func (s *Service) matching(l listing) store.Clause {
	c := store.SQL(` AND (`)
	if l.terms.code != "" {
		c.Append(s.inTexts(l.terms.code))
		c.Add(` OR (`)
	}
	for i, t := range l.terms.all {
		if i > 0 {
			c.Add(` AND `)
		}
		c.Append(s.has(t))
	}
	if l.terms.code != "" {
		c.Add(`)`)
	}
	c.Add(`)`)
	return c
}

// has is a term as a condition.
func (s *Service) has(t term) store.Clause {
	c := store.SQL(`(`)
	or := func(condition store.Clause) {
		if len(c.SQL) > 1 {
			c.Add(` OR `)
		}
		c.Append(condition)
	}
	if len(t.words) > 0 {
		words := store.SQL(`(TRUE`)
		words.Append(s.db.Verify(store.Terms{Needles: t.words}, "customer.search"))
		words.Add(`)`)
		or(words)
	}
	for _, n := range t.either {
		or(s.inTexts(n))
	}
	c.Add(`)`)
	return c
}

// bothTexts is search text and details in one, as PostgreSQL's index customer_texts has them. No needle is found across the
// two: it has no blank but before it, and the details begin with one.
const bothTexts = `(customer.search || COALESCE(customer.details, ''))`

// inTexts is the condition that search text or details have a needle.
func (s *Service) inTexts(needle string) store.Clause {
	if s.db.IsPostgres() {
		return s.db.Has(bothTexts, needle)
	}
	c := store.SQL(`(`)
	c.Append(s.db.Has("customer.search", needle))
	c.Add(` OR `)
	c.Append(s.db.Has("customer.details", needle))
	c.Add(`)`)
	return c
}

// match is what SQLite's index is asked for: rows that have all trigrams of what is searched for, and perhaps some others.
func (t terms) match() string {
	var parts []string
	for _, part := range t.all {
		if !part.asked() {
			continue
		}
		var one []string // of these is enough
		if len(part.words) > 0 {
			one = append(one, `(`+store.MatchNeedles(part.words...)+`)`)
		}
		for _, n := range part.either {
			one = append(one, `(`+store.MatchNeedles(n)+`)`)
		}
		parts = append(parts, `(`+strings.Join(one, ` OR `)+`)`)
	}
	all := strings.Join(parts, ` AND `)
	if t.code != "" {
		all = `(` + all + `) OR (` + store.MatchNeedles(t.code) + `)`
	}
	return all
}

// named is the condition that the search text alone has the words.
func (s *Service) named(l listing) store.Clause {
	c := store.SQL(`(TRUE`)
	c.Append(s.db.Verify(l.terms.Terms, "customer.search"))
	c.Add(`)`)
	return c
}

// inPhase is the condition that a row is found, and in a phase of the list at all.
func (s *Service) inPhase(l listing, phase int) store.Clause {
	switch {
	case !l.phased():
		return s.matching(l)
	case phase < phaseDetails:
		return s.db.Verify(l.terms.Terms, "customer.search")
	}
	c := s.matching(l)
	c.Add(` AND NOT `)
	c.Append(s.named(l))
	return c
}

// prefixEnd closes the range of names that begin with something: no character sorts behind it.
const prefixEnd = "\U0010FFFF"

// begins is the condition that a name begins with one of these.
func begins(with ...string) (c store.Clause) {
	for i, w := range with {
		if i > 0 {
			c.Add(` OR `)
		}
		c.Add(`customer.name_sort >= ? AND customer.name_sort < ?`, w, w+prefixEnd)
	}
	return c
}

// phaseOf is the phase of a row as an expression.
func (l listing) phaseOf(named store.Clause) store.Clause {
	if !l.phased() {
		return store.SQL(`?`, phaseRest)
	}
	c := store.SQL(`CASE WHEN customer.number = ? THEN ? WHEN NOT `, l.terms.number, phaseNumber)
	c.Append(named)
	c.Add(` THEN ? WHEN `, phaseDetails)
	c.Append(begins(l.terms.prefix))
	c.Add(` THEN ?`, phasePrefix)
	if len(l.terms.begins) > 0 {
		c.Add(` WHEN `)
		c.Append(begins(l.terms.begins...))
		c.Add(` THEN ?`, phaseWord)
	}
	c.Add(` ELSE ? END`, phaseRest)
	return c
}

// earlier is the condition that a row is in none of the phases before.
func (l listing) earlier(phase int) (c store.Clause) {
	if !l.phased() {
		return c
	}
	if phase > phaseNumber && l.terms.number != 0 {
		c.Add(` AND customer.number <> ?`, l.terms.number)
	}
	if phase == phaseDetails { // what has the words in the search text is not in it
		return c
	}
	before := []string{l.terms.prefix}
	if phase == phaseRest {
		before = append(before, l.terms.begins...)
	}
	if phase > phasePrefix {
		c.Add(` AND NOT (`)
		c.Append(begins(before...))
		c.Add(`)`)
	}
	return c
}

// loadRows loads the rows of hits, in their order.
func (s *Service) loadRows(ctx context.Context, db bun.IDB, hits []hit) ([]Row, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	numbers := make([]int64, len(hits))
	for i, h := range hits {
		numbers[i] = h.Number
	}
	var records []record
	err := db.NewRaw(`SELECT number, id, version, type, first_name, last_name, company_name, city FROM customer WHERE number IN (?)`,
		bun.List(numbers)).Scan(ctx, &records)
	if err != nil {
		return nil, err
	}
	byNumber := make(map[int64]record, len(records))
	for _, r := range records {
		byNumber[r.Number] = r
	}
	rows := make([]Row, 0, len(hits))
	for _, n := range numbers {
		if r, ok := byNumber[n]; ok { // else it went meanwhile
			rows = append(rows, r.row())
		}
	}
	return rows, nil
}

// hinted names the table with the index to take. SQLite has no statistics to choose by; PostgreSQL has.
func (s *Service) hinted(l listing) string {
	switch {
	case s.db.IsPostgres():
		return `customer`
	case l.filter.Attention && l.order.number:
		return `customer INDEXED BY customer_attention`
	case l.filter.Attention:
		return `customer INDEXED BY customer_attention_name`
	case l.order.number:
		return `customer NOT INDEXED`
	case l.filter.Type != "" && !l.search:
		return `customer INDEXED BY customer_type_name`
	}
	return `customer INDEXED BY customer_name`
}

func (r run) after(from *position) store.Clause {
	if from == nil {
		return store.Clause{}
	}
	if r.order.number {
		return store.SQL(` AND customer.number `+r.beyond()+` ?`, from.number)
	}
	return store.SQL(` AND (customer.name_sort, customer.number) `+r.beyond()+` (?, ?)`, from.name, from.number)
}

func (r run) sorted() string {
	if r.order.number {
		return ` ORDER BY customer.number ` + r.direction()
	}
	return ` ORDER BY customer.name_sort ` + r.direction() + `, customer.number ` + r.direction()
}

// plain reads a list without a search.
func (s *Service) plain(ctx context.Context, r run) (hits []hit, err error) {
	q := store.SQL(`SELECT ? AS phase, customer.name_sort, customer.number FROM `+s.hinted(r.listing)+` WHERE NOT customer.deleting`, phaseRest)
	q.Append(r.conditions())
	q.Append(r.after(r.from))
	q.Add(r.sorted()+` LIMIT ?`, r.limit)
	err = s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &hits)
	return hits, err
}

// part is a range of names that lies in one phase of a search.
type part struct {
	phase  int
	begins string // with what all its names begin; "" any
}

// parts are the ranges of a search up to the last phase wanted, in its order.
func (r run) parts(last int) (list []part) {
	if !r.phased() {
		return []part{{phase: phaseRest}}
	}
	if r.terms.number != 0 {
		list = append(list, part{phase: phaseNumber})
	}
	list = append(list, part{phasePrefix, r.terms.prefix})
	for _, word := range r.terms.begins {
		list = append(list, part{phaseWord, word})
	}
	list = append(list, part{phase: phaseRest}, part{phase: phaseDetails})
	list = slices.DeleteFunc(list, func(p part) bool { return p.phase > last })
	if r.back {
		slices.Reverse(list)
	}
	return list
}

// opening reads the first phases of a search: names that begin with the query are one range of an index, often a page of
// them at once. filled=false when they are not: the hits are not to be used.
func (s *Service) opening(ctx context.Context, r run) (hits []hit, filled bool, err error) {
	if !r.phased() || r.back || r.from != nil && r.from.phase > phasePrefix {
		return nil, false, nil
	}
	hits, _, err = s.phases(ctx, r, phasePrefix)
	return hits, err == nil && len(hits) == r.limit, err
}

// phases reads a search along its order, part by part up to the last phase wanted, looking at no more than a bounded
// number of rows of each; complete=false when that was enough neither for the page nor to see the end of the list.
func (s *Service) phases(ctx context.Context, r run, last int) (hits []hit, complete bool, err error) {
	for _, p := range r.parts(last) {
		if r.from != nil && p.phase != r.from.phase && (p.phase < r.from.phase) != r.back {
			continue // behind us
		}
		rest := r
		rest.limit -= len(hits)
		if r.from != nil && r.from.phase != p.phase {
			rest.from = nil
		}
		found, all, err := s.part(ctx, rest, p, last == phaseDetails)
		if err != nil {
			return nil, false, err
		}
		if hits = append(hits, found...); len(hits) == r.limit || !all {
			return hits, all, nil
		}
	}
	return hits, last == phaseDetails, nil
}

// part reads one of them; all=false when it was not read to its end nor the page filled. Only whole asks for that: it
// costs another count.
func (s *Service) part(ctx context.Context, r run, p part, whole bool) (hits []hit, all bool, err error) {
	l := r.listing
	if l.order.number && !l.filter.Attention && !s.db.IsPostgres() {
		hits, err = s.stream(ctx, r)
		return hits, true, err
	}
	walk := store.SQL(`SELECT * FROM ` + s.hinted(l) + ` WHERE NOT customer.deleting`)
	if !s.db.IsPostgres() && !l.filter.Attention && !l.order.number && l.scope.SQL == "" {
		// only what the index holds, so that the walk does not touch the table
		columns := `number, name_sort, type, search`
		if !l.phased() || p.phase == phaseDetails {
			columns += `, details`
		}
		walk.SQL = `SELECT ` + columns + ` FROM ` + s.hinted(l) + ` WHERE NOT customer.deleting`
	}
	if p.phase == phaseNumber {
		walk = store.SQL(`SELECT * FROM customer WHERE NOT customer.deleting AND customer.number = ?`, l.terms.number)
	}
	if p.begins != "" {
		walk.Add(` AND `)
		walk.Append(begins(p.begins))
	}
	if l.filter.Attention { // in the walk as well: it is what the index is of
		walk.Add(` AND customer.attention_at <= ?`, l.now)
	}
	walk.Append(r.after(r.from))
	walk.Add(r.sorted()+` LIMIT ?`, s.limits.walk)

	q := store.SQL(`SELECT ? AS phase, customer.name_sort, customer.number FROM (`, p.phase)
	q.Append(walk)
	q.Add(`) AS customer WHERE TRUE`)
	q.Append(l.filters())
	q.Append(s.inPhase(l, p.phase))
	q.Append(l.scope.Clause)
	q.Append(l.earlier(p.phase))
	q.Add(r.sorted()+` LIMIT ?`, r.limit)
	if !whole || p.phase == phaseNumber {
		err = s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &hits)
		return hits, true, err
	}
	// Behind the hits, when they don't fill the page, how many rows were walked: in one statement, since a question costs
	// PostgreSQL more than its answer. The walk is not repeated for a page that is full.
	q.SQL = `SELECT * FROM (` + q.SQL + `) AS hits UNION ALL SELECT ?, '', count(*) FROM (`
	q.Args = append(q.Args, phaseCounted)
	q.Append(walk)
	q.Add(`) AS walked LIMIT ?`, r.limit)
	if err := s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &hits); err != nil {
		return nil, false, err
	}
	last := len(hits) - 1
	if last < 0 || hits[last].Phase != phaseCounted {
		return hits, true, nil
	}
	return hits[:last], hits[last].Number < int64(s.limits.walk), nil
}

// stream reads a search sorted by number: on SQLite that is the order of the trigram index itself.
func (s *Service) stream(ctx context.Context, r run) (hits []hit, err error) {
	q := store.SQL(`SELECT ? AS phase, customer.name_sort, customer.number`, phaseRest)
	q.Append(s.matches(r.listing))
	if r.from != nil {
		q.Add(` AND customer_search.rowid `+r.beyond()+` ?`, r.from.number)
	}
	q.Add(` ORDER BY customer_search.rowid `+r.direction()+` LIMIT ?`, r.limit)
	err = s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &hits)
	return hits, err
}

// matches is FROM and WHERE of all rows that match, found through the trigram index. PostgreSQL's planner is kept from
// taking another index, instead of it or as well: reading 300,000 companies' entries to find which of them match takes
// longer than looking at the type of those that do. So the conditions are written in ways that no other index has.
func (s *Service) matches(l listing) store.Clause {
	var c store.Clause
	filters := l.filters()
	if s.db.IsPostgres() {
		filters.SQL = strings.Replace(filters.SQL, ` AND customer.type = ?`, ` AND customer.type || '' = ?`, 1)
	}
	switch {
	case s.db.IsPostgres():
		c.Add(` FROM customer WHERE customer.deleting IS NOT TRUE`)
	case l.filter.Attention:
		c.Add(` FROM customer INDEXED BY customer_attention WHERE NOT customer.deleting`)
	default:
		c.Add(` FROM customer_search CROSS JOIN customer ON customer.number = customer_search.rowid
			WHERE customer_search MATCH ? AND NOT customer.deleting`, l.terms.match())
	}
	c.Append(filters)
	c.Append(s.matching(l))
	c.Append(l.scope.Clause)
	return c
}

// gathered is a page of a search made from all its matches.
type gathered struct {
	hits     []hit
	count    int
	complete bool  // else there are more matches, and the page is not to be used
	last     int64 // number of the match with the highest
}

// gather reads a page of a search from all its matches, and counts them. With most > 0 it stops at so many.
func (s *Service) gather(ctx context.Context, r run, most int) (g gathered, err error) {
	phase := r.phaseOf(s.named(r.listing))
	q := store.SQL(`WITH hits AS MATERIALIZED (SELECT customer.name_sort, customer.number, `)
	q.Append(phase)
	q.Add(` AS phase`)
	q.Append(s.matches(r.listing))
	if most > 0 {
		q.Add(` LIMIT ?`, most)
	}
	columns, key := `phase, name_sort, number`, func(p position) []any { return []any{p.phase, p.name, p.number} }
	if r.order.number {
		columns, key = `number`, func(p position) []any { return []any{p.number} }
	}
	sorted := strings.ReplaceAll(columns, `,`, ` `+r.direction()+`,`) + ` ` + r.direction()
	q.Add(`) SELECT total.n, total.last, page.phase, page.name_sort, page.number
		FROM (SELECT count(*) AS n, COALESCE(max(number), 0) AS last FROM hits) AS total
		LEFT JOIN (SELECT * FROM hits`)
	if r.from != nil {
		q.Add(` WHERE (`+columns+`) `+r.beyond()+` (?)`, bun.List(key(*r.from)))
	}
	q.Add(` ORDER BY `+sorted+` LIMIT ?) AS page ON TRUE ORDER BY `+sorted, r.limit)
	var found []struct {
		N      int            `bun:"n"`
		Last   int64          `bun:"last"`
		Phase  sql.NullInt64  `bun:"phase"`
		Name   sql.NullString `bun:"name_sort"`
		Number sql.NullInt64  `bun:"number"`
	}
	if err := s.indexed(ctx, func(db bun.IDB) error { return db.NewRaw(q.SQL, q.Args...).Scan(ctx, &found) }); err != nil {
		return gathered{}, err
	}
	for _, f := range found {
		g.count, g.last = f.N, f.Last
		if f.Number.Valid {
			g.hits = append(g.hits, hit{int(f.Phase.Int64), f.Name.String, f.Number.Int64})
		}
	}
	g.complete = most == 0 || g.count < most
	return g, nil
}

// count counts what matches, up to most.
func (s *Service) count(ctx context.Context, l listing, most int) (n int, err error) {
	q := store.SQL(`SELECT count(*) FROM (SELECT 1`)
	if l.search {
		q.Append(s.matches(l))
		q.Add(` LIMIT ?) AS counted`, most)
		err = s.indexed(ctx, func(db bun.IDB) error { return db.NewRaw(q.SQL, q.Args...).Scan(ctx, &n) })
		return n, err
	}
	q.Add(` FROM customer WHERE NOT customer.deleting`)
	q.Append(l.conditions())
	q.Add(` LIMIT ?) AS counted`, most)
	err = s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &n)
	return n, err
}

// indexed runs a query for which PostgreSQL must take the trigram index: its estimates of LIKE are rough, and reading the
// table, or another index that it would have to filter, in the hope of meeting enough takes long when they are wrong.
func (s *Service) indexed(ctx context.Context, query func(db bun.IDB) error) error {
	if !s.db.IsPostgres() {
		return query(s.db)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off`); err != nil {
			return err
		}
		return query(tx)
	})
}
