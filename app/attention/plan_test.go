package attention

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// TestPlans: the first entries of each section, those behind a row, and their number are found by walking the index of the
// section in its order. No table is read as a whole, and nothing is sorted but rows with the same key.
func TestPlans(t *testing.T) {
	each(t, func(w *world) {
		w.few = -1                                         // as for somebody with very many transactions
		for section, index := range map[Section][2]string{ // the index, and the column that limits what is read of it
			Invitations:    {"customer_invitation", "invitation_at"},
			Administrators: {"customer_no_administrator", "no_administrator_since"},
			Accesses:       {"customer_no_access", "no_access_since"},
			Overdue:        {"transactions_due", "due"},
		} {
			made := func() query {
				q, nothing, err := w.query(w.Ctx, w.uta, section)
				w.Must(err)
				require.False(w, nothing, section)
				return q
			}
			q := made()
			key := []any{w.Now(), int64(1), w.uta.ID}[:len(q.key)]
			if section == Overdue {
				key[0] = "2026-11-01"
			}
			w.wantPlan(string(section)+", first", q.first(q.columns, fewFirst+1), index)
			w.wantPlan(string(section)+", behind a row", made().first(q.columns, fewFirst+1, key...), index)
			w.wantPlan(string(section)+", counted", made().first(`1`, countCap), index)
		}
		// Who has few customers or transactions is not shown any of the others.
		w.few = fewVisible
		for _, section := range []Section{Invitations, Accesses, Overdue} {
			q, _, err := w.query(w.Ctx, w.anna, section)
			w.Must(err)
			for _, line := range w.plan(q.first(q.columns, fewFirst+1)) {
				assert.NotContains(w, line, "Seq Scan", "%s of few", section)
				assert.False(w, strings.HasPrefix(line, "SCAN customer") || strings.HasPrefix(line, "SCAN t"), "%s of few: %s", section, line)
			}
		}
	})
}

// wantPlan fails unless a query reads an index in its order, up to a value of a column.
func (w *world) wantPlan(name string, q store.Condition, index [2]string) {
	w.Helper()
	lines := w.plan(q)
	plan := strings.Join(lines, "\n")
	assert.Contains(w, plan, index[0], name)
	assert.Regexp(w, `USING (COVERING )?INDEX .*\b`+index[1]+`<\?|Index Cond: .*\b`+index[1]+` <`, plan, name)
	for i, line := range lines {
		assert.NotContains(w, line, "Seq Scan", name)
		assert.NotContains(w, line, "TEMP B-TREE FOR ORDER BY", name)
		assert.NotContains(w, line, "SCAN customer", name)
		assert.NotContains(w, line, "SCAN t ", name)
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), "Sort Key: "); ok && !strings.HasPrefix(key, "m") { // messages of one access
			assert.Contains(w, lines[i-1], "Incremental Sort", "%s: sorted by %s", name, key)
		}
	}
}

// plan returns the plan of a query. PostgreSQL would read and sort the few rows of a test, so it may only where there is no
// other way.
func (w *world) plan(q store.Condition) (lines []string) {
	w.Helper()
	if !w.DB.IsPostgres() {
		var steps []struct {
			ID, Parent, Notused int
			Detail              string
		}
		w.Must(w.DB.NewRaw(`EXPLAIN QUERY PLAN ?`, q).Scan(w.Ctx, &steps))
		for _, step := range steps {
			lines = append(lines, step.Detail)
		}
		return lines
	}
	w.InTx(func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off`); err != nil {
			return err
		}
		return tx.NewRaw(`EXPLAIN ?`, q).Scan(ctx, &lines)
	})
	return lines
}
