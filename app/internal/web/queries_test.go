package web

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// queriesOf says how many database queries a page needs when the number beside "Needs attention" is known already. It has
// the pages that need more than fewQueries. Whoever changes the number of a page changes it here.
var queriesOf = map[string]int{
	"/attention":                               10,
	"/audit":                                   11,
	"/audit.csv":                               10,
	"/audit.xlsx":                              10,
	"/bulk/:id":                                7,
	"/bulk/:id/rows.csv":                       11,
	"/customers.csv":                           9,
	"/customers.xlsx":                          9,
	"/customers/:id/accesses/:aid":             10,
	"/customers/:id/authorisations":            13,
	"/customers/:id/authorisations/matrix":     11,
	"/customers/:id/authorisations/matrix.csv": 12,
	"/customers/:id/authorisations/why":        12,
	"/customers/:id/accesses/new":              6,
	"/customers/:id/administrators":            7,
	"/customers/:id/data":                      6,
	"/customers/:id/history":                   16,
	"/customers/:id/notes/:nid":                7,
	"/customers/:id/processors":                8,
	"/customers/:id/transactions/new":          9,
	"/customers/:id/delete":                    13,
	"/customers/:id/deliveries":                10,
	"/customers/:id/log":                       12,
	"/customers/:id/transactions":              10,
	"/customers/imports/:id/verdicts.csv":      8,
	"/documents/:id":                           8,
	"/policies":                                7,
	"/policies/draft":                          8,
	"/policies/versions/:version":              7,
	"/register/:token":                         7,
	"/specialists/:id":                         12,
	"/specialists/:id/deactivate":              7,
	"/specialists/:id/deputies":                8,
	"/specialists/:id/handover":                9,
	"/specialists/:id/sees":                    8,
	"/templates/:id/export":                    6,
	"/transactions":                            7,
	"/transactions.csv":                        9,
	"/transactions.xlsx":                       9,
	"/transactions/:id":                        7,
	"/transactions/:id/edit":                   6,
	"/transactions/:id/log":                    9,
	"/transactions/:id/people":                 10,
	"/transactions/:id/trash":                  6,
}

// fewQueries are enough for most pages.
const fewQueries = 5

// TestQueriesOfPages: each page needs the number of queries that queriesOf says, on both databases, and asks nothing
// twice.
func TestQueriesOfPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		x := w.furnish()
		w.deliver()
		b := w.signedIn()
		seen := &statements{}
		w.DB.DB = w.DB.WithQueryHook(seen)
		got := map[string]int{}
		for _, r := range w.table() {
			if r.Method != http.MethodGet {
				continue
			}
			address := x.address(t, r.Path)
			b.get(address) // so that this number is known
			seen.take()
			b.get(address)
			said := seen.take()
			for _, q := range twice(said) {
				t.Errorf("%s asks twice: %s", r.Path, q)
			}
			if len(said) > fewQueries {
				got[r.Path] = len(said)
			}
			if want, ok := queriesOf[r.Path]; len(said) > fewQueries && (!ok || len(said) != want) {
				t.Logf("%s:\n%s", r.Path, strings.Join(said, "\n"))
			}
		}
		assert.Equal(t, queriesOf, got, "the number of queries")
	})
}

// statements is a query hook that remembers statements.
type statements struct {
	mu   sync.Mutex
	said []string
}

// BeforeQuery implements bun.QueryHook.
func (s *statements) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

// AfterQuery implements bun.QueryHook.
func (s *statements) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, e.Query)
}

// take returns the statements since the last take.
func (s *statements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := s.said
	s.said = nil
	return said
}

// twice returns the statements that occur more than once.
func twice(said []string) []string {
	n := map[string]int{}
	for _, q := range said {
		n[q]++
	}
	maps.DeleteFunc(n, func(_ string, times int) bool { return times == 1 })
	return slices.Sorted(maps.Keys(n))
}

// TestTwice: what TestQueriesOfPages looks for is found.
func TestTwice(t *testing.T) {
	require.Equal(t, []string{"b", "c"}, twice([]string{"b", "a", "c", "b", "c", "c"}))
	require.Empty(t, twice([]string{"a", "b"}))
}
