package transaction

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/customer"
	"kontor/app/effort"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
	"kontor/policies/policytest"
)

// rounds is how many sets of facts the property test makes for each database: KONTOR_PROPERTY_ROUNDS, or few. A round is
// some 9,000 decisions, so
//
//	KONTOR_PROPERTY_ROUNDS=400 go test ./app/transaction -run TestListIsDecisions -timeout 2h
//
// is a night's run of 3.6 million on each.
func rounds(t *testing.T) int {
	t.Helper()
	s := os.Getenv("KONTOR_PROPERTY_ROUNDS")
	if s == "" {
		return effort.Of(8, 2)
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, "KONTOR_PROPERTY_ROUNDS = %q is no number of rounds", s)
	require.GreaterOrEqual(t, n, 1, "KONTOR_PROPERTY_ROUNDS = %q is no number of rounds", s)
	return n
}

// chance makes random facts in a world.
type chance struct {
	*world
	*rand.Rand
	people       []account.Caller
	customers    []customer.Customer
	transactions []Transaction
	decided      int
}

// TestListIsDecisions: for random policies and random facts, all pages of a person's list together are exactly what
// single decisions let the person read, and those of a random filter are what of it the filter lets through, from any
// cursor. The same holds for the lists of single customers, for the condition Within, and for the count (S24). After every
// change of the facts, the index agrees with them.
func TestListIsDecisions(t *testing.T) {
	decided := 0
	for i := range rounds(t) {
		each(t, func(t *testing.T, w *world) {
			c := &chance{world: w, Rand: rand.New(rand.NewPCG(uint64(i), 24))}
			c.facts()
			for range 8 {
				c.policy()
				c.shuffle(6)
				if len(c.transactions) > 0 && c.IntN(3) == 0 {
					c.limit(limits{first: 1 + c.IntN(20), batch: 1 + c.IntN(70), count: 100, sample: c.IntN(5), own: []int{0, 20, 5_000}[c.IntN(3)]})
				}
				for _, p := range c.people {
					c.compare(p)
				}
			}
			decided += c.decided
		})
		require.False(t, t.Failed(), "in round %d", i)
	}
	assert.GreaterOrEqual(t, decided, effort.Of(50_000, 10_000), "only %d decisions", decided)
	t.Logf("%d decisions", decided)
}

// facts adds people with several roles, customers, transactions, and who is what to them.
func (c *chance) facts() {
	for i := range 10 {
		p := c.Person(fmt.Sprintf("Person %d", i/2), true, policytest.Roles(c.Rand)...)
		c.people = append(c.people, p)
	}
	for i := range c.people { // the last ones are deputies
		if i >= 7 {
			for range 1 + c.IntN(2) {
				c.people[i].For = append(c.people[i].For, c.people[c.IntN(7)].ID)
			}
		}
	}
	for i := range 5 {
		c.customers = append(c.customers, c.addCustomer(c.anna, fmt.Sprintf("Kunde%d", []int{0, 1, 2, 3, 1}[i])))
	}
	c.Must(policytest.Publish(c.decider, 0, policies.Default))
	far := c.IntN(2) == 0 // numbers are in several blocks of PostgreSQL's search index
	kinds := append(slices.Clone(policytest.Kinds), policytest.Unnamed)
	named := map[uuid.UUID]int{} // transactions of several customers have the same name
	for i := range 60 {
		if i%4 == 0 {
			c.shuffle(2)
		}
		if far && c.IntN(4) == 0 { // the next number is the last or the first one of a block
			last, err := Counter.Last(c.Ctx, c.db)
			c.Must(err)
			c.continueAfter((last>>blockBits+1+c.Int64N(3))<<blockBits - 1 - c.Int64N(2))
		}
		cu := c.customers[min(c.IntN(7), 4)] // one has the most
		name := fmt.Sprintf("Vorgang %d", named[cu.ID])
		named[cu.ID]++
		t, _, err := c.Create(context.Background(), c.anna, cu.ID, Form{Name: name, Kind: kinds[c.IntN(len(kinds))]})
		c.Must(err)
		var responsible uuid.NullUUID
		if i := c.IntN(len(c.people) + 5); i < len(c.people) {
			responsible = store.NullID(c.people[i].ID)
		}
		c.Exec(`UPDATE transactions SET status = ?, due = ?, responsible_id = ? WHERE number = ?`, Statuses[c.IntN(3)], dues[c.IntN(len(dues))], responsible, t.Number)
		if named[cu.ID] == 3 { // a name of an earlier version, which has no letters to sort by
			c.Exec(`UPDATE transactions SET name = ?, name_folded = ? WHERE number = ?`, "!?", "!?", t.Number)
		}
		c.transactions = append(c.transactions, t)
	}
	c.shuffle(30)
	if c.IntN(2) == 0 { // one is deleted, or is being deleted
		boss := account.Caller{ID: c.anna.ID, Name: "Boss", Roles: []policies.Role{policies.Specialist, policies.DataAdministrator}}
		gone := c.customers[c.IntN(4)]
		if c.IntN(2) == 0 {
			_, err := c.world.customers.Delete(context.Background(), boss, gone.ID, gone.Label())
			c.Must(err)
		} else {
			c.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, gone.ID)
		}
		c.customers = slices.DeleteFunc(c.customers, func(cu customer.Customer) bool { return cu.ID == gone.ID })
		c.transactions = slices.DeleteFunc(c.transactions, func(t Transaction) bool { return t.CustomerID == gone.ID })
		c.checkIndex()
	}
}

// dues are due dates on both sides of testNow.
var dues = []string{"", "2026-11-20", "2026-11-24", "2026-12-01", "2026-12-24"}

// filter makes a random filter; a part of them finds nothing.
func (c *chance) filter() (f Filter) {
	words := []string{"vorgang", "vor", "v", "1", "3", "kunde2", "kunde", "berta", "ang 4", "de3 vorg", "qwertz", "v-10011", "a b"}
	if c.IntN(2) == 0 {
		f.Query = words[c.IntN(len(words))]
	}
	if c.IntN(3) == 0 {
		f.Kind = policytest.Kinds[c.IntN(len(policytest.Kinds))]
	}
	if c.IntN(3) == 0 {
		f.Status = Statuses[c.IntN(len(Statuses))]
	}
	if c.IntN(4) == 0 {
		f.Due = Dues[c.IntN(len(Dues))]
	}
	if c.IntN(4) == 0 {
		f.Responsible = []string{Me, Nobody, c.people[c.IntN(len(c.people))].ID.String(), newID().String()}[c.IntN(4)]
	}
	return f
}

// finds says whether a filter lets a transaction with a search text through: what queries ask for, told once more.
func (f Filter) finds(p account.Caller, r row, search, today, week string) bool {
	terms, _ := parseQuery(f.Query)
	for _, needle := range terms.Needles {
		if !strings.Contains(search, needle) {
			return false
		}
	}
	open := r.Due != "" && r.Status != Closed
	switch f.Responsible {
	case "":
	case Me:
		if r.ResponsibleID.UUID != p.ID {
			return false
		}
	case Nobody:
		if r.ResponsibleID.Valid {
			return false
		}
	default:
		if r.ResponsibleID.UUID.String() != f.Responsible {
			return false
		}
	}
	return (f.Kind == "" || r.Kind == f.Kind) && (f.Status == "" || r.Status == f.Status) &&
		(f.Due != Overdue || open && r.Due < today) && (f.Due != ThisDue || open && r.Due >= today && r.Due <= week) &&
		(f.Due != NoDue || r.Due == "")
}

// compareFilter holds the list of a random filter against those of the rows of a person's list that the filter finds: all
// pages, and a page from any cursor.
func (c *chance) compareFilter(p account.Caller, readable []row) {
	c.Helper()
	f, search := c.filter(), map[uuid.UUID]string{}
	var texts []struct {
		ID     uuid.UUID `bun:"id"`
		Search string    `bun:"search"`
	}
	c.Must(c.db.NewRaw(`SELECT id, search FROM transactions`).Scan(context.Background(), &texts))
	for _, t := range texts {
		search[t.ID] = t.Search
	}
	week := testNow.AddDate(0, 0, 7).Format(time.DateOnly)
	var want []int64
	for _, r := range readable {
		if f.finds(p, r, search[r.ID], c.Today(), week) {
			want = append(want, r.Number)
		}
	}
	require.Equal(c, want, numbersIn(c.all(p, f)), "%s: %+v by %+v", p.Name, f, c.limits)
	c.compareWays(p, f, want)
	found := slices.DeleteFunc(slices.Clone(readable), func(r row) bool { return !slices.Contains(want, r.Number) })
	c.compareExport(p, f, found)
	c.compareWork(p, f, slices.Clone(found))
	c.compareSort(p, f, slices.Clone(found))
	if len(want) == 0 {
		return
	}
	at := c.IntN(len(want))
	f.After = encode(want[at])
	page, err := c.List(context.Background(), p, f)
	c.Must(err)
	after := want[at+1:]
	if len(after) == 0 { // the end leads to the first page
		after = want
	}
	require.Equal(c, after[:min(len(after), listing.PageSize)], numbersIn(page.Rows), "%s: %+v after the row %d of %d", p.Name, f, at, len(want))
}

// compareExport holds the export of a filter against what it found, of which the caller may export a part.
func (c *chance) compareExport(p account.Caller, f Filter, found []row) {
	c.Helper()
	var want, got []int64
	for _, r := range found {
		may, err := c.Allows(p, r.transaction(), policies.Export)
		c.Must(err)
		if may {
			want = append(want, r.Number)
		}
	}
	err := c.Export(c.Ctx, p, f, func(t Transaction) error {
		got = append(got, t.Number)
		return nil
	})
	if err != nil {
		require.ErrorIs(c, err, policies.ErrForbidden)
		require.Equal(c, c.MayExport(p), err)
	}
	require.Equal(c, want, got, "%s: the export of %+v by %+v", p.Name, f, c.limits)
	f.Sort = ByWork
	var again []int64
	if err == nil {
		c.Must(c.Export(c.Ctx, p, f, func(t Transaction) error {
			again = append(again, t.Number)
			return nil
		}))
	}
	require.ElementsMatch(c, want, again, "%s: the export of the work list of %+v by %+v", p.Name, f, c.limits)
}

// compareWays reads a random reading by each way of the list alone: all find the same.
func (c *chance) compareWays(p account.Caller, f Filter, all []int64) {
	c.Helper()
	ctx := context.Background()
	l, ok, err := c.list(ctx, p, uuid.Nil, f)
	c.Must(err)
	if !ok {
		return
	}
	r, want := reading{Limit: 1 + c.IntN(70)}, slices.Clone(all)
	if len(all) > 0 && c.IntN(3) > 0 {
		from := all[c.IntN(len(all))] + int64(c.IntN(3)) - 1
		r.From, r.Back = &from, c.IntN(2) == 0
		want = slices.DeleteFunc(want, func(n int64) bool { return n == from || (n > from) != r.Back })
	}
	if r.Back {
		slices.Reverse(want)
	}
	for i, w := range l.ways(r) {
		for !w.done {
			c.Must(w.read(ctx, w, w.next(l.limits.batch)))
		}
		require.Equal(c, append([]int64(nil), want[:min(len(want), r.Limit)]...), w.hits, "%s: %+v by the way %d, reading %+v", p.Name, f, i, r)
	}
}

func numbersIn(list []Transaction) (numbers []int64) {
	for _, t := range list {
		numbers = append(numbers, t.Number)
	}
	return numbers
}

// shuffle changes the facts n times.
func (c *chance) shuffle(n int) {
	c.Helper()
	ctx := context.Background()
	for range n {
		p, cu := c.people[c.IntN(7)], c.customers[c.IntN(len(c.customers))]
		var t Transaction
		if len(c.transactions) > 0 {
			t = c.transactions[c.IntN(len(c.transactions))]
		}
		switch c.IntN(8) {
		case 0:
			c.access(cu.ID, p.ID)
		case 1:
			c.Exec(`UPDATE access SET deactivated_at = ? WHERE account_id = ? AND customer_id = ?`, c.Now(), p.ID, cu.ID)
		case 2, 3:
			c.addAdministrator(cu, p)
		case 4:
			c.InTx(func(_ context.Context, tx bun.Tx) error {
				_, _, err := assignment.RemoveAdministrator(ctx, tx, cu.ID, p.ID)
				return err
			})
		case 5:
			if t.ID != uuid.Nil {
				c.InTx(func(_ context.Context, tx bun.Tx) error {
					_, _, err := assignment.RemoveProcessor(ctx, tx, t.CustomerID, p.ID, t.ID)
					return err
				})
			}
		default:
			if t.ID != uuid.Nil {
				c.addProcessor(t, p)
			}
		}
	}
	c.checkIndex()
}

func (c *chance) checkIndex() {
	c.Helper()
	diff, err := assignment.Check(context.Background(), c.db, 5)
	require.NoError(c, err, "index and facts differ")
	require.Empty(c, diff, "index and facts differ")
}

// policy puts a random policy in force; every third lets all read customers, so that the lists of single ones are asked.
func (c *chance) policy() {
	c.Helper()
	doc := policytest.Random(c.Rand)
	if c.IntN(3) == 0 {
		for _, r := range policies.Roles {
			rule := policies.Rule{
				Role: r, Relation: policies.Anything, Object: policies.ObjectCustomer, Kind: policies.Anything, Action: policies.Read, Effect: policies.Allow,
			}
			if !slices.Contains(doc.Rules, rule) {
				doc.Rules = append(doc.Rules, rule)
			}
		}
	}
	c.Must(policytest.Publish(c.decider, 1, doc.String()))
}

// compare holds a person's lists against decisions on each transaction.
func (c *chance) compare(p account.Caller) {
	c.Helper()
	ctx := context.Background()
	var rows []row
	c.Must(c.rows(c.db, p).OrderExpr(`t.number DESC`).Scan(ctx, &rows))
	var want []uuid.UUID
	var readable []row
	of, process := map[uuid.UUID][]uuid.UUID{}, map[uuid.UUID]bool{}
	for _, r := range rows {
		t := r.transaction()
		may, err := c.Allows(p, t, policies.Read)
		c.Must(err)
		if c.IntN(20) == 0 { // for some, page by page to the end
			got, err := c.Get(ctx, p, t.ID)
			require.Equal(c, err == nil, may, "%s reads %s:; decided", p.Name, t.Label())
			require.False(c, err != nil && !errors.Is(err, ErrNotFound), "%s reads %s", p.Name, t.Label())
			require.False(c, may && got.Relation != t.Relation, "%s reads %s", p.Name, t.Label())
		}
		if may {
			want, readable = append(want, t.ID), append(readable, r)
			of[t.CustomerID] = append(of[t.CustomerID], t.ID)
		}
		process[t.ID], err = c.Allows(p, t, policies.Process)
		c.Must(err)
		c.decided += 2
	}
	var got []uuid.UUID
	for _, t := range c.all(p, Filter{}) {
		got = append(got, t.ID)
	}
	require.Equal(c, want, got, c.decider.Document())
	c.compareFilter(p, readable)
	c.compareOrders(p, readable)
	for _, cu := range c.customers {
		page, err := c.OfCustomer(ctx, p, cu.ID, Filter{})
		if errors.Is(err, customer.ErrNotFound) {
			continue
		}
		c.Must(err)
		got = nil
		for _, t := range page.Rows {
			got = append(got, t.ID)
		}
		expected := of[cu.ID]
		require.Equal(c, expected[:min(len(expected), listing.PageSize)], got, "decisions say")
		require.Equal(c, len(expected), page.Count, "%s lists %d (count %d) of a customer", p.Name, len(got), page.Count)
	}
	for action, may := range map[policies.Action]func(uuid.UUID) bool{
		policies.Read:    func(id uuid.UUID) bool { return slices.Contains(want, id) },
		policies.Process: func(id uuid.UUID) bool { return process[id] },
	} {
		within, nothing, err := c.Within(p, action, "w")
		c.Must(err)
		var ids []uuid.UUID
		c.Must(c.db.NewRaw(`SELECT w.id FROM transactions AS w WHERE ?`, store.All(within)).Scan(ctx, &ids))
		for _, r := range rows {
			require.Equal(c, may(r.ID), slices.Contains(ids, r.ID), "within, decided")
			require.False(c, nothing && may(r.ID), "%s may %s %s", p.Name, action, Label(r.Number))
		}
	}
}
