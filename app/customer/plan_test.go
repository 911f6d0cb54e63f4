package customer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestSearchPlans: matches are found by the indexes of the texts, never by reading the table.
func TestSearchPlans(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.crowd(30)
		for query, want := range map[string][]string{
			"berg":               {"customer_texts"},
			"berg anna":          {"customer_texts"},
			"hauptstrasse":       {"customer_texts"},
			"K-10777":            {"customer_texts"},
			"anna.mueller.1":     {"customer_search"}, // an address stands in the search text
			"0711 123456":        {"customer_texts", "customer_search"},
			"DE 123456789":       {"customer_texts", "customer_search"},
			"berg 0711 123 4567": {"customer_texts"},
		} {
			if !w.db.IsPostgres() {
				want = []string{"customer_search VIRTUAL TABLE INDEX"}
			}
			for _, f := range []Filter{{Query: query}, {Query: query, Type: Company}} {
				l := w.list(f)
				w.wantPlan(t, l, fmt.Sprintf("%q of type %q", query, f.Type), l.matches().ColumnExpr("1"), want...)
			}
		}
	})
}

// TestNamesAreReadInOrder: PostgreSQL reads the names that begin with a query in their order and stops when the page is
// full, also if its statistics know nothing of these names.
func TestNamesAreReadInOrder(t *testing.T) {
	db := storetest.Postgres(t)
	w := newWorld(t, db)
	insert := func(name string, from, n int) {
		w.Exec(`INSERT INTO customer (number, id, type, last_name, locale, name_sort, search, details, identity, created_at, updated_at)
			SELECT i, gen_random_uuid(), 'person', ?, 'de', ? || ' ' || md5(i::text), ' ' || ? || ' ' || md5(i::text), '', '', now(), now() FROM generate_series(?::int, ?::int) AS i`,
			name, name, name, from, from+n-1)
	}
	insert("anders", 20_000, 20_000)
	insert("stein", 45_000, 300)
	w.Exec(`ANALYZE customer`)
	insert("stein", 50_000, 10_000)
	l := w.list(Filter{Query: "stein"})
	p := part{phase: phasePrefix, begins: "stein"}
	explain := func(db bun.IDB) string {
		o, _ := l.ordered(reading{})
		walk := o.First(l.walked(p), l.limits.walk)
		q := o.First(w.db.NewSelect().TableExpr(`(?) AS customer`, walk).ColumnExpr(`customer.number`).Where(`?`, l.inPhase(p.phase)), 51)
		var lines []string
		require.NoError(t, db.NewRaw(`EXPLAIN ?`, q).Scan(w.Ctx, &lines))
		return strings.Join(lines, "\n")
	}
	require.Contains(t, explain(w.db), "Sort", "the statistics do not mislead PostgreSQL any more; this test needs other data")
	require.NoError(t, l.inOrder(w.Ctx, p, func(db bun.IDB) error {
		plan := explain(db)
		assert.Contains(t, plan, "Index Scan using customer_name")
		assert.NotContains(t, plan, "Sort")
		assert.NotContains(t, plan, "Bitmap")
		return nil
	}))
}

// searches remembers the queries that look for customers.
type searches struct{ said []string }

func (s *searches) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (s *searches) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if strings.Contains(e.Query, "name_sort") && !slices.Contains(s.said, e.Query) { // a hook may be told twice
		s.said = append(s.said, e.Query)
	}
}

// TestRareWordIsSearchedOnce: if the sample says that a search has few matches, one query finds them and counts them.
func TestRareWordIsSearchedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.crowd(40)
		w.limits.sample = 10
		w.sampleOnce()
		seen := &searches{}
		w.db.DB = w.db.WithQueryHook(seen)
		for _, query := range []string{"qwertzuiop", "qwertz uiop"} {
			seen.said = nil
			p, err := w.List(w.Ctx, w.anna, Filter{Query: query})
			require.NoError(t, err)
			require.Zero(t, p.Count)
			assert.Len(t, seen.said, 1, query)
		}
		for rows, queries := range map[int]int{0: 0, listing.CountCap: 0, listing.CountCap + 1: 1} {
			l := w.list(Filter{Query: "berg"})
			l.expected = expectation{rows: rows, of: 1_000_000, known: true}
			seen.said = nil
			_, _, err := l.opening(w.Ctx, reading{Limit: listing.PageSize})
			require.NoError(t, err)
			assert.Len(t, seen.said, queries, "the names that begin with a query of which %d matches are expected", rows)
		}
	})
}

// list is the list that List reads, for who may list all.
func (w *world) list(f Filter) *overview {
	w.Helper()
	l, err := w.overview(w.anna, f)
	w.Must(err)
	return l
}

// wantPlan fails unless a query reads some indexes, and neither the table nor an index that says nothing of the words.
func (w *world) wantPlan(t *testing.T, l *overview, name string, q store.Condition, want ...string) {
	t.Helper()
	var lines []string
	err := l.gathering(context.Background(), func(db bun.IDB) error {
		if w.db.IsPostgres() {
			return db.NewRaw(`EXPLAIN ?`, q).Scan(context.Background(), &lines)
		}
		var steps []struct {
			ID, Parent, Notused int
			Detail              string
		}
		err := db.NewRaw(`EXPLAIN QUERY PLAN ?`, q).Scan(context.Background(), &steps)
		for _, step := range steps {
			lines = append(lines, step.Detail)
		}
		return err
	})
	require.NoError(t, err, name)
	plan := strings.Join(lines, "\n")
	for _, index := range want {
		assert.Contains(t, plan, index, "%s is found without its index", name)
	}
	for _, other := range []string{"Seq Scan", "customer_pkey", "customer_name", "customer_type_name", "SCAN customer "} {
		assert.NotContains(t, plan, other, name)
	}
}
