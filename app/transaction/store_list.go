package transaction

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// limits is how many rows are looked at before a list takes the other way. They change how a result is found, never the
// result.
type limits struct {
	// first: so many rows of the caller's range are looked at, newest first, before anything else: a page of what is very
	// frequent lies within them, and so does all that most people see.
	first int
	// rare: what the index of what is looked for has fewer of is gathered from it.
	rare int
	// walk: up to so many rows the walk goes on for the rest.
	walk int
	// gather: so many candidates are taken from the index then; of what has more, the walk goes on to its end.
	gather int
	// count: so many rows are looked at for counting what is no row of an index.
	count int
	// batch is the largest part in which a walk goes.
	batch int
}

// defaultLimits are measured at three million transactions. A page of matches as rare as may be must lie within the walk, or
// both ways are gone in vain: rare × walk ≥ PageSize × 3,000,000.
var defaultLimits = limits{first: 1_000, rare: 8_000, walk: 20_000, gather: 50_000, count: 2_000, batch: 16_000}

// listing is what a list is made from.
type listing struct {
	caller      account.Caller
	scope       policies.Scope
	customer    uuid.UUID   // Nil: of all
	accesses    []uuid.UUID // customers to which the caller has an active access
	filter      Filter
	terms       store.Terms
	search      bool        // terms hold something
	wanted      store.Terms // the terms and the kind, as the trigram index knows them
	today, week string
}

// run is one reading of a list: from a position (nil: from its beginning), forwards (newest first) or backwards.
type run struct {
	listing
	from  *position
	back  bool
	limit int
}

// found is what a reading found.
type found struct {
	hits  []position
	count int  // of the whole list, up to CountCap+1
	more  bool // there are more than count
}

// byRelation says whether the list is read off the caller's relations: the index of visible transactions, and the
// customers that they have an access to. Otherwise it is read off the table.
func (l listing) byRelation() bool { return l.customer == uuid.Nil && !l.scope.Unrelated() }

func (r run) direction() string {
	if r.back {
		return "ASC"
	}
	return "DESC"
}

func (r run) sorted(at, id string) string {
	return ` ORDER BY ` + at + ` ` + r.direction() + `, ` + id + ` ` + r.direction()
}

// beyond is the condition that a row lies behind where the run begins.
func (r run) beyond(at, id string) store.Clause {
	if r.from == nil {
		return store.Clause{}
	}
	than := " < "
	if r.back {
		than = " > "
	}
	return store.SQL(` AND (`+at+`, `+id+`)`+than+`(?, ?)`, r.from.CreatedAt, r.from.ID)
}

// byIndex are the filters that an index of the table answers in the list's order; the rest is filters.
func (l listing) byIndex() (c store.Clause) {
	if l.filter.Kind != "" {
		c.Add(` AND t.kind = ?`, l.filter.Kind)
	}
	if l.filter.Status != "" {
		c.Add(` AND t.status = ?`, l.filter.Status)
	}
	return c
}

func (l listing) filters() (c store.Clause) {
	switch l.filter.Due {
	case Overdue:
		c.Add(` AND t.due <> '' AND t.due < ? AND t.status <> 'closed'`, l.today)
	case ThisDue:
		c.Add(` AND t.due <> '' AND t.due >= ? AND t.due <= ? AND t.status <> 'closed'`, l.today, l.week)
	case NoDue:
		c.Add(` AND t.due = ''`)
	}
	return c
}

// dead are the customers that are being deleted; no list shows what is theirs.
const dead = `(SELECT dead.id FROM customer AS dead WHERE dead.deleting)`

// mask is what the caller is to the transaction of table t, as far as the list depends on it.
func (l listing) mask() store.Clause {
	if l.scope.Everything() {
		return store.SQL(`0`)
	}
	return relationTo(l.caller, "t", l.scope.Matters())
}

// allowed is the condition that the policy lets the caller read what they are this to.
func (l listing) allowed(mask string) store.Clause {
	sql, args := l.scope.SQL(mask, "t.kind")
	return store.SQL(` AND `+sql, args...)
}

// walked are the next rows of the range that the list lies in, in its order: created_at, id, mask. ok is false when the
// range is empty.
func (s *Service) walked(r run, limit int) (q store.Clause, ok bool) {
	if !r.byRelation() {
		q = store.SQL(`SELECT t.created_at, t.id, `)
		q.Append(r.mask())
		q.Add(` AS mask FROM ` + s.hinted(r.listing) + ` WHERE TRUE`)
		if r.customer != uuid.Nil {
			q.Add(` AND t.customer_id = ?`, r.customer)
		} else {
			q.Append(r.byIndex())
		}
		q.Append(r.beyond("t.created_at", "t.id"))
		q.Add(r.sorted("t.created_at", "t.id")+` LIMIT ?`, limit)
		return q, true
	}
	sources := r.sources(limit)
	switch len(sources) {
	case 0:
		return store.Clause{}, false
	case 1:
		return sources[0], true
	}
	// Each source's first rows hold the first of all; where several name a transaction their relations count together.
	q = store.SQL(`SELECT created_at, id, MAX(mask & 1) + MAX(mask & 2) + MAX(mask & 4) AS mask FROM (`)
	for i, source := range sources {
		if i > 0 {
			q.Add(` UNION ALL `)
		}
		q.Add(`SELECT * FROM (`)
		q.Append(source)
		q.Add(`) AS source`)
	}
	q.Add(`) AS sources GROUP BY created_at, id`+r.sorted("created_at", "id")+` LIMIT ?`, limit)
	return q, true
}

// fewAccesses is up to how many customers are read one by one; of more they are read together.
const fewAccesses = 20

// sources are the ranges that together hold what the caller has a relation to: one for each person whose assignments
// count, one for each customer to which they have an access.
func (r run) sources(limit int) (all []store.Clause) {
	if r.scope.Matters()&(policies.Administrator|policies.Processor) != 0 {
		for _, person := range r.caller.Persons() {
			q := store.SQL(`SELECT v.created_at, v.transaction_id AS id, v.relmask AS mask FROM transaction_visible AS v
				WHERE v.specialist_id = ?`, person)
			q.Append(r.beyond("v.created_at", "v.transaction_id"))
			q.Add(r.sorted("v.created_at", "v.transaction_id")+` LIMIT ?`, limit)
			all = append(all, q)
		}
	}
	customers := make([][]uuid.UUID, 0, len(r.accesses))
	for _, id := range r.accesses {
		customers = append(customers, []uuid.UUID{id})
	}
	if len(customers) > fewAccesses {
		customers = [][]uuid.UUID{r.accesses}
	}
	for _, ids := range customers {
		q := store.SQL(`SELECT t.created_at, t.id, 4 AS mask FROM transactions AS t WHERE t.customer_id IN (?)`, bun.List(ids))
		q.Append(r.beyond("t.created_at", "t.id"))
		q.Add(r.sorted("t.created_at", "t.id")+` LIMIT ?`, limit)
		all = append(all, q)
	}
	return all
}

// hinted names the table with the index to take. SQLite has no statistics to choose by; PostgreSQL has.
func (s *Service) hinted(l listing) string {
	const table = `transactions AS t`
	switch {
	case s.db.IsPostgres():
		return table
	case l.customer != uuid.Nil:
		return table + ` INDEXED BY transactions_customer`
	case l.filter.Kind != "":
		return table + ` INDEXED BY transactions_kind`
	case l.filter.Status != "":
		return table + ` INDEXED BY transactions_status`
	}
	return table + ` INDEXED BY transactions_created`
}

// step is one part of a walk.
type step struct {
	hits []position
	seen int       // rows looked at
	last *position // the last of them
}

// matching is FROM and WHERE of the rows of a part of a walk that the list shows.
func (s *Service) matching(l listing) store.Clause {
	q := store.SQL(` FROM walked CROSS JOIN transactions AS t WHERE t.id = walked.id AND t.customer_id NOT IN ` + dead)
	q.Append(l.allowed("walked.mask"))
	q.Append(l.byIndex())
	q.Append(l.filters())
	if l.search {
		q.Append(s.db.Verify(l.terms, "t.search"))
	}
	return q
}

// step reads the next part of a walk.
func (s *Service) step(ctx context.Context, r run, batch int) (st step, err error) {
	walked, ok := s.walked(r, batch)
	if !ok {
		return step{}, nil
	}
	other := r
	other.back = !r.back
	q := store.SQL(`WITH walked AS MATERIALIZED (`)
	q.Append(walked)
	q.Add(`) SELECT total.seen, last.created_at AS last_at, last.id AS last_id, page.created_at, page.id
		FROM (SELECT count(*) AS seen FROM walked) AS total
		LEFT JOIN (SELECT created_at, id FROM walked` + other.sorted("created_at", "id") + ` LIMIT 1) AS last ON TRUE
		LEFT JOIN (SELECT walked.created_at, walked.id`)
	q.Append(s.matching(r.listing))
	q.Add(r.sorted("walked.created_at", "walked.id")+` LIMIT ?) AS page ON TRUE`+r.sorted("page.created_at", "page.id"), r.limit)
	var rows []struct {
		Seen      int           `bun:"seen"`
		LastAt    *time.Time    `bun:"last_at"`
		LastID    uuid.NullUUID `bun:"last_id"`
		CreatedAt *time.Time    `bun:"created_at"`
		ID        uuid.NullUUID `bun:"id"`
	}
	if err := s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &rows); err != nil {
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
func (s *Service) firstBatch(r run) int {
	if r.search || r.filter.Narrow() {
		return max(r.limit, min(s.limits.first, s.limits.batch))
	}
	return r.limit + 13
}

// promising is how many times as far a walk goes when it would fill the page within that, if it went on like this: what is so
// frequent the index has too much of.
const promising = 5

// walk reads a list along its range until the page is full, the range is at its end, or about most rows were looked at
// (0: however many; more where it is promising); complete=false then, and the position at which to go on.
func (s *Service) walk(ctx context.Context, r run, most int) (hits []position, complete bool, last *position, err error) {
	want, seen, batch := r.limit, 0, s.firstBatch(r)
	for {
		part := r
		part.limit = want - len(hits)
		st, err := s.step(ctx, part, batch)
		if err != nil {
			return nil, false, nil, err
		}
		hits = append(hits, st.hits...)
		seen += st.seen
		if len(hits) == want || st.seen < batch {
			return hits, true, nil, nil
		}
		if most > 0 && (seen >= promising*most || seen >= most && len(hits)*promising*most < want*seen) {
			return hits, false, st.last, nil
		}
		r.from, batch = st.last, min(batch*4, s.limits.batch)
	}
}

// read returns the hits of a run and how many there are in all. It goes both ways in turn, each as far as it is likely to
// lead: along the range, and by the index of what is looked for.
func (s *Service) read(ctx context.Context, r run) (f found, err error) {
	index := s.candidates(r.listing)
	rest := r // what is still to be walked
	for _, stage := range []struct{ walk, gather int }{{s.limits.first, s.limits.rare}, {s.limits.walk, s.limits.gather}, {}} {
		if index.SQL == "" {
			stage.walk = 0
		}
		hits, complete, last, err := s.walk(ctx, rest, stage.walk)
		if err != nil {
			return found{}, err
		}
		f.hits = append(f.hits, hits...)
		if complete {
			break
		}
		rest.from, rest.limit = last, rest.limit-len(hits)
		if gathered, complete, err := s.gather(ctx, r, index, stage.gather); complete || err != nil {
			return gathered, err
		}
	}
	f.count = len(f.hits)
	if r.from != nil || len(f.hits) == r.limit {
		f.count, f.more, err = s.count(ctx, r.listing)
		f.count = max(f.count, len(f.hits)) // counting may have looked less far
	}
	return f, err
}

// candidates is FROM and WHERE of the rows that an index offers as matching, from table t; empty when no index knows
// what is looked for better than the walk does.
func (s *Service) candidates(l listing) (c store.Clause) {
	switch {
	case l.customer != uuid.Nil:
		return store.Clause{}
	case l.search && s.db.IsPostgres():
		c.Add(` FROM transactions AS t WHERE TRUE`)
	case l.search:
		c.Add(` FROM transaction_search CROSS JOIN transactions AS t ON t.number = transaction_search.rowid WHERE transaction_search MATCH ?`,
			l.wanted.Match())
	case l.filter.Due == Overdue || l.filter.Due == ThisDue:
		c.Add(` FROM transactions AS t` + s.only("transactions_due") + ` WHERE TRUE`)
	case l.filter.Kind != "" && l.byRelation():
		c.Add(` FROM transactions AS t` + s.only("transactions_kind") + ` WHERE TRUE`)
	case l.filter.Status != "" && l.byRelation():
		c.Add(` FROM transactions AS t` + s.only("transactions_status") + ` WHERE TRUE`)
	default:
		return store.Clause{}
	}
	if l.search {
		c.Append(s.db.Verify(l.wanted, "t.search"))
	}
	filters := l.byIndex()
	if l.search && s.db.IsPostgres() { // no other index than that of the words
		filters.SQL = strings.NewReplacer(`t.kind =`, `t.kind || '' =`, `t.status =`, `t.status || '' =`).Replace(filters.SQL)
	}
	c.Append(filters)
	c.Append(l.filters())
	return c
}

func (s *Service) only(index string) string {
	if s.db.IsPostgres() {
		return ""
	}
	return ` INDEXED BY ` + index
}

// gather reads a page from all that an index offers, and counts it; complete=false when that is most or more: then nobody
// asks who may see which of them.
func (s *Service) gather(ctx context.Context, r run, candidates store.Clause, most int) (f found, complete bool, err error) {
	q := store.SQL(`WITH candidates AS MATERIALIZED (SELECT t.created_at, t.id, t.customer_id, t.kind`)
	q.Append(candidates)
	q.Add(` LIMIT ?), hits AS MATERIALIZED (SELECT t.created_at, t.id FROM (SELECT t.*, `, most)
	q.Append(r.mask())
	q.Add(` AS mask FROM candidates AS t WHERE (SELECT count(*) FROM candidates) < ? AND t.customer_id NOT IN `+dead+`) AS t WHERE TRUE`, most)
	q.Append(r.allowed("t.mask"))
	q.Add(`) SELECT total.seen, total.n, page.created_at, page.id
		FROM (SELECT (SELECT count(*) FROM candidates) AS seen, (SELECT count(*) FROM hits) AS n) AS total
		LEFT JOIN (SELECT created_at, id FROM hits WHERE TRUE`)
	q.Append(r.beyond("created_at", "id"))
	q.Add(r.sorted("created_at", "id")+` LIMIT ?) AS page ON TRUE`+r.sorted("page.created_at", "page.id"), r.limit)
	var rows []struct {
		Seen      int           `bun:"seen"`
		N         int           `bun:"n"`
		CreatedAt *time.Time    `bun:"created_at"`
		ID        uuid.NullUUID `bun:"id"`
	}
	if err := s.indexed(ctx, func(db bun.IDB) error { return db.NewRaw(q.SQL, q.Args...).Scan(ctx, &rows) }); err != nil {
		return found{}, false, err
	}
	for _, row := range rows {
		f.count, complete = row.N, row.Seen < most
		if row.CreatedAt != nil {
			f.hits = append(f.hits, position{*row.CreatedAt, row.ID.UUID})
		}
	}
	return f, complete, nil
}

// indexed runs a query for which PostgreSQL must take an index: its estimates of LIKE are rough, and reading the table in
// the hope of meeting enough takes long when they are wrong.
func (s *Service) indexed(ctx context.Context, query func(db bun.IDB) error) error {
	if !s.db.IsPostgres() {
		return query(s.db)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off`); err != nil {
			return err
		}
		return query(tx)
	})
}

// loadRows loads the rows of hits, in their order.
func (s *Service) loadRows(ctx context.Context, c account.Caller, hits []position) ([]Transaction, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	ids := make([]uuid.UUID, len(hits))
	for i, h := range hits {
		ids[i] = h.ID
	}
	var rows []row
	q := store.SQL(`SELECT ` + columns + `, `)
	q.Append(relationTo(c, "t", anyRelation))
	q.Add(` AS relation FROM transactions AS t`+joined+` WHERE t.id IN (?)`, bun.List(ids))
	if err := s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	list := make([]Transaction, 0, len(rows))
	for _, id := range ids {
		if i := slices.IndexFunc(rows, func(r row) bool { return r.ID == id }); i >= 0 { // else it went meanwhile
			list = append(list, rows[i].transaction())
		}
	}
	return list, nil
}

func (s *Service) customerByNumber(ctx context.Context, number int64) (id uuid.UUID, found bool, err error) {
	err = s.db.NewRaw(`SELECT id FROM customer WHERE number = ? AND NOT deleting`, number).Scan(ctx, &id)
	if store.IsNoRows(err) {
		return uuid.Nil, false, nil
	}
	return id, err == nil, err
}

// accessesOf are the customers to which a person has an active access.
func (s *Service) accessesOf(ctx context.Context, account uuid.UUID) (ids []uuid.UUID, err error) {
	err = s.db.NewRaw(`SELECT customer_id FROM access WHERE account_id = ? AND registered_at IS NOT NULL AND deactivated_at IS NULL
		ORDER BY customer_id`, account).Scan(ctx, &ids)
	return ids, err
}
