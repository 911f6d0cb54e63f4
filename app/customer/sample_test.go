package customer

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/sample"
	"kontor/app/store"
)

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
		{e: expectation{rows: 2000, of: 1_000_000, leading: 20_000, within: 1200}, want: true},
		{e: expectation{rows: 2000, of: 1_000_000, leading: 20_000, within: 200}}, // they may not fill the page
		{e: expectation{rows: 2000, of: 1_000_000, leading: 500_000, within: 1500}},
		{e: expectation{rows: 1000, of: 1_000_000, leading: 2000, within: 1000}}, // there are no more than are counted
		{e: expectation{rows: 3000, of: 1_000_000}, want: true},
		{e: expectation{rows: 3000, of: 1_000_000}, similar: true, want: true},
		{e: expectation{rows: 800, of: 100_000}},
		{e: expectation{rows: 1000, of: 100_000}, r: reading{Limit: 6, Uncounted: true}, want: true},
		{e: expectation{rows: 1000, of: 100_000}, r: reading{Limit: 100, Uncounted: true}},
		{e: expectation{rows: 200, of: 100_000}, r: reading{Limit: 6, Uncounted: true}},
	} {
		l := overview{Service: s, search: true, order: order{by: byName}, alike: c.similar}
		c.e.read = c.e.rows
		if c.r.Limit == 0 {
			c.r.Limit = listing.PageSize
		}
		assert.Equal(t, c.want, l.walks(c.r, c.e), "%+v of %+v, similar %v: walks", c.r, c.e, c.similar)
	}
}

// TestWalksOfFilters: a list with filters is walked if the rows of the narrowest filter are more than the rows that are
// passed until a page is full. Without a sample some of it is walked in any case.
func TestWalksOfFilters(t *testing.T) {
	s := &Service{limits: limits{frequent: 3000, step: 6}}
	for _, c := range []struct {
		e    expectation
		want bool
	}{
		{expectation{}, true},
		{expectation{rows: 0, of: 1_000_000, read: 45_000}, false},
		{expectation{rows: 565, of: 1_000_000, read: 45_000}, false},
		{expectation{rows: 3000, of: 1_000_000, read: 3000}, false},
		{expectation{rows: 30_000, of: 1_000_000, read: 30_000, many: true}, true},
		{expectation{rows: 90_000, of: 1_000_000, read: 900_000, many: true}, true},
	} {
		l := overview{Service: s, order: order{by: byName}}
		assert.Equal(t, c.want, l.walks(reading{Limit: listing.PageSize}, c.e), "%+v", c.e)
	}
}

// TestSample: the estimate of a sample is close to the real number, with the filters of the list and for a caller who may
// list a part, and a search without matches is never estimated to have any.
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
			var attention any
			if i%4 < 2 {
				attention = testNow
			}
			rows = append(rows, []any{20_000 + i, uuid.Must(uuid.NewV7()), string(typ), "de", fmt.Sprint(i), search, " wort", "", attention, i%10 == 3, testNow, testNow})
		}
		columns := strings.Fields("number id type locale name_sort search details identity attention_at deleting created_at updated_at")
		require.NoError(t, w.db.Loading(ctx, func(l *store.Loader) error {
			return l.InTx(ctx, func(l store.Load) error { return l.Rows(ctx, "customer", columns, rows) })
		}))
		w.limits.sample = 1500
		for _, c := range []struct {
			filter Filter
			alike  bool
			scope  store.Condition
			want   int
		}{
			{filter: Filter{Query: "heu"}, want: n / 2}, {filter: Filter{Query: "nadel"}, want: n/2 - n/10},
			{filter: Filter{Query: "heu", Type: Company}, want: n / 2}, {filter: Filter{Query: "heu", Type: Person}},
			{filter: Filter{Query: "heu", Attention: true}, want: n / 4}, {filter: Filter{Query: "heu nadel"}}, {filter: Filter{Query: "absent"}},
			{filter: Filter{Query: "wort"}}, {filter: Filter{Query: "wort"}, alike: true, want: n - n/10},
			{filter: Filter{Query: "heu"}, scope: bun.SafeQuery(`customer.number < ?`, 20_000+n/2), want: n / 4},
			{filter: Filter{Query: "heu"}, scope: bun.SafeQuery(`customer.number < 0`)},
		} {
			const looks = 10
			mean := 0.0
			for range looks {
				w.sampleOnce()
				l := w.list(c.filter)
				l.alike, l.scope.where, l.administrator = c.alike, c.scope, uuid.Nil
				l.facets = l.facetsOf(l.filter)
				e, err := l.expect(ctx)
				require.NoError(t, err, "%+v", c)
				require.True(t, e.known, "%+v", c)
				require.InDelta(t, n-n/10, e.of, n/20, "%+v", c)
				require.False(t, e.many && c.want <= listing.CountCap, "%+v", c)
				mean += float64(e.rows) / looks
			}
			assert.InDelta(t, float64(c.want), mean, 0.15*float64(c.want), "%+v", c)
		}
		w.limits.sample = n
		w.sampleOnce()
		e, err := w.list(Filter{Query: "heu"}).expect(ctx)
		require.NoError(t, err, "a sample of all")
		assert.Equal(t, (expectation{known: true}), e, "a sample of all")
	})
}

// TestLeading: of a search with several words, a sample tells how many customers have a name that begins with one of them,
// and how many of these match, with the filters of the list.
func TestLeading(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		t0 := sample.New([]sampledText{
			{Type: Person, Search: " muller anna koln"}, {Type: Person, Search: " muller bert bonn"}, {Type: Company, Search: " mullerei koln"},
			{Type: Person, Search: " kolner muller"}, {Type: Person, Search: " berg muller koln"},
		}, 1, func(r *sampledText) string { return trigramText(r.Search, r.Details) })
		for _, c := range []struct {
			filter        Filter
			all, matching int
		}{
			{Filter{Query: "müller köln"}, 4, 3}, {Filter{Query: "köln müller"}, 4, 3}, {Filter{Query: "müller köln", Type: Company}, 4, 1},
			{Filter{Query: "müller absent"}, 3, 0}, {Filter{Query: "absent nothing"}, 0, 0}, {Filter{Query: "müller"}, 0, 0},
			{Filter{Query: "müller köln", Sort: "number"}, 0, 0},
		} {
			all, matching := w.list(c.filter).leading(t0)
			assert.Equal(t, []int{c.all, c.matching}, []int{all, matching}, "%+v", c.filter)
		}
	})
}

// TestMatches: what a sample takes for a match is what the database takes for one.
func TestMatches(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, d := range []Data{
			anna(), {FirstName: "Zoë", LastName: "Müller-Lüdenscheidt", Street: "Hauptstr. 5a", PostalCode: "50667", City: "Köln", Phone: "0221 1234567"},
			{FirstName: "Karl-Heinz", LastName: "O'Hara", City: "100%_"},
		} {
			w.add(w.anna, Person, d, "")
		}
		w.add(w.anna, Company, Data{FirstName: "A", LastName: "B", CompanyName: "Stein & Söhne GmbH", City: "Bonn", VATID: "DE136695976", RegisterNumber: "HRB 1234 B"}, "")
		var rows []sampledText
		require.NoError(t, w.db.NewRaw(`SELECT number, type, search, COALESCE(details, '') AS details FROM customer ORDER BY number`).Scan(w.Ctx, &rows))
		require.Len(t, rows, 4)
		for _, query := range []string{
			"anna", "berg anna", "an", "a", "muller", "müller zoe", "hauptstrasse 5", "5a", "50667 köln", "d50667", "0221 1234567", "+49 221 1234567", "1234567",
			"karlheinz", "o'hara", "%", "_", "100%_", "\\", "stein söhne", "stein und söhne", "DE136695976", "de 136 695 976", "hrb 1234 b", "HRB1234B", "K-10001",
			"10001", "absent", "stein absent", "be an", "zoe 5",
		} {
			l := w.list(Filter{Query: query})
			if !l.search {
				continue
			}
			for _, alike := range []bool{false, true} {
				condition := l.named()
				if alike {
					condition = l.matching()
				}
				var want, got []int64
				require.NoError(t, l.from(`customer`).ColumnExpr(`customer.number`).Where(`?`, condition).Order(`customer.number`).Scan(w.Ctx, &want))
				l.alike = alike
				got, _ = l.among(sample.New(rows, 1, func(r *sampledText) string { return trigramText(r.Search, r.Details) }))
				assert.Equal(t, fmt.Sprint(want), fmt.Sprint(got), "%q, details %v", query, alike)
			}
		}
	})
}
