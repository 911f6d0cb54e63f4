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

// TestCertain: however the matches lie, no sample claims that there are more than there are; of very many it does.
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

// TestSample: what a sample expects is about what there is, under the filters of the list, and never what no row matches.
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
		first, total, err := w.blocks(ctx)
		if err != nil || total < 60 || total > n/10 {
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
			l := listing{filter: c.filter, now: testNow}
			l.terms, l.search = parseQuery(c.filter.Query)
			sum := 0.0
			for range looks {
				rows, met, err := w.sample(ctx, l, first, total, total/4)
				if err != nil || met > rows || met > total {
					t.Fatalf("%+v: %d rows in %d blocks, %v", c.filter, rows, met, err)
				}
				sum += float64(rows) * float64(total) / float64(total/4) / looks
			}
			if sum < 0.8*float64(c.want) || sum > 1.2*float64(c.want) {
				t.Errorf("%+v: samples expect %.0f rows; there are %d", c.filter, sum, c.want)
			}
		}
		w.limits.few, w.limits.many = 4, total/10
		l := listing{now: testNow}
		l.terms, l.search = parseQuery("heu")
		mean := 0
		for range looks { // one sample of a tenth may be far off
			e, err := w.expect(ctx, l)
			if err != nil {
				t.Fatal(err)
			}
			mean += e.rows / looks
		}
		if mean < n/2*7/10 || mean > n/2*13/10 {
			t.Errorf("expected are %d of %d", mean, n/2)
		}
		w.limits.few = total
		if e, err := w.expect(ctx, l); err != nil || e != (expectation{}) {
			t.Errorf("a sample of all: %+v, %v; want none", e, err)
		}
	})
}
