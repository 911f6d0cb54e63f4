package customer

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
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
	err := l.byTrigrams(context.Background(), func(db bun.IDB) error {
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
