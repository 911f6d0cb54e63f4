package customer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/listing"
	"kontor/app/store"
)

// TestCertain: wherever the matches are, no sample claims more matches than there are, but for very many matches it
// does claim many.
func TestCertain(t *testing.T) {
	const blocks, looked, limit = 40_000, 120, 1000
	chance := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		matching int // blocks with matches
		want     int // of a hundred samples, at least and at most
		most     int
	}{{0, 0, 0}, {100, 0, 0}, {limit, 0, 0}, {2 * limit, 0, 5}, {15 * limit, 100, 100}, {blocks, 100, 100}} {
		claims := 0
		for range 100 {
			met := 0
			for range looked {
				if chance.IntN(blocks) < c.matching {
					met++
				}
			}
			if certain(met, float64(looked)/blocks, limit) {
				claims++
			}
		}
		assert.GreaterOrEqual(t, claims, c.want, "%d blocks with matches: samples of a hundred are certain that there are more than %d", c.matching, limit)
		assert.LessOrEqual(t, claims, c.most, "%d blocks with matches", c.matching)
	}
	assert.False(t, certain(blocks, 1, blocks), "all blocks, each with one match: more than there are")
}

// wantExtrapolated fails unless the first matches tell on SQLite how many there are.
func (w *world) wantExtrapolated(t *testing.T, l *overview, want, of int) {
	t.Helper()
	if w.db.IsPostgres() || want == 0 {
		return
	}
	ctx := context.Background()
	g, err := l.gather(ctx, reading{Limit: listing.PageSize + 1}, 200)
	require.NoError(t, err, "%+v: complete", l.filter)
	require.False(t, g.all, "%+v: complete: %v", l.filter, g.all)
	require.Equal(t, 200, g.Count, "%+v: gathered of %d, complete", l.filter, want)
	err = l.extrapolate(ctx, g.Count, g.last)
	e := l.expected
	require.NoError(t, err, "%+v: the first matches expect", l.filter)
	assert.Equal(t, of, e.of, "%+v: there are %d of %d", l.filter, want, of)
	assert.False(t, e.many, "%+v", l.filter)
	assert.GreaterOrEqual(t, e.rows, want*9/10, "%+v", l.filter)
	assert.LessOrEqual(t, e.rows, want*11/10, "%+v", l.filter)
}

// TestWalks: names are walked when that finds a page of matches sooner than gathering all matches. If there are no more
// matches than are counted, they are gathered, unless nobody asks for their number.
func TestWalks(t *testing.T) {
	s := &Service{limits: limits{frequent: 3000, step: 6}}
	for _, c := range []struct {
		r       reading
		e       expectation
		similar bool
		want    bool
	}{
		{e: expectation{}},
		{e: expectation{rows: listing.CountCap, of: 2000}},
		{e: expectation{rows: listing.CountCap, of: 2000, many: true}, want: true},
		{e: expectation{rows: 1500, of: 100_000}},
		{e: expectation{rows: 2000, of: 100_000}, want: true},
		{e: expectation{rows: 2000, of: 100_000}, similar: true},
		{e: expectation{rows: 2000, of: 1_000_000}},
		{e: expectation{rows: 3000, of: 1_000_000}, want: true},
		{e: expectation{rows: 3000, of: 1_000_000}, similar: true, want: true},
		{e: expectation{rows: 800, of: 100_000}},
		{e: expectation{rows: 1000, of: 100_000}, r: reading{Limit: 6, Uncounted: true}, want: true},
		{e: expectation{rows: 1000, of: 100_000}, r: reading{Limit: 100, Uncounted: true}},
		{e: expectation{rows: 200, of: 100_000}, r: reading{Limit: 6, Uncounted: true}},
	} {
		l := overview{Service: s, search: true, alike: c.similar}
		if c.r.Limit == 0 {
			c.r.Limit = listing.PageSize
		}
		assert.Equal(t, c.want, l.walks(c.r, c.e), "%+v of %+v, similar %v: walks", c.r, c.e, c.similar)
	}
}

// TestPromises: a sample is taken only where it may show that there are many matches.
func TestPromises(t *testing.T) {
	const million = 1_000_000
	k := sampleSize{blocks: 100, size: 25}
	share := float64(k.blocks*k.size) / million
	for _, c := range []struct {
		name  string
		known expectation
		want  bool
	}{
		{"what is gathered is counted", expectation{rows: 900, of: million, share: 0.1}, false},
		{"a frequent word may be certain", expectation{rows: 20_000, of: million, share: 0.01}, true},
		{"too few to be certain", expectation{rows: 3500, of: million, share: 0.1}, false},
		{"a smaller sample leaves it open", expectation{rows: 3000, of: million, share: 0.0001}, true},
	} {
		assert.Equal(t, c.want, c.known.promises(k, share), c.name)
	}
}

// TestSample: the estimate of a sample is close to the real number, with the filters of the list, and a search without
// matches is never estimated to have any.
func TestSample(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		const n = 6000
		var rows [][]any
		for i := range n {
			typ, search := Person, " nadel"
			if i%2 == 0 {
				typ, search = Company, " heu"
			}
			rows = append(rows, []any{20_000 + i, uuid.Must(uuid.NewV7()), string(typ), "de", fmt.Sprint(i), search, "", i%10 == 3, testNow, testNow})
		}
		columns := strings.Fields("number id type locale name_sort search identity deleting created_at updated_at")
		require.NoError(t, w.db.Loading(ctx, func(l *store.Loader) error {
			return l.InTx(ctx, func(l store.Load) error { return l.Rows(ctx, "customer", columns, rows) })
		}))
		if !w.db.IsPostgres() {
			w.Exec(`INSERT INTO customer_search (rowid, text) SELECT number, replace(search, ' ', '  ') FROM customer`)
		}
		const size = 10 // on SQLite
		first, total, err := w.blocks(ctx, size)
		require.NoError(t, err)
		require.GreaterOrEqual(t, total, 60, "blocks")
		require.LessOrEqual(t, total, n/size)
		const looks = 40
		for _, c := range []struct {
			filter Filter
			want   int
		}{
			{Filter{Query: "heu"}, n / 2}, {Filter{Query: "nadel"}, n/2 - n/10}, {Filter{Query: "heu", Type: Company}, n / 2},
			{Filter{Query: "heu", Type: Person}, 0}, {Filter{Query: "heu nadel"}, 0}, {Filter{Query: "absent"}, 0},
		} {
			l, sum := w.list(c.filter), 0.0
			for range looks {
				rows, met, err := l.sample(ctx, sampleSize{total / 4, size}, first, total)
				require.NoError(t, err, "%+v", c.filter)
				require.LessOrEqual(t, met, rows, "%+v: %d rows in %d blocks", c.filter, rows, met)
				require.LessOrEqual(t, met, total, "%+v", c.filter)
				sum += float64(rows) * float64(total) / float64(total/4) / looks
			}
			assert.GreaterOrEqual(t, sum, 0.8*float64(c.want), "%+v: samples expect %.0f rows; there", c.filter, sum)
			assert.LessOrEqual(t, sum, 1.2*float64(c.want), "%+v", c.filter)
			w.wantExtrapolated(t, l, c.want, n)
		}
		w.limits.samples = []sampleSize{{4, size}, {total / 10, size}}
		mean := 0
		for range looks { // one sample of a tenth may be far off
			e, err := w.list(Filter{Query: "heu"}).expect(ctx)
			require.NoError(t, err)
			mean += e.rows / looks
		}
		assert.GreaterOrEqual(t, mean, n/2*7/10, "expected are %d of %d", mean, n/2)
		assert.LessOrEqual(t, mean, n/2*13/10)
		w.limits.samples[0].blocks = total
		e, err := w.list(Filter{Query: "heu"}).expect(ctx)
		require.NoError(t, err, "a sample of all")
		assert.Equal(t, (expectation{sampled: true}), e, "a sample of all")
	})
}
