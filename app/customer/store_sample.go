package customer

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"kontor/app/store"
)

// expectation is how many rows match, about.
type expectation struct {
	rows  int
	of    int     // customers in all, about: what a walk goes through
	many  bool    // certainly more match than are counted
	share float64 // of the customers on which that rests; 0: nothing is known
}

// walks says whether walking the names promises a page of matches before all of them are gathered. Behind a walk the
// matches are counted, unless there are certainly many; behind gathering they are known.
func (s *Service) walks(l listing, e expectation) bool {
	if e.rows >= s.limits.frequent {
		return true
	}
	saved := e.rows
	if !e.many {
		saved -= CountCap
	}
	return !l.similar && saved*e.rows*s.limits.step > PageSize*e.of
}

// glance gathers the matches of a search that has hardly any; of another it says what to expect.
func (s *Service) glance(ctx context.Context, r run) (g gathered, e expectation, err error) {
	if s.limits.scarce > 0 {
		if g, err = s.gather(ctx, r, s.limits.scarce); g.complete || err != nil {
			return g, e, err
		}
		if !r.filter.Attention { // such lists are not gathered in the order of numbers
			if e, err = s.extrapolate(ctx, g); err != nil || !s.walks(r.listing, e) {
				return gathered{}, e, err
			}
		}
	}
	e, err = s.expect(ctx, r.listing, e, false)
	return gathered{}, e, err
}

// extrapolate expects the other customers to match as often as those up to the last one that was gathered, on SQLite, which
// gathers in the order of numbers.
func (s *Service) extrapolate(ctx context.Context, g gathered) (e expectation, err error) {
	first, last, err := s.numbers(ctx)
	if err != nil {
		return expectation{}, err
	}
	of := last - first + 1
	share := float64(g.last-first+1) / float64(of)
	return expectation{rows: int(float64(g.count) / share), of: int(of), share: share}, nil
}

// expect adds to what is known of a search by looking at blocks of the table, chosen by chance, as long as that is worth it.
// Of a table of which that would be a good part it is not. Where the page is filled already all that matters is whether
// there are many.
func (s *Service) expect(ctx context.Context, l listing, known expectation, filled bool) (expectation, error) {
	for _, k := range s.limits.samples {
		first, total, err := s.blocks(ctx, k.size)
		if err != nil {
			return known, err
		}
		if total < 10*k.blocks {
			break
		}
		share := float64(k.blocks) / float64(total)
		if !s.worth(l, known, filled, k, share) {
			continue
		}
		rows, blocks, err := s.sample(ctx, l, k, first, total)
		if err != nil {
			return known, err
		}
		known.many = known.many || certain(blocks, share, CountCap)
		if share > known.share {
			known.rows, known.of, known.share = int(float64(rows)/share), total*k.size, share
		}
		if rows == 0 {
			break
		}
	}
	return known, nil
}

// worth says whether to look at a share of the table: when that tells more than is known of what promises to be shorter,
// or when it may show that there are many, and a walk would not.
func (s *Service) worth(l listing, known expectation, filled bool, k sampleSize, share float64) bool {
	if known.share == 0 {
		return true
	}
	least, most := known, known
	least.rows, most.rows = between(known.rows, known.share)
	most.many = true
	open := share > known.share && s.walks(l, least) != s.walks(l, most)
	rows := float64(known.rows) + 1.5*math.Sqrt(float64(known.rows)/known.share) // a little more than expected: with luck
	met := float64(k.blocks) * (1 - math.Pow(1-min(1, rows/float64(known.of)), float64(k.size)))
	hopeful := !known.many && certain(int(met), share, CountCap)
	return hopeful && (filled || s.walks(l, known)) || open && !filled
}

// between is how few and how many rows may match of which so many are expected after a look at a share: two standard
// deviations of what chance does, and a little more where hardly any were seen.
func between(rows int, share float64) (least, most int) {
	seen := float64(rows) * share
	off := 2*math.Sqrt(seen) + 2
	return int(max(0, seen-off) / share), int((seen + off) / share)
}

// certain says whether more than limit rows match when so many blocks with matches are met in a random share of all blocks.
// Did no more match they would lie in no more blocks, and meeting so many of those would be luck of one in 10^9 (the tail of
// a Poisson distribution) at most.
func certain(met int, share float64, limit int) bool {
	mean := float64(limit) * share
	term := math.Exp(-mean) // the chance to meet none, then one, two, …
	tail := 1.0             // the chance to meet as many or more
	for i := range met {
		tail -= term
		term *= mean / float64(i+1)
	}
	return tail < 1e-9
}

// pages is how many pages PostgreSQL's table had at a time.
type pages struct {
	at time.Time
	n  int
}

// pagesLife is how long that is taken to be so. A sample is a share of the table, so it is right whatever came since.
const pagesLife = time.Minute

// blocks is the first number and how many blocks of a size there are.
func (s *Service) blocks(ctx context.Context, size int) (first int64, total int, err error) {
	if s.db.IsPostgres() {
		if known := s.pages.Load(); known != nil && s.now().Sub(known.at) < pagesLife {
			return 0, known.n, nil
		}
		err = s.db.NewRaw(`SELECT pg_relation_size('customer') / current_setting('block_size')::int`).Scan(ctx, &total)
		if err == nil {
			s.pages.Store(&pages{s.now(), total})
		}
		return 0, total, err
	}
	first, last, err := s.numbers(ctx)
	return first, int(last-first)/size + 1, err
}

// numbers is the first and the last number of all customers.
func (s *Service) numbers(ctx context.Context) (first, last int64, err error) {
	err = s.db.NewRaw(`SELECT COALESCE((SELECT min(number) FROM customer), 0), COALESCE((SELECT max(number) FROM customer), 0)`).Scan(ctx, &first, &last)
	return first, last, err
}

// sampled is what a sample looks for: the words in the search text, as far as they are looked for there. What the details
// add is not expected: reading them of each row would cost more than it tells.
func (s *Service) sampled(l listing) store.Clause {
	if l.similar {
		return s.matching(l)
	}
	return s.db.Verify(l.terms.Terms, "customer.search")
}

// sample counts the rows that match in about so many of the blocks, and the blocks with such rows.
func (s *Service) sample(ctx context.Context, l listing, k sampleSize, first int64, total int) (rows, met int, err error) {
	var q store.Clause
	if s.db.IsPostgres() {
		q.Add(`SELECT count(*), count(DISTINCT (customer.ctid::text::point)[0]) FROM customer TABLESAMPLE SYSTEM (?)
			WHERE NOT customer.deleting`, 100*float64(k.blocks)/float64(total))
	} else {
		q.Add(`WITH block (number) AS (VALUES `)
		for i, b := range distinct(k.blocks, total) {
			if i > 0 {
				q.Add(`, `)
			}
			q.Add(`(?)`, first+int64(b*k.size))
		}
		q.Add(`) SELECT count(*), count(DISTINCT block.number) FROM block CROSS JOIN customer NOT INDEXED
			WHERE customer.number >= block.number AND customer.number < block.number + ? AND NOT customer.deleting`, k.size)
	}
	q.Append(s.sampled(l))
	q.Append(l.conditions())
	err = s.db.NewRaw(q.SQL, q.Args...).Scan(ctx, &rows, &met)
	return rows, met, err
}

// distinct are n different numbers below total, by chance.
func distinct(n, total int) []int {
	seen := make(map[int]bool, n)
	list := make([]int, 0, n)
	for len(list) < n {
		if i := rand.IntN(total); !seen[i] { //nolint:gosec // nothing is secret about it
			seen[i] = true
			list = append(list, i)
		}
	}
	return list
}
