package audit

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
)

// askedFor remembers the queries by which the log is read.
type askedFor struct{ queries []string }

func (a *askedFor) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (a *askedFor) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if strings.Contains(e.Query, "audit") {
		a.queries = append(a.queries, e.Query)
	}
}

// walkedPart finds the entries of a part in its query.
func walkedPart(query string) string {
	for _, name := range []string{"walked AS MATERIALIZED (", `"walked" AS (`, "gathered AS MATERIALIZED ("} {
		if _, rest, ok := strings.Cut(query, "WITH "+name); ok {
			part, _, _ := strings.Cut(rest, ") SELECT ")
			return part
		}
	}
	if _, rest, ok := strings.Cut(query, "SELECT count(*) FROM ("); ok {
		part, _, _ := strings.Cut(rest, ") AS counted")
		return part
	}
	return query
}

// TestLogPlans: each condition and each of their combinations is read from an index of one of them, in the order of the log,
// so nothing is sorted but the ranges of several values with each other. Entries are found by their ids.
func TestLogPlans(t *testing.T) {
	each(t, func(w *world) {
		f := w.fill(60)
		w.limits = limits{first: 1, batch: 1, most: 7, few: 1} // each way has its turn
		seen := &askedFor{}
		w.db.DB = w.db.WithQueryHook(seen)
		only := f.visible()
		one, two := f.customers[:1], f.customers[:2]
		for _, c := range []struct {
			f    Filter
			want []string // by which the parts are read
		}{
			{Filter{}, []string{"audit_at"}},
			{Filter{Only: only}, []string{"audit_at"}},
			{Filter{Query: "qwertz"}, []string{"audit_at"}},
			{Filter{From: f.entries[50].At, To: f.entries[5].At}, []string{"audit_at"}},
			{Filter{Customers: one}, []string{"audit_customer"}},
			{Filter{Customers: two, From: f.entries[50].At}, []string{"audit_customer"}},
			{Filter{Who: idsOfPeople(f.people[:1])}, []string{"audit_actor"}},
			{Filter{Who: idsOfPeople(f.people), To: f.entries[5].At}, []string{"audit_actor"}},
			{Filter{Actions: ActionsOf("policy.published")}, []string{"audit_action"}},
			{Filter{Actions: ActionsOf("customers"), From: f.entries[50].At}, []string{"audit_action"}},
			{Filter{Address: ParseNetwork("192.0.2.7")}, []string{"audit_address"}},
			{Filter{Address: ParseNetwork("192.0.2."), Only: only}, []string{"audit_address", "audit_at"}},
			{Filter{Transaction: f.transactions[1], Customers: one, Actions: ActionsOf("transactions")}, []string{"audit_transaction"}},
			{
				Filter{Customers: one, Who: idsOfPeople(f.people[:1]), Actions: ActionsOf("customers"), Address: ParseNetwork("192.0.2.7"), Query: "qwertz", Only: only},
				[]string{"audit_customer", "audit_actor", "audit_action", "audit_address"},
			},
		} {
			name := fmt.Sprintf("%+v", c.f)
			seen.queries = nil
			p, err := w.Page(w.ctx, c.f)
			require.NoError(t, err, name)
			if c.f.After = p.Next; p.Next != "" {
				p, err = w.Page(w.ctx, c.f)
				require.NoError(t, err, name)
				if c.f.After, c.f.Before = "", p.Prev; p.Prev != "" {
					_, err = w.Page(w.ctx, c.f)
					require.NoError(t, err, name)
				}
			}
			_, err = w.People(w.ctx, c.f)
			require.NoError(t, err, name)
			require.NotEmpty(t, seen.queries, name)
			var all string
			for _, q := range seen.queries {
				part := walkedPart(q)
				plan := w.plan(part)
				all += plan
				bad := []string{"Seq Scan on audit", "SCAN audit", "SCAN entry\n"}
				if !strings.Contains(part, "UNION ALL") && !strings.Contains(part, "id IN (") && !strings.Contains(part, "GROUP BY") {
					bad = append(bad, "Sort", "TEMP B-TREE")
				}
				for _, bad := range bad {
					assert.NotContains(t, plan, bad, "%s: %s", name, part)
				}
			}
			for _, index := range c.want {
				assert.Contains(t, all, index, name)
			}
		}
	})
}

func idsOfPeople(people []Actor) (list []uuid.UUID) {
	for _, p := range people {
		list = append(list, p.ID)
	}
	return list
}

// plan is how the database answers a query. PostgreSQL would read such a small table as a whole.
func (w *world) plan(query string) string {
	w.Helper()
	var lines []string
	if !w.db.IsPostgres() {
		var steps []struct {
			ID, Parent, Notused int
			Detail              string
		}
		w.must(w.db.NewRaw(`EXPLAIN QUERY PLAN ?`, bun.Safe(query)).Scan(w.ctx, &steps))
		for _, step := range steps {
			lines = append(lines, step.Detail)
		}
		return strings.Join(lines, "\n") + "\n"
	}
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off`); err != nil {
			return err
		}
		return tx.NewRaw(`EXPLAIN ?`, bun.Safe(query)).Scan(ctx, &lines)
	}))
	return strings.Join(lines, "\n") + "\n"
}

// TestLogIsCheapToWrite: an entry adds to no more indexes than these, each of which a page of the log or the deletion of a
// person needs.
func TestLogIsCheapToWrite(t *testing.T) {
	each(t, func(w *world) {
		var names []string
		query := `SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'audit' AND sql IS NOT NULL ORDER BY name`
		if w.db.IsPostgres() {
			query = `SELECT indexname FROM pg_indexes WHERE tablename = 'audit' AND indexname <> 'audit_pkey' ORDER BY indexname`
		}
		w.must(w.db.NewRaw(query).Scan(w.ctx, &names))
		assert.Equal(t, []string{
			"audit_action", "audit_actor", "audit_address", "audit_at", "audit_bucket", "audit_customer", "audit_subject", "audit_transaction",
		}, names)
	})
}
