package customer

import (
	"context"
	"math"
	"math/rand/v2"

	"kontor/app/store"
)

// expectation is what a sample says of a search: how many rows match, about, and whether that is certainly more than are
// counted.
type expectation struct {
	rows int
	many bool
}

// blockSize is how many numbers in a row are looked at together on SQLite. PostgreSQL has pages.
const blockSize int64 = 25

// expect looks at blocks of the table, chosen by chance. A table of which that would be a good part is not worth it: it
// expects nothing then.
func (s *Service) expect(ctx context.Context, l listing) (e expectation, err error) {
	first, total, err := s.blocks(ctx)
	if err != nil {
		return expectation{}, err
	}
	for _, n := range []int{s.limits.few, s.limits.many} {
		if n == 0 || total < 10*n {
			break
		}
		share := float64(n) / float64(total)
		rows, met, err := s.sample(ctx, l, first, total, n)
		if err != nil {
			return expectation{}, err
		}
		if e = (expectation{int(float64(rows) / share), certain(met, share, CountCap)}); rows == 0 {
			break
		}
	}
	return e, nil
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

// blocks is the first number and how many blocks there are.
func (s *Service) blocks(ctx context.Context) (first int64, total int, err error) {
	if s.db.IsPostgres() {
		err = s.db.NewRaw(`SELECT pg_relation_size('customer') / current_setting('block_size')::int`).Scan(ctx, &total)
		return 0, total, err
	}
	var last int64
	err = s.db.NewRaw(`SELECT COALESCE((SELECT min(number) FROM customer), 0), COALESCE((SELECT max(number) FROM customer), 0)`).Scan(ctx, &first, &last)
	return first, int((last-first)/blockSize) + 1, err
}

// sample counts the rows that match in about n of the blocks, and the blocks with such rows.
func (s *Service) sample(ctx context.Context, l listing, first int64, total, n int) (rows, met int, err error) {
	var q store.Clause
	if s.db.IsPostgres() {
		q.Add(`SELECT count(*), count(DISTINCT (customer.ctid::text::point)[0]) FROM customer TABLESAMPLE SYSTEM (?)
			WHERE NOT customer.deleting`, 100*float64(n)/float64(total))
	} else {
		q.Add(`WITH block (number) AS (VALUES `)
		for i, b := range distinct(n, total) {
			if i > 0 {
				q.Add(`, `)
			}
			q.Add(`(?)`, first+int64(b)*blockSize)
		}
		q.Add(`) SELECT count(*), count(DISTINCT block.number) FROM block CROSS JOIN customer NOT INDEXED
			WHERE customer.number >= block.number AND customer.number < block.number + ? AND NOT customer.deleting`, blockSize)
	}
	q.Append(s.matching(l))
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
