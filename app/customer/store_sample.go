package customer

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/sample"
	"kontor/app/store"
)

// expectation is an estimate of how many customers match a search.
type expectation struct {
	rows  int
	of    int  // approximate number of all customers, which a walk goes through
	many  bool // certainly more match than are counted
	known bool // it has been estimated; otherwise there are so few customers that it is not worth it
	// leading are the customers whose name begins with one of several words of the search, and within are those of them
	// that match. A walk goes through these names first.
	leading, within int
	// read is how many rows are read to gather the matches.
	read int
}

// surelyFills is how many times as many matches as a page has must be expected in a range of names, as a sample is not exact.
const surelyFills = 4

// walks says whether walking the names is expected to find the rows of a reading before all matches are gathered. After
// a walk the matches must be counted, unless there are certainly many or nobody asks; after gathering their number is
// known.
func (l *overview) walks(r reading, e expectation) bool {
	if l.search && e.rows >= l.limits.frequent {
		return true
	}
	if l.alike || e.rows == 0 {
		return !l.search && e.of == 0 // without a sample, some of the list is walked before a whole facet is gathered
	}
	saved, step := e.read, l.limits.step
	if !l.covered() {
		step = 1
	}
	if !e.many && !r.Uncounted {
		saved -= listing.CountCap
	}
	names := float64(e.of) / float64(e.rows) // walked for each match
	if e.within > surelyFills*r.Limit {
		names = float64(e.leading) / float64(e.within)
	}
	return float64(saved*step) > float64(r.Limit)*names
}

// covered says whether a walk reads only the index of the names.
func (l *overview) covered() bool {
	return l.search && l.order.by == byName && !slices.ContainsFunc(l.facets, func(f facet) bool { return !f.covered })
}

// expect estimates the number of matches from the sample of search texts, and chooses how they are gathered. It asks the
// database only which of the matches in the sample the caller may list and somebody administers, unless that is all of them.
func (l *overview) expect(ctx context.Context) (expectation, error) {
	e := &l.expected
	if e.known {
		return *e, nil
	}
	t := l.texts.Get(ctx)
	e.known, l.sample = true, t
	if err := l.countFacets(ctx); err != nil {
		return *e, err
	}
	if len(t.Rows) == 0 {
		if !l.search {
			l.narrowest = &l.facets[0]
		}
		return *e, nil
	}
	met, texts := l.among(t)
	n := len(met)
	leading, within := l.leading(t)
	if (l.scope.where != nil || l.administrator != uuid.Nil) && n > 0 {
		asked := met[:min(n, mostAsked)]
		may, err := l.scoped(l.askedOf(asked)).Count(ctx)
		if err != nil {
			return *e, err
		}
		n, within = n*int(may)/len(asked), within*int(may)/len(asked)
	}
	e.rows, e.of = int(float64(n)/t.Share), int(float64(len(t.Rows))/t.Share)
	e.leading, e.within = int(float64(leading)/t.Share), int(float64(within)/t.Share)
	e.many, e.read = t.MoreThan(listing.CountCap, n), int(float64(texts)/t.Share)
	for i := range l.facets {
		f := &l.facets[i]
		if f.sampled != nil {
			f.rows = int(float64(count(t.Rows, f.sampled)) / t.Share)
		}
	}
	if f := narrowestOf(l.facets); f != nil && (!l.search || f.rows < e.read) {
		l.narrowest, e.read = f, f.rows
	}
	return *e, nil
}

func count(rows []sampledText, is func(r *sampledText) bool) (n int) {
	for i := range rows {
		if is(&rows[i]) {
			n++
		}
	}
	return n
}

// askedOf selects those of these customers that the administrator of the filter administers.
func (l *overview) askedOf(numbers []int64) *bun.SelectQuery {
	table := `customer`
	if !l.db.IsPostgres() { // it has no statistics to choose the number
		table = `customer NOT INDEXED`
	}
	q := l.from(table).Where(`customer.number IN (?)`, bun.List(numbers))
	for _, f := range l.facets {
		if f.administrator != uuid.Nil {
			q.Where(`?`, f.where)
		}
	}
	return q
}

// mostAsked is how many matches of a sample are checked for whether the caller may list them.
const mostAsked = 200

// among returns the numbers of the rows of a sample that match, and how many have the words, whatever the filter. Words are
// searched in the search text only, as for most matches that is where they are, unless they are similar spellings.
func (l *overview) among(t *sample.Sample[sampledText]) (numbers []int64, texts int) {
	add := func(r *sampledText, met bool) {
		if !met {
			return
		}
		texts++
		if l.shows(r) {
			numbers = append(numbers, r.Number)
		}
	}
	if l.alike {
		for i := range t.Rows {
			r := &t.Rows[i]
			add(r, l.terms.matches(r.Search, r.Details))
		}
		return numbers, texts
	}
	for _, i := range t.With(l.terms.Trigrams) {
		r := &t.Rows[i]
		add(r, l.terms.named(r.Search))
	}
	return numbers, texts
}

// leading counts those rows of a sample whose name begins with one of several words of the search, and those of them that
// match. A search text begins with the name by which customers are sorted.
func (l *overview) leading(t *sample.Sample[sampledText]) (all, matching int) {
	if !l.phased() {
		return 0, 0
	}
	for _, word := range l.terms.begins {
		for _, i := range t.With(store.Trigrams(" " + word)) {
			r := &t.Rows[i]
			if !strings.HasPrefix(r.Search, " "+word) {
				continue
			}
			all++
			if l.shows(r) && l.terms.named(r.Search) {
				matching++
			}
		}
	}
	return all, matching
}

// shows says whether the filter lets a row through, as far as the sample knows.
func (l *overview) shows(r *sampledText) bool {
	return !slices.ContainsFunc(l.facets, func(f facet) bool { return f.sampled != nil && !f.sampled(r) })
}

// named says whether a search text has all the words; see overview.named.
func (t *terms) named(search string) bool {
	for _, n := range t.Needles {
		if !strings.Contains(search, n) {
			return false
		}
	}
	return true
}

// matches says whether a customer with these texts matches; see overview.matching.
func (t *terms) matches(search, details string) bool {
	has := func(needle string) bool { return strings.Contains(search, needle) || strings.Contains(details, needle) }
	if t.code != "" && has(t.code) {
		return true
	}
	for _, part := range t.all {
		found := len(part.words) > 0
		for _, n := range part.words {
			found = found && strings.Contains(search, n)
		}
		for _, n := range part.either {
			found = found || has(n)
		}
		if !found {
			return false
		}
	}
	return true
}

// sampledText is a row of a sample.
type sampledText struct {
	Number      int64      `bun:"number"`
	Type        Type       `bun:"type"`
	Search      string     `bun:"search"`
	Details     string     `bun:"details"`
	AttentionAt *time.Time `bun:"attention_at"`
	CitySort    string     `bun:"city_sort"`
	// NoAdministrator is from when on nobody administers the customer; zero: somebody does.
	NoAdministrator bun.NullTime `bun:"no_administrator_since"`
	accessColumns
}

// sampled is where samples of all customers come from. They tell how many customers a search will find.
func (s *Service) sampled() sample.Source[sampledText] {
	return sample.Source[sampledText]{
		DB: s.db, Table: "customer", Size: s.limits.sample,
		Read: func(ctx context.Context, numbers []int64) (rows []sampledText, err error) {
			err = s.from(`customer`).ColumnExpr(`customer.number, customer.type, customer.search, COALESCE(customer.details, '') AS details, customer.attention_at,
				customer.city_sort, customer.no_administrator_since, customer.access_worst, customer.access_expires_at`).
				Where(`customer.number IN (?)`, bun.List(numbers)).Scan(ctx, &rows)
			return rows, err
		},
		Text: func(r *sampledText) string { return trigramText(r.Search, r.Details) },
	}
}
