package customer

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/listing"
)

// expectation is an estimate of how many customers match a search.
type expectation struct {
	rows  int
	of    int  // approximate number of all customers, which a walk goes through
	many  bool // certainly more match than are counted
	known bool // it has been estimated; otherwise there are so few customers that it is not worth it
}

// walks says whether walking the names is expected to find the rows of a reading before all matches are gathered. After
// a walk the matches must be counted, unless there are certainly many or nobody asks; after gathering their number is
// known.
func (l *overview) walks(r reading, e expectation) bool {
	if e.rows >= l.limits.frequent {
		return true
	}
	saved := e.rows
	if !e.many && !r.Uncounted {
		saved -= listing.CountCap
	}
	return !l.alike && saved*e.rows*l.limits.step > r.Limit*e.of
}

// expect estimates the number of matches from the sample of search texts. It asks the database only which of the matches
// in the sample the caller may list, unless that is all of them.
func (l *overview) expect(ctx context.Context) (expectation, error) {
	e := &l.expected
	if e.known {
		return *e, nil
	}
	t, err := l.texts.get(ctx)
	if err != nil {
		return *e, err
	}
	e.known = true
	if len(t.rows) == 0 {
		return *e, nil
	}
	met := l.among(t.rows)
	n := len(met)
	if l.scope.where != nil && n > 0 {
		asked := met[:min(n, mostAsked)]
		may, err := l.scoped(l.from(`customer`)).Where(`customer.number IN (?)`, bun.List(asked)).Count(ctx)
		if err != nil {
			return *e, err
		}
		n = n * int(may) / len(asked)
	}
	e.rows, e.of = int(float64(n)/t.share), int(float64(len(t.rows))/t.share)
	e.many = certain(n, t.share, listing.CountCap)
	return *e, nil
}

// mostAsked is how many matches of a sample are checked for whether the caller may list them.
const mostAsked = 200

// among returns the numbers of the rows of a sample that match. Words are searched in the search text only, as for most
// matches that is where they are, unless they are similar spellings.
func (l *overview) among(rows []sampledText) (numbers []int64) {
	for i := range rows {
		r := &rows[i]
		if l.filter.Type != "" && r.Type != l.filter.Type || l.filter.Attention && (r.AttentionAt == nil || r.AttentionAt.After(l.now)) {
			continue
		}
		if !l.alike && l.terms.named(r.Search) || l.alike && l.terms.matches(r.Search, r.Details) {
			numbers = append(numbers, r.Number)
		}
	}
	return numbers
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

// certain says whether more than limit rows match, if n rows of a sample match that contains a random share of all rows.
// If only limit rows matched, the chance to meet so many would be at most one in 10^9, by the Poisson distribution.
func certain(n int, share float64, limit int) bool {
	mean := float64(limit) * share
	chance := math.Exp(-mean) // the chance to meet none, then one, two, …
	more := 1.0               // the chance to meet as many or more
	for i := range n {
		more -= chance
		chance *= mean / float64(i+1)
	}
	return more < 1e-9
}

// sampledText is a row of a sample.
type sampledText struct {
	Number      int64      `bun:"number"`
	Type        Type       `bun:"type"`
	Search      string     `bun:"search"`
	Details     string     `bun:"details"`
	AttentionAt *time.Time `bun:"attention_at"`
}

// textSample is a random sample of the search texts of all customers. It tells how many customers a search will find.
type textSample struct {
	rows  []sampledText
	share float64 // of the rows that it contains
}

// sampleLife is how long a sample is used: texts of deleted customers stay in memory no longer. While somebody searches,
// a new sample takes its place then, so that no search waits for one. sampleIdle is how long after the last search this
// goes on.
const (
	sampleLife = 50 * time.Second
	sampleIdle = 10 * time.Minute
)

// textSamples keeps the newest sample in memory.
type textSamples struct {
	take   func(context.Context) (*textSample, error)
	mu     sync.Mutex
	newest *textSample // nil: none
	used   time.Time   // when somebody last asked for it
}

// get returns the newest sample. It takes one if there is none.
func (k *textSamples) get(ctx context.Context) (*textSample, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used = time.Now()
	if k.newest != nil {
		return k.newest, nil
	}
	t, err := k.take(ctx)
	if err != nil {
		return nil, err
	}
	k.newest = t
	time.AfterFunc(sampleLife, k.renew)
	return t, nil
}

// renew takes a new sample, or forgets the old one if nobody has searched for a while.
func (k *textSamples) renew() {
	k.mu.Lock()
	idle := time.Since(k.used) > sampleIdle
	k.mu.Unlock()
	var t *textSample
	if !idle {
		ctx, cancel := context.WithTimeout(context.Background(), sampleLife)
		defer cancel()
		t, _ = k.take(ctx) // after an error the next search takes one
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.newest = t; t != nil {
		time.AfterFunc(sampleLife, k.renew)
	}
}

// takeSample reads customers with random numbers. It takes no sample if there are few customers: then all matches can be
// gathered.
func (s *Service) takeSample(ctx context.Context) (*textSample, error) {
	var first, last int64
	// Raw SQL: in two subqueries, min and max each take one step into the index; in one query they would read all of
	// it.
	err := s.db.NewRaw(`SELECT COALESCE((SELECT min(number) FROM customer), 0), COALESCE((SELECT max(number) FROM customer), 0)`).
		Scan(ctx, &first, &last)
	of := last - first + 1
	if err != nil || s.limits.sample == 0 || of < sampleFrom*int64(s.limits.sample) {
		return &textSample{}, err
	}
	numbers := map[int64]bool{}
	for len(numbers) < s.limits.sample {
		numbers[first+rand.Int64N(of)] = true //nolint:gosec // nothing is secret about it
	}
	t := &textSample{share: float64(len(numbers)) / float64(of)}
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(numbers)), sampleChunk) {
		rows := make([]sampledText, 0, len(chunk))
		err := s.from(`customer`).ColumnExpr(`customer.number, customer.type, customer.search, COALESCE(customer.details, '') AS details, customer.attention_at`).
			Where(`customer.number IN (?)`, bun.List(chunk)).Scan(ctx, &rows)
		if err != nil {
			return nil, err
		}
		t.rows = append(t.rows, rows...)
	}
	swap := func(i, j int) { t.rows[i], t.rows[j] = t.rows[j], t.rows[i] }
	rand.Shuffle(len(t.rows), swap) //nolint:gosec // nothing is secret about it; the first rows are a sample, too
	return t, nil
}

// sampleFrom is how many times as many customers there must be as a sample has. sampleChunk is how many rows of a sample
// one query reads.
const (
	sampleFrom  = 3
	sampleChunk = 500
)
