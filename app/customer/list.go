package customer

import (
	"context"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/listing"
	"kontor/app/sample"
	"kontor/app/store"
	"kontor/policies"
)

// List returns a page of the overview: the customers that the caller may list and that match the filter.
// policies.ErrForbidden when the caller may list none at all.
//
// A search by name (the default order) shows first the customer with the typed number, then the customers whose name
// begins with the query, then those whose name begins with one of its words, then all others with the words in their
// names, city, number and e-mail addresses, then those found by other data (see detailText). If nothing is found, the
// list shows customers with words of similar spelling, and Similar is set.
func (s *Service) List(ctx context.Context, c account.Caller, f Filter) (Page, error) {
	l, err := s.overview(c, f)
	if err != nil {
		return Page{}, err
	}
	return listing.Read(ctx, l, f.After, f.Before)
}

// First returns the first n customers of List, and does not count the others: see listing.First.
func (s *Service) First(ctx context.Context, c account.Caller, f Filter, n int) (Page, error) {
	l, err := s.overview(c, f)
	if err != nil {
		return Page{}, err
	}
	return listing.First(ctx, l, n)
}

func (s *Service) overview(c account.Caller, f Filter) (*overview, error) {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.List})
	if err != nil {
		return nil, err
	}
	if sc.nothing {
		return nil, policies.ErrForbidden
	}
	if !f.Type.Known() {
		f.Type = ""
	}
	if f.Status != "" && !slices.Contains(Statuses, f.Status) {
		f.Status = ""
	}
	l := &overview{Service: s, filter: f, scope: sc, order: parseOrder(f.Sort), now: s.now()}
	l.terms, l.search = parseQuery(f.Query)
	if err := l.administered(c); err != nil {
		return nil, err
	}
	if err := l.acting(c); err != nil {
		return nil, err
	}
	l.facets = l.facetsOf(l.filter)
	return l, nil
}

// administered reads whose customers are listed. Whoever asks for others than their own gets only those of whom they may see
// who administers them.
func (l *overview) administered(c account.Caller) error {
	switch l.filter.Administrator {
	case "":
		return nil
	case Me:
		l.administrator = c.ID
		return nil
	case Nobody:
	default:
		if l.administrator = uuid.FromStringOrNil(l.filter.Administrator); l.administrator == uuid.Nil {
			l.filter.Administrator = ""
			return nil
		}
	}
	known, err := l.scopeOf(c, policies.Permission{Object: policies.ObjectAuthorisation, Action: policies.Read})
	switch {
	case err != nil:
		return err
	case known.nothing:
		return policies.ErrForbidden
	case known.where != nil:
		l.scope.where = store.All(l.scope.where, known.where)
	}
	return nil
}

// acting leaves of the customers that need attention those on which the caller may act, so that the list agrees with the page
// Needs attention. Who may act on none of them, for whom that page is not, sees all of them.
func (l *overview) acting(c account.Caller) error {
	if !l.filter.Attention {
		return nil
	}
	var acts []store.Condition
	all, own := true, true
	for _, need := range Needs {
		compiled, err := l.decider.Scope(c.Roles, Acts[need].Object, Acts[need].Action)
		if err != nil {
			return err
		}
		if compiled.Nothing() {
			all = false
			continue
		}
		sc, err := l.scopeOf(c, Acts[need])
		if err != nil {
			return err
		}
		all, own = all && sc.where == nil, own && !compiled.Unrelated() && compiled.Matters() == policies.Administrator
		acts = append(acts, store.All(bun.SafeQuery(`customer.? <= ?`, bun.Ident(string(need)), l.now), store.All(sc.where)))
	}
	if all || len(acts) == 0 {
		return nil
	}
	l.scope.where = store.All(l.scope.where, store.Any(acts...))
	if own && len(c.Persons()) == 1 && l.filter.Administrator == "" {
		l.administrator = c.ID // this follows from the condition, and few customers are quickly found by it
	}
	return nil
}

// limits are the numbers of rows that a search reads before it switches between walking the names in order and
// gathering all matches from the index. They change how a result is found, never the result.
type limits struct {
	// rare: up to this many matches are gathered from the trigram index and sorted; it is more than are counted. A
	// search with more matches is frequent: walking the names in order soon finds a page of them.
	rare int
	// frequent: with this many expected matches a search walks at once.
	frequent int
	// walk limits the walk, because all matches may be at the end of the alphabet ("immermann"). SQLite reads a
	// covering index, PostgreSQL the rows themselves.
	walk int
	// step: this many names are walked in the time in which one match is gathered.
	step int
	// sample is the number of customers in the sample that estimates the number of matches. Tests set it.
	sample int
}

// limitsOf returns limits that were measured with a million customers. A page of matches that are just too frequent for
// rare must lie within the walk, or both attempts are wasted: rare × walk ≥ listing.PageSize × 1,000,000.
func limitsOf(db *store.DB) limits {
	if db.IsPostgres() {
		return limits{rare: 4 * listing.CountCap, frequent: 5 * listing.CountCap, walk: 12_000, step: 1, sample: sample.Size}
	}
	return limits{
		rare: 2 * listing.CountCap, frequent: 3 * listing.CountCap, walk: 30_000, step: 6, sample: sample.Size,
	}
}

// overview holds everything from which a page of the list is made; package listing reads it.
type overview struct {
	*Service
	filter Filter
	scope  scope
	order  order
	terms  terms
	search bool // terms are not empty
	// alike says that the terms are words of similar spelling instead of those of the query.
	alike bool
	now   time.Time
	// administrator is whose customers are listed; Nil: anybody's.
	administrator uuid.UUID
	facets        []facet
	// narrowest is the facet by which the matches are gathered; nil: by the words.
	narrowest *facet
	// expected is the estimated number of matches, as far as it is known, and sample what it was estimated from.
	expected expectation
	sample   *sample.Sample[sampledText]
	// read holds the rows of a list without a search: finding them has read them.
	read map[int64]Row
}

// reading is one query of the overview by package listing.
type reading = listing.Reading[position]

// result is what a reading found.
type result = listing.Found[position]

// Encode writes a cursor.
func (l *overview) Encode(p position) string { return p.encode(l.order) }

// Decode reads a cursor.
func (l *overview) Decode(cursor string) (position, bool) { return decode(cursor, l.order) }

// Find finds the rows of a reading. A search without results is repeated with words of similar spelling.
func (l *overview) Find(ctx context.Context, r reading) (result, error) {
	f, err := l.find(ctx, r)
	if err == nil && f.Count == 0 && l.search && !l.alike {
		if l.terms, l.alike, err = l.similar(ctx, l.terms); err == nil && l.alike {
			l.expected = expectation{}
			f, err = l.find(ctx, r)
		}
	}
	f.Similar = l.alike && f.Count > 0
	return f, err
}

// find reads the list. If an index has the list in order, it is read along that. Otherwise the matches are gathered, or the
// list is walked in its order, whichever promises to be faster; in a search after that the other one if necessary. A search
// first reads the names that begin with the query, which is quick, unless it has few matches.
func (l *overview) find(ctx context.Context, r reading) (result, error) {
	switch {
	case l.search:
		return listing.Find(ctx, r, l.countFound, l.opening, l.gatherExpected, l.walk, l.gatherAll)
	case l.inIndexOrder():
		return listing.Find(ctx, r, l.count, l.plain)
	}
	return listing.Find(ctx, r, l.countFound, l.gatherExpected, l.plain)
}

// opening reads the first phases of a search. The names that begin with the query are one range of an index, and often
// fill a page. If a sample says that there are no more matches than are counted, nothing is saved: counting gathers them all.
func (l *overview) opening(ctx context.Context, r reading) (f result, done bool, err error) {
	if !l.phased() || r.Back || r.From != nil && r.From.Phase > phasePrefix {
		return result{}, false, nil
	}
	if !r.Uncounted {
		if e, err := l.expect(ctx); err != nil || e.of > 0 && e.rows <= listing.CountCap {
			return result{}, false, err
		}
	}
	f, _, err = l.phases(ctx, r, phasePrefix)
	return f, len(f.Hits) == r.Limit, err
}

// gatherExpected gathers the matches unless walking the list promises to be faster.
func (l *overview) gatherExpected(ctx context.Context, r reading) (f result, done bool, err error) {
	e, err := l.expect(ctx)
	if err != nil {
		return result{}, false, err
	}
	if known := e.of > 0 || l.administrator != uuid.Nil; !l.search && known && l.narrowest.rows < l.limits.rare {
		return l.gatherAll(ctx, r) // reading all of so few rows is fast in any case
	}
	if l.walks(r, e) {
		return result{}, false, nil
	}
	g, err := l.gather(ctx, r, max(l.limits.rare, 3*e.rows))
	l.expected.many = !g.all
	return g.result, g.all, err
}

// walk walks the names up to limits.walk.
func (l *overview) walk(ctx context.Context, r reading) (f result, done bool, err error) {
	return l.phases(ctx, r, phaseDetails)
}

// gatherAll gathers the matches, however many there are.
func (l *overview) gatherAll(ctx context.Context, r reading) (f result, done bool, err error) {
	g, err := l.gather(ctx, r, 0)
	return g.result, true, err
}

// count counts a list without a search, up to listing.CountCap+1.
func (l *overview) count(ctx context.Context) (n int, more bool, err error) {
	n, err = listing.Count(l.prepared(ctx), l.db, l.all(l.counted(), part{}).ColumnExpr(`1`))
	return n, false, err
}

// countFound counts what a search or several filters find, up to listing.CountCap+1.
func (l *overview) countFound(ctx context.Context) (n int, more bool, err error) {
	e, err := l.expect(ctx)
	if err != nil || e.many {
		return listing.CountCap + 1, false, err
	}
	n, err = l.countMatches(ctx)
	return n, false, err
}

// Load loads the rows of a page.
func (l *overview) Load(ctx context.Context, keys []position) ([]Row, error) {
	numbers := make([]int64, len(keys))
	for i, p := range keys {
		numbers[i] = p.Number
	}
	if l.read != nil {
		return listing.InOrder(numbers, l.read), nil
	}
	rows, err := l.byNumber(ctx, numbers)
	return listing.InOrder(numbers, rows), err
}
