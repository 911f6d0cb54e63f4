package customer

import (
	"context"
	"time"

	"kontor/app/account"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// List returns a page of the overview: the customers that the caller may list and the filter lets through.
// policies.ErrForbidden for who may list none at all.
//
// A search by name (the default order) shows the customer whose number was typed first, then those whose name begins
// with the query, then those whose name begins with one of its words, then all others whose names, city, number and e-mail
// addresses have the words, then those of whom something else has (see detailText). If nothing is found at all, the list
// is of customers with words that are spelt alike, and Similar says so.
func (s *Service) List(ctx context.Context, c account.Caller, f Filter) (Page, error) {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.List})
	if err != nil {
		return Page{}, err
	}
	if sc.nothing {
		return Page{}, policies.ErrForbidden
	}
	if !f.Type.Known() {
		f.Type = ""
	}
	l := &overview{Service: s, filter: f, scope: sc, order: parseOrder(f.Sort), now: s.now()}
	l.terms, l.search = parseQuery(f.Query)
	return listing.Read(ctx, l, f.After, f.Before)
}

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
	return limits{
		scarce: 2 * PageSize, rare: 2 * CountCap, frequent: 3 * CountCap, walk: 30_000, step: 6,
		samples: []sampleSize{{100, 10}, {100, 25}},
	}
}

// overview is what a page of the list is made from; package listing reads it.
type overview struct {
	*Service
	filter Filter
	scope  scope
	order  order
	terms  terms
	search bool // terms hold something
	// alike says that the terms are not those of the query, but words that are spelt alike.
	alike bool
	now   time.Time
	// expected is how many rows match, as far as that is known.
	expected expectation
}

// reading is one reading of the overview.
type reading = listing.Reading[position]

// result is what it found.
type result = listing.Found[position]

// Encode writes a cursor.
func (l *overview) Encode(p position) string { return p.encode(l.order) }

// Decode reads it.
func (l *overview) Decode(cursor string) (position, bool) { return decode(cursor, l.order) }

// Find does a run. A search that finds nothing becomes one for words that are spelt alike.
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

// find goes the ways in which a list is read. A search looks first where all of it may be read in a moment: at the names
// that begin with the query, and at a few matches. Then it gathers the matches or walks the names, whatever promises to be
// shorter; if it is not, the other way as well.
func (l *overview) find(ctx context.Context, r reading) (result, error) {
	if !l.search {
		return listing.Find(ctx, r, l.count, l.plain)
	}
	return listing.Find(ctx, r, l.countSearch, l.opening, l.scarce, l.gatherExpected, l.walk, l.gatherAll)
}

// opening reads the first phases of a search: names that begin with the query are one range of an index, often a page of
// them at once.
func (l *overview) opening(ctx context.Context, r reading) (f result, done bool, err error) {
	if !l.phased() || r.Back || r.From != nil && r.From.Phase > phasePrefix {
		return result{}, false, nil
	}
	f, _, err = l.phases(ctx, r, phasePrefix)
	return f, len(f.Hits) == r.Limit, err
}

// scarce gathers the matches of a search that has hardly any; of another it says what to expect.
func (l *overview) scarce(ctx context.Context, r reading) (f result, done bool, err error) {
	if l.limits.scarce == 0 {
		return result{}, false, nil
	}
	g, err := l.gather(ctx, r, l.limits.scarce)
	if err == nil && !g.all && !l.filter.Attention { // such lists are not gathered in the order of numbers
		err = l.extrapolate(ctx, g.Count, g.last)
	}
	return g.result, g.all, err
}

// gatherExpected gathers the matches unless walking the names promises to be shorter.
func (l *overview) gatherExpected(ctx context.Context, r reading) (f result, done bool, err error) {
	e := l.expected
	if e.share == 0 || l.walks(e) { // else the first matches say enough
		if e, err = l.expect(ctx); err != nil || l.walks(e) {
			return result{}, false, err
		}
	}
	g, err := l.gather(ctx, r, max(l.limits.rare, 3*e.rows))
	l.expected.many = !g.all
	return g.result, g.all, err
}

// walk walks the names, so far as limits.walk.
func (l *overview) walk(ctx context.Context, r reading) (f result, done bool, err error) {
	return l.phases(ctx, r, phaseDetails)
}

// gatherAll gathers the matches, however many there are.
func (l *overview) gatherAll(ctx context.Context, r reading) (f result, done bool, err error) {
	g, err := l.gather(ctx, r, 0)
	return g.result, true, err
}

// count counts a list without a search, up to CountCap+1.
func (l *overview) count(ctx context.Context) (n int, more bool, err error) {
	n, err = listing.Count(ctx, l.db, l.all(`customer`).ColumnExpr(`1`))
	return n, false, err
}

// countSearch counts a search, up to CountCap+1.
func (l *overview) countSearch(ctx context.Context) (n int, more bool, err error) {
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
	rows, err := l.byNumber(ctx, numbers)
	return listing.InOrder(numbers, rows), err
}
