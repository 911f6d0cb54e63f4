package customer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

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
		if claims < c.want || claims > c.most {
			t.Errorf("%d blocks with matches: %d samples of a hundred are certain that there are more than %d", c.matching, claims, limit)
		}
	}
	if certain(blocks, 1, blocks) {
		t.Error("all blocks, each with one match: more than there are")
	}
}

// wantExtrapolated fails unless the first matches tell on SQLite how many there are.
func (w *world) wantExtrapolated(t *testing.T, l *overview, want, of int) {
	t.Helper()
	if w.db.IsPostgres() || want == 0 {
		return
	}
	ctx := context.Background()
	g, err := l.gather(ctx, reading{Limit: PageSize + 1}, 200)
	if err != nil || g.all || g.Count != 200 {
		t.Fatalf("%+v: %d gathered of %d, complete: %v, %v", l.filter, g.Count, want, g.all, err)
	}
	err = l.extrapolate(ctx, g.Count, g.last)
	if e := l.expected; err != nil || e.of != of || e.many || e.rows < want*9/10 || e.rows > want*11/10 {
		t.Errorf("%+v: the first matches expect %+v, %v; there are %d of %d", l.filter, e, err, want, of)
	}
}

// TestWalks: names are walked when that finds a page of matches sooner than gathering all matches. If there are no more
// matches than are counted, they are gathered.
func TestWalks(t *testing.T) {
	s := &Service{limits: limits{frequent: 3000, step: 6}}
	for _, c := range []struct {
		e       expectation
		similar bool
		want    bool
	}{
		{e: expectation{}},
		{e: expectation{rows: CountCap, of: 2000}},
		{e: expectation{rows: CountCap, of: 2000, many: true}, want: true},
		{e: expectation{rows: 1500, of: 100_000}},
		{e: expectation{rows: 2000, of: 100_000}, want: true},
		{e: expectation{rows: 2000, of: 100_000}, similar: true},
		{e: expectation{rows: 2000, of: 1_000_000}},
		{e: expectation{rows: 3000, of: 1_000_000}, want: true},
		{e: expectation{rows: 3000, of: 1_000_000}, similar: true, want: true},
	} {
		l := overview{Service: s, search: true, alike: c.similar}
		if got := l.walks(c.e); got != c.want {
			t.Errorf("%+v, similar %v: walks %v", c.e, c.similar, got)
		}
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
		if got := c.known.promises(k, share); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
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
		if err := w.db.LoadInTx(ctx, func(l store.Load) error { return l.Rows(ctx, "customer", columns, rows) }); err != nil {
			t.Fatal(err)
		}
		if !w.db.IsPostgres() {
			w.Exec(`INSERT INTO customer_search (rowid, text) SELECT number, replace(search, ' ', '  ') FROM customer`)
		}
		const size = 10 // on SQLite
		first, total, err := w.blocks(ctx, size)
		if err != nil || total < 60 || total > n/size {
			t.Fatalf("%d blocks, %v", total, err)
		}
		const looks = 40
		for _, c := range []struct {
			filter Filter
			want   int
		}{
			{Filter{Query: "heu"}, n / 2}, {Filter{Query: "nadel"}, n/2 - n/10}, {Filter{Query: "heu", Type: Company}, n / 2},
			{Filter{Query: "heu", Type: Person}, 0}, {Filter{Query: "heu nadel"}, 0}, {Filter{Query: "absent"}, 0},
		} {
			l, sum := w.overview(c.filter), 0.0
			for range looks {
				rows, met, err := l.sample(ctx, sampleSize{total / 4, size}, first, total)
				if err != nil || met > rows || met > total {
					t.Fatalf("%+v: %d rows in %d blocks, %v", c.filter, rows, met, err)
				}
				sum += float64(rows) * float64(total) / float64(total/4) / looks
			}
			if sum < 0.8*float64(c.want) || sum > 1.2*float64(c.want) {
				t.Errorf("%+v: samples expect %.0f rows; there are %d", c.filter, sum, c.want)
			}
			w.wantExtrapolated(t, l, c.want, n)
		}
		w.limits.samples = []sampleSize{{4, size}, {total / 10, size}}
		mean := 0
		for range looks { // one sample of a tenth may be far off
			e, err := w.overview(Filter{Query: "heu"}).expect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			mean += e.rows / looks
		}
		if mean < n/2*7/10 || mean > n/2*13/10 {
			t.Errorf("expected are %d of %d", mean, n/2)
		}
		w.limits.samples[0].blocks = total
		if e, err := w.overview(Filter{Query: "heu"}).expect(ctx); err != nil || e != (expectation{sampled: true}) {
			t.Errorf("a sample of all: %+v, %v; want none", e, err)
		}
	})
}
