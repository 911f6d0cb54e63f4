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
	// rare: so many matches are gathered from the trigram index and sorted, at most; more than are counted. A search with
	// more is frequent: walking the names in order soon meets a page of them.
	rare int
	// frequent: so many are expected of a search that walks at once.
	frequent int
	// walk bounds that walk, since matches may all lie at the end of the alphabet ("immermann"). SQLite reads a covering
	// index, PostgreSQL the rows themselves.
	walk int
	// few and many blocks are looked at to know what to expect: many only when there was something in the few.
	few, many int
}

// limitsOf are measured at a million customers. A page of matches as rare as may be must lie within the walk, or both ways
// are gone in vain: rare × walk ≥ PageSize × 1,000,000.
func limitsOf(db *store.DB) limits {
	if db.IsPostgres() {
		return limits{rare: 4 * CountCap, frequent: 5 * CountCap, walk: 12_000, few: 30, many: 120}
	}
	return limits{rare: 2 * CountCap, frequent: 3 * CountCap, walk: 30_000, few: 30, many: 120}
}

// listing is what a page of the overview is made from.
type listing struct {
	filter Filter
	scope  scope
	order  order
	terms  terms
	search bool // terms hold something
	now    time.Time
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
func (l listing) phased() bool { return l.search && !l.order.number && !l.order.descending }

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

// conditions are the filters besides the words, each beginning with AND, about a table customer.
func (l listing) conditions() store.Clause {
	var c store.Clause
	if l.filter.Type != "" {
		c.Add(` AND customer.type = ?`, l.filter.Type)
	}
	if l.filter.Attention {
		c.Add(` AND customer.attention_at <= ?`, l.now)
	}
	c.Append(l.scope.Clause)
	return c
}

// matching are the words, verified on the search text.
func (s *Service) matching(l listing) store.Clause {
	return s.db.Verify(l.terms.Terms, "customer.search")
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
func (l listing) phaseOf() store.Clause {
	if !l.phased() {
		return store.SQL(`?`, phaseRest)
	}
	c := store.SQL(`CASE WHEN customer.number = ? THEN ? WHEN `, l.terms.number, phaseNumber)
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
	list = append(list, part{phase: phaseRest})
	list = slices.DeleteFunc(list, func(p part) bool { return p.phase > last })
	if r.back {
		slices.Reverse(list)
	}
	return list
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
		found, all, err := s.part(ctx, rest, p)
		if err != nil {
			return nil, false, err
		}
		if hits = append(hits, found...); len(hits) == r.limit || !all {
			return hits, all, nil
		}
	}
	return hits, last == phaseRest, nil
}

// part reads one of them; all=false when it was not read to its end nor the page filled.
func (s *Service) part(ctx context.Context, r run, p part) (hits []hit, all bool, err error) {
	l := r.listing
	if l.order.number && !l.filter.Attention && !s.db.IsPostgres() {
		hits, err = s.stream(ctx, r)
		return hits, true, err
	}
	walk := store.SQL(`SELECT * FROM ` + s.hinted(l) + ` WHERE NOT customer.deleting`)
	if !s.db.IsPostgres() && !l.filter.Attention && !l.order.number && l.scope.SQL == "" {
		// only what the index holds, so that the walk does not touch the table
		walk.SQL = `SELECT number, name_sort, type, search FROM ` + s.hinted(l) + ` WHERE NOT customer.deleting`
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
	q.Append(s.matching(l))
	q.Append(l.conditions())
	q.Append(l.earlier(p.phase))
	q.Add(r.sorted()+` LIMIT ?`, r.limit)
	if err := s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &hits); err != nil || len(hits) == r.limit || p.phase == phaseNumber {
		return hits, true, err
	}
	var walked int
	walk.SQL = `SELECT count(*) FROM (` + walk.SQL + `) AS walked`
	err = s.db.NewRaw(walk.SQL, walk.Args...).Scan(ctx, &walked)
	return hits, walked < s.limits.walk, err
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
// taking another index as well: reading 300,000 companies' entries to find which of them match takes longer than looking
// at the type of those that do.
func (s *Service) matches(l listing) store.Clause {
	var c store.Clause
	filters := l.conditions()
	if s.db.IsPostgres() {
		filters.SQL = strings.Replace(filters.SQL, ` AND customer.type = ?`, ` AND customer.type || '' = ?`, 1)
	}
	switch {
	case s.db.IsPostgres():
		c.Add(` FROM customer WHERE NOT customer.deleting`)
	case l.filter.Attention:
		c.Add(` FROM customer INDEXED BY customer_attention WHERE NOT customer.deleting`)
	default:
		c.Add(` FROM customer_search CROSS JOIN customer ON customer.number = customer_search.rowid
			WHERE customer_search MATCH ? AND NOT customer.deleting`, l.terms.Match())
	}
	c.Append(s.matching(l))
	c.Append(filters)
	return c
}

// gather reads a page of a search from all its matches, and counts them. With most > 0 it stops at so many;
// complete=false then: the page is not to be used.
func (s *Service) gather(ctx context.Context, r run, most int) (hits []hit, count int, complete bool, err error) {
	phase := r.phaseOf()
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
	q.Add(`) SELECT total.n, page.phase, page.name_sort, page.number FROM (SELECT count(*) AS n FROM hits) AS total
		LEFT JOIN (SELECT * FROM hits`)
	if r.from != nil {
		q.Add(` WHERE (`+columns+`) `+r.beyond()+` (?)`, bun.List(key(*r.from)))
	}
	q.Add(` ORDER BY `+sorted+` LIMIT ?) AS page ON TRUE ORDER BY `+sorted, r.limit)
	var found []struct {
		N      int            `bun:"n"`
		Phase  sql.NullInt64  `bun:"phase"`
		Name   sql.NullString `bun:"name_sort"`
		Number sql.NullInt64  `bun:"number"`
	}
	if err := s.indexed(ctx, func(db bun.IDB) error { return db.NewRaw(q.SQL, q.Args...).Scan(ctx, &found) }); err != nil {
		return nil, 0, false, err
	}
	for _, f := range found {
		count = f.N
		if f.Number.Valid {
			hits = append(hits, hit{int(f.Phase.Int64), f.Name.String, f.Number.Int64})
		}
	}
	return hits, count, most == 0 || count < most, nil
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
