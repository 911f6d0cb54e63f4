package transaction

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store/storetest"
)

// asked remembers the queries by which lists read their parts.
type asked struct{ parts []string }

func (a *asked) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (a *asked) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if strings.HasPrefix(e.Query, `WITH walked`) {
		a.parts = append(a.parts, e.Query)
	}
}

// walkedPart matches the rows of a part in its query.
var walkedPart = regexp.MustCompile(`(?s)^WITH walked AS MATERIALIZED \((.*)\) SELECT total\.seen`)

// TestListPlans: each way of each list reads one range of an index, in the order of the list, so nothing is sorted but the
// page. The rows themselves are found by their numbers.
func TestListPlans(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for i := range 30 {
			_, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: fmt.Sprint("Vertrag ", i), Kind: "contract", Due: "2026-11-01"})
			w.Must(err)
		}
		w.limit(limits{first: 1, batch: 1, count: 9}) // each way has its turn
		seen := &asked{}
		w.db.DB = w.db.WithQueryHook(seen)
		words := `transaction_search VIRTUAL TABLE`
		if w.db.IsPostgres() {
			words = `Bitmap Index Scan on transaction_search`
		}
		const visible, newest = `transaction_visible_number`, `transactions_pkey`
		for _, c := range []struct {
			who  account.Caller
			f    Filter
			want []string // by which the parts are read
		}{
			{w.anna, Filter{}, []string{visible}},
			{w.anna, Filter{Kind: "other"}, []string{visible, "transactions_kind"}},
			{w.anna, Filter{Status: Closed}, []string{visible, "transactions_status"}},
			{w.anna, Filter{Due: ThisDue}, []string{visible, "transactions_due"}},
			{w.anna, Filter{Query: "qwertz"}, []string{visible, words}},
			{w.anna, Filter{Query: "vertrag 7"}, []string{visible, words}},
			{w.anna, Filter{Query: "v", Kind: "other", Status: Closed}, []string{visible, words}},
			{w.auditor, Filter{}, []string{newest}},
			{w.auditor, Filter{Kind: "contract"}, []string{"transactions_kind"}},
			{w.auditor, Filter{Status: Open}, []string{"transactions_status"}},
			{w.auditor, Filter{Query: "qwertz"}, []string{newest, words}},
			{w.anna, Filter{Customer: w.customer.Label(), Kind: "other"}, []string{"transactions_customer"}},
		} {
			name := fmt.Sprintf("%+v for %s", c.f, c.who.Name)
			seen.parts = nil
			_, err := w.List(ctx, c.who, c.f)
			require.NoError(t, err, name)
			require.NotEmpty(t, seen.parts, name)
			var all string
			for _, part := range seen.parts {
				rows := walkedPart.FindStringSubmatch(part)
				require.Len(t, rows, 2, part)
				plan := w.plan(rows[1])
				all += plan
				for _, bad := range []string{"Sort", "TEMP B-TREE", "Seq Scan", "SCAN v"} {
					assert.NotContains(t, plan, bad, "%s: %s", name, rows[1])
				}
				whole := w.plan(part)
				assert.NotContains(t, whole, "Seq Scan on transactions", "%s: %s", name, part)
				assert.NotContains(t, whole, "SCAN transactions", "%s: %s", name, part)
			}
			for _, index := range c.want {
				if index == newest && !w.db.IsPostgres() {
					index = "SCAN t" // SQLite's table has the order of the numbers
				}
				assert.Contains(t, all, index, name)
			}
		}
	})
}

// TestSortPlans: who sees all transactions reads each order along indexes, from any row in both directions, and nothing is
// sorted but the transactions of a customer. What somebody sees, or a filter finds, is read and sorted if it is little.
func TestSortPlans(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 30 {
			w.create(w.anna, w.customer, fmt.Sprint("Vertrag ", i))
		}
		w.Exec(`UPDATE transactions SET due = '2026-11-01', status = 'closed' WHERE number > 10020`)
		for _, c := range []struct {
			f    Filter
			want []string // of each range
		}{
			{Filter{Sort: byName}, []string{"transactions_name"}},
			{Filter{Sort: byName, Kind: "other"}, []string{"transactions_name"}},
			{Filter{Sort: byCustomer}, []string{"customer_name"}},
			{Filter{Sort: byCustomer, Status: Open}, []string{"customer_name"}},
			{Filter{Sort: byKind, Kind: "other"}, []string{"transactions_kind"}},
			{Filter{Sort: byStatus}, []string{"transactions_status", "transactions_status", "transactions_status"}},
			{Filter{Sort: byDue}, []string{"transactions_due", "transactions_due_closed", "transactions_due", "transactions_due_closed"}},
			{Filter{Sort: byDue, Kind: "other", Status: Open}, []string{"transactions_kind_due", "transactions_kind_due"}},
			{Filter{Sort: byDue, Responsible: Me, Status: InReview}, []string{"transactions_responsible_due", "transactions_responsible_due"}},
			{Filter{Sort: byResponsible}, []string{"account_specialists", "transactions_nobody"}},
			{Filter{Sort: byResponsible, Kind: "other", Responsible: Nobody}, []string{"transactions_nobody"}},
			{Filter{Sort: byDue, Due: Overdue}, []string{"transactions_due"}},
			{Filter{Sort: byDue, Due: NoDue, Status: Closed}, []string{"transactions_due_closed"}},
		} {
			for _, sort := range []string{c.f.Sort, "-" + c.f.Sort} {
				f := c.f
				f.Sort = sort
				l, ok, err := w.list(w.Ctx, w.auditor, uuid.Nil, f)
				w.Must(err)
				require.True(t, ok)
				sorted := sortedList{l}
				var indexes []string
				for _, phase := range sorted.phases() {
					from := &sortKey{Phase: phase, Text: "2026-11-01", Owner: 10_001, Person: w.anna.ID.String(), Number: 10_010}
					for _, r := range []sortReading{{Limit: 51}, {Limit: 51, Back: true}, {Limit: 51, From: from}, {Limit: 51, From: from, Back: true}} {
						for _, q := range sorted.ranges(phase, r) {
							plan := w.plan(q.String(), "sort")
							name := fmt.Sprintf("%+v, %+v: %s\n%s", f, r, q, plan)
							assert.NotContains(t, strings.ReplaceAll(plan, "Incremental Sort", ""), "Sort  (", name)
							assert.NotContains(t, plan, "Seq Scan on transactions", name)
							assert.NotContains(t, plan, "Seq Scan on customer", name)
							assert.NotContains(t, plan, "Seq Scan on account", name)
							assert.NotContains(t, plan, "TEMP B-TREE", name)
							if r.From != nil { // a later page costs as much as the first one
								assert.NotContains(t, plan, "SCAN t", name)
								assert.NotContains(t, plan, "SCAN c ", name)
								assert.NotContains(t, plan, "SCAN p ", name)
							}
							if r.From == nil && !r.Back {
								indexes = append(indexes, usedIndex.FindString(plan))
							}
						}
					}
				}
				assert.ElementsMatch(t, c.want, indexes, "%+v", f)
			}
		}
		seen := &gathered{}
		w.db.DB = w.db.WithQueryHook(seen)
		for _, c := range []struct {
			who   account.Caller
			f     Filter
			reads bool // it reads and sorts them
		}{
			{w.anna, Filter{Sort: byName}, true},
			{w.auditor, Filter{Sort: byName}, false},
			{w.auditor, Filter{Sort: byName, Kind: "other"}, true},
			{w.auditor, Filter{Sort: byCustomer, Due: Overdue}, true},
			{w.auditor, Filter{Sort: byKind, Due: NoDue}, true},
			{w.auditor, Filter{Sort: byStatus, Responsible: Me}, true},
			{w.auditor, Filter{Sort: byDue, Responsible: Nobody}, true},
			{w.auditor, Filter{Sort: byDue}, false},
			{w.auditor, Filter{Sort: byResponsible}, false},
		} {
			*seen = gathered{}
			_, err := w.List(w.Ctx, c.who, c.f)
			require.NoError(t, err)
			assert.Equal(t, c.reads, seen.walks == "", "%+v for %s is read along the indexes: %s", c.f, c.who.Name, seen.walks)
			for _, query := range seen.gathers {
				plan := w.plan(query)
				assert.NotContains(t, plan, "Seq Scan on transactions", query)
				assert.NotContains(t, plan, "SCAN t\n", query)
			}
			if w.db.IsPostgres() && !c.reads {
				plan := w.plan(seen.walks, "sort")
				assert.NotContains(t, plan, "cost=1000000", "a plan that was to be avoided: %s", plan)
			}
		}
	})
}

// usedIndex matches the first index of a plan that is not for the rights of the caller or the customers that are being deleted.
var usedIndex = regexp.MustCompile(`transactions_\w+|customer_name|account_specialists`)

// gathered remembers how lists are sorted.
type gathered struct {
	gathers []string
	walks   string
}

func (g *gathered) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (g *gathered) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if strings.HasPrefix(e.Query, `WITH own`) {
		g.gathers = append(g.gathers, e.Query)
	}
	if strings.Contains(e.Query, `AS part LIMIT`) {
		g.walks = e.Query
	}
}

// TestAbsentWordIsAskedFewTimes: however many blocks of numbers there are, a word that does not occur, or hardly, takes the
// same few queries, and none of them names blocks.
func TestAbsentWordIsAskedFewTimes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range limitsOf().first { // their own first part does not have all
			w.create(w.anna, w.customer, fmt.Sprint("Brief ", i))
		}
		seen := &asked{}
		w.db.DB = w.db.WithQueryHook(seen)
		for _, blocks := range []int64{1, 40, 4000} {
			w.continueAfter(blocks << blockBits)
			w.create(w.anna, w.customer, fmt.Sprint("Vertrag ", blocks))
			w.sample(0.001, sampledText{20_000, " brief"}) // which has none of them
			for _, who := range []account.Caller{w.anna, w.auditor} {
				for _, query := range []string{"qwertz", "vertrag"} {
					seen.parts = nil
					_, err := w.List(w.Ctx, who, Filter{Query: query})
					require.NoError(t, err)
					assert.LessOrEqual(t, len(seen.parts), 2, "%q in %d blocks", query, blocks)
					_, err = w.First(w.Ctx, who, Filter{Query: query}, 5)
					require.NoError(t, err)
					for _, part := range seen.parts {
						assert.NotContains(t, part, `&& ARRAY[`, "%q in %d blocks", query, blocks)
					}
				}
			}
		}
	})
}

// TestFoundByIndex: the rows that match are among those that PostgreSQL's index is expected to find, which can be more: to it
// a kind begins a word.
func TestFoundByIndex(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t)) // SQLite's index has no blocks
	for _, name := range []string{"Brief", "Tante", "O'Brien", "Vertrag 100% (Köln)", "Ärger_mit_Strichen", "a-b-c", "ab 12"} {
		_, _, err := w.Create(w.Ctx, w.anna, w.customer.ID, Form{Name: name, Kind: "tax_return"})
		w.Must(err)
	}
	w.sampleAll()
	for _, c := range []struct {
		f              Filter
		found, matches int
	}{
		{Filter{Query: "t"}, 7, 1}, {Filter{Query: "brief t"}, 1, 0}, {Filter{Query: "tan"}, 1, 1}, {Filter{Query: "x"}, 0, 0}, {Filter{Query: "brie"}, 2, 2},
		{Filter{Query: "o'b"}, 1, 1}, {Filter{Query: "köln"}, 1, 1}, {Filter{Query: "rger_mit_str"}, 1, 1},
		{Filter{Query: "a-b-c"}, 1, 1}, {Filter{Query: "12"}, 1, 1}, {Filter{Query: "brief", Kind: "tax_return"}, 1, 1},
		{Filter{Query: "brief", Kind: "contract"}, 0, 0}, {Filter{Query: "return"}, 7, 7},
	} {
		l, _, err := w.list(w.Ctx, w.anna, uuid.Nil, c.f)
		w.Must(err)
		m := l.expect(w.Ctx)
		assert.Equal(t, []int{c.found, c.matches}, []int{len(m.found), len(m.blocks)}, "%+v", c.f)
	}
}

// TestExpectedBlocks: a sample tells how many rows some blocks have, and which blocks have the next rows.
func TestExpectedBlocks(t *testing.T) {
	m := matches{blocks: []int64{2, 2, 5, 5, 5, 90}, found: []int64{2, 2, 5, 5, 5, 7, 90}, share: 0.1}
	for _, c := range []struct {
		from, to int64
		want     int
	}{{0, 100, 70}, {0, 1, 0}, {2, 2, 20}, {3, 4, 0}, {0, 5, 50}, {5, 89, 40}, {90, 90, 10}, {91, 1000, 0}} {
		assert.Equal(t, c.want, m.rows(c.from, c.to), "%+v", c)
	}
	for _, c := range []struct {
		n           int
		from, to    int64
		back        bool
		first, last int64
	}{
		{n: 10, from: 0, to: 100, first: 90, last: 100},
		{n: 1, from: 0, to: 100, first: 99, last: 100}, // a tenth of them
		{n: 20, from: 0, to: 100, first: 5, last: 100},
		{n: 40, from: 0, to: 100, first: 5, last: 100},
		{n: 11, from: 0, to: 100, first: 48, last: 100},
		{n: 41, from: 0, to: 100, first: 19, last: 100},
		{n: 1000, from: 0, to: 100, first: 0, last: 100},
		{n: 10, from: 0, to: 4, first: 2, last: 4},
		{n: 10, from: 3, to: 4, first: 3, last: 4},
		{n: 10, from: 0, to: 1, first: 0, last: 1},
		{n: 10, from: 0, to: 1000, first: 1000 - mostBlocks + 1, last: 1000},
		{n: 10, from: 0, to: 100, back: true, first: 0, last: 2},
		{n: 1, from: 0, to: 100, back: true, first: 0, last: 0},
		{n: 30, from: 0, to: 100, back: true, first: 0, last: 5},
		{n: 10, from: 6, to: 100, back: true, first: 6, last: 90},
		{n: 10, from: 6, to: 50, back: true, first: 6, last: 50},
		{n: 100, from: 0, to: 1000, back: true, first: 0, last: mostBlocks - 1},
	} {
		first, last := m.first(c.n, c.from, c.to, c.back)
		assert.Equal(t, []int64{c.first, c.last}, []int64{first, last}, "%+v", c)
	}
	assert.Equal(t, 0, matches{}.rows(0, 100), "without a sample")
	first, last := matches{}.first(100, 0, 7, false)
	assert.Equal(t, []int64{7, 7}, []int64{first, last}, "without a sample")
}

// plan is how the database answers a query. PostgreSQL would read such a small table as a whole.
func (w *world) plan(query string, avoiding ...string) string {
	w.Helper()
	var lines []string
	if !w.db.IsPostgres() {
		var steps []struct {
			ID, Parent, Notused int
			Detail              string
		}
		w.Must(w.db.NewRaw(`EXPLAIN QUERY PLAN `+query).Scan(context.Background(), &steps))
		for _, step := range steps {
			lines = append(lines, step.Detail)
		}
		return strings.Join(lines, "\n")
	}
	w.InTx(func(ctx context.Context, tx bun.Tx) error {
		for _, scan := range append(avoiding, "seqscan") {
			if _, err := tx.ExecContext(ctx, `SET LOCAL enable_`+scan+` = off`); err != nil {
				return err
			}
		}
		return tx.NewRaw(`EXPLAIN `+query).Scan(ctx, &lines)
	})
	return strings.Join(lines, "\n")
}
