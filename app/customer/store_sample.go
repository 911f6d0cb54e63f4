package customer

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
)

// expectation is an estimate of how many customers match a search.
type expectation struct {
	rows    int
	of      int     // approximate number of all customers, which a walk goes through
	many    bool    // certainly more match than are counted
	share   float64 // share of the customers on which the estimate is based; 0: nothing is known
	sampled bool    // further samples would not improve it
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

// extrapolate estimates the number of matches from the first ones, which SQLite gathers in the order of numbers: it
// assumes the same frequency after the last of them.
func (l *overview) extrapolate(ctx context.Context, matches int, last int64) error {
	lowest, highest, err := l.numbers(ctx)
	of := highest - lowest + 1
	share := float64(last-lowest+1) / float64(of)
	l.expected = expectation{rows: int(float64(matches) / share), of: int(of), share: share}
	return err
}

// expect improves the estimate with random blocks of the table. It takes the smallest sample when nothing is known, and
// larger ones that promise certainty. It takes no sample that would be a large part of a small table.
func (l *overview) expect(ctx context.Context) (expectation, error) {
	e := &l.expected
	for _, k := range l.limits.samples {
		if e.sampled || e.many {
			break
		}
		first, total, err := l.blocks(ctx, k.size)
		if err != nil {
			return *e, err
		}
		if total < 10*k.blocks {
			break
		}
		share := float64(k.blocks) / float64(total)
		if e.share > 0 && !e.promises(k, share) {
			continue
		}
		rows, met, err := l.sample(ctx, k, first, total)
		if err != nil {
			return *e, err
		}
		e.many = certain(met, share, listing.CountCap)
		if share > e.share {
			e.rows, e.of, e.share = int(float64(rows)/share), total*k.size, share
		}
		e.sampled = rows == 0
	}
	e.sampled = true
	return *e, nil
}

// promises says whether a sample may show that there are many matches. It assumes one and a half standard deviations
// more matches than the estimate.
func (e expectation) promises(k sampleSize, share float64) bool {
	rows := float64(e.rows) + 1.5*math.Sqrt(float64(e.rows)/e.share)
	met := float64(k.blocks) * (1 - math.Pow(1-min(1, rows/float64(e.of)), float64(k.size)))
	return certain(int(met), share, listing.CountCap)
}

// certain says whether more than limit rows match, if a random share of all blocks contains met blocks with matches. If
// only limit rows matched, they would be in at most limit blocks. Then the chance to meet so many would be at most one
// in 10^9, by the Poisson distribution.
func certain(met int, share float64, limit int) bool {
	mean := float64(limit) * share
	chance := math.Exp(-mean) // the chance to meet none, then one, two, …
	more := 1.0               // the chance to meet as many or more
	for i := range met {
		more -= chance
		chance *= mean / float64(i+1)
	}
	return more < 1e-9
}

// pages is the number of pages of PostgreSQL's table at a time.
type pages struct {
	at time.Time
	n  int
}

// pagesLife is how long this number is cached. A sample is a share of the table, so it is right even if the table has
// grown since.
const pagesLife = time.Minute

// blocks returns the first number, and the number of blocks of a size.
func (s *Service) blocks(ctx context.Context, size int) (first int64, total int, err error) {
	if s.db.IsPostgres() {
		if known := s.pages.Load(); known != nil && s.now().Sub(known.at) < pagesLife {
			return 0, known.n, nil
		}
		// Raw SQL: it reads no table.
		err = s.db.NewRaw(`SELECT pg_relation_size('customer') / current_setting('block_size')::int`).Scan(ctx, &total)
		if err == nil {
			s.pages.Store(&pages{s.now(), total})
		}
		return 0, total, err
	}
	first, last, err := s.numbers(ctx)
	return first, int(last-first)/size + 1, err
}

// numbers returns the first and the last number of all customers.
func (s *Service) numbers(ctx context.Context) (first, last int64, err error) {
	// Raw SQL: in two subqueries, min and max each take one step into the index; in one query they would read all of
	// it.
	err = s.db.NewRaw(`SELECT COALESCE((SELECT min(number) FROM customer), 0),
		COALESCE((SELECT max(number) FROM customer), 0)`).Scan(ctx, &first, &last)
	return first, last, err
}

// sample counts the rows that match in a random sample of about k.blocks blocks, and the blocks with such rows. It
// searches words in the search text only, unless the words are similar spellings, because reading the details of each
// row would cost more than it gains.
func (l *overview) sample(ctx context.Context, k sampleSize, first int64, total int) (rows, met int, err error) {
	q := l.db.NewSelect().Where(`NOT customer.deleting`)
	if l.db.IsPostgres() {
		q.ColumnExpr(`count(*), count(DISTINCT (customer.ctid::text::point)[0])`).
			TableExpr(`customer TABLESAMPLE SYSTEM (?)`, 100*float64(k.blocks)/float64(total))
	} else {
		blocks := make([]store.Condition, k.blocks)
		for i := range blocks {
			blocks[i] = bun.SafeQuery(`(?)`, first+int64(rand.IntN(total)*k.size)) //nolint:gosec // nothing is secret about it
		}
		q.ColumnExpr(`count(*), count(DISTINCT block.column1)`).
			TableExpr(`(VALUES ?) AS block CROSS JOIN customer NOT INDEXED`, bun.List(blocks)).
			Where(`customer.number >= block.column1 AND customer.number < block.column1 + ?`, k.size)
	}
	words := l.named
	if l.alike {
		words = l.matching
	}
	err = l.scoped(l.filtered(q.Where(`?`, words()), `customer.type`)).Scan(ctx, &rows, &met)
	return rows, met, err
}
