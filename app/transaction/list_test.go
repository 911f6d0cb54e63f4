package transaction

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/customer"
	"kontor/app/listing"
	"kontor/policies"
	"kontor/policies/policytest"
)

// TestListFor: a list has exactly what the person may read, newest first, and its count contains nothing else.
func TestListFor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one, two := w.create(w.anna, w.customer, "Eins"), w.create(w.anna, w.customer, "Zwei")
		other := w.addCustomer(w.clara, "Lang")
		three := w.create(w.clara, other, "Drei")
		w.addProcessor(two, w.ben)
		w.addProcessor(three, w.ben)
		w.access(w.customer.ID, w.end.ID)
		both := w.Person("Beides", true, policies.Specialist, policies.EndUser)
		w.access(other.ID, both.ID)
		w.addProcessor(one, both)
		deputy := w.Person("Vertretung", true, policies.Specialist)
		deputy.For = []uuid.UUID{w.ben.ID, w.anna.ID}
		for _, c := range []struct {
			who  account.Caller
			want []string
		}{
			{w.anna, []string{"Zwei", "Eins"}},
			{w.ben, []string{"Drei", "Zwei"}},
			{w.clara, []string{"Drei"}},
			{w.auditor, []string{"Drei", "Zwei", "Eins"}},
			{w.templates, nil},
			{w.end, []string{"Zwei", "Eins"}},
			{both, []string{"Drei", "Eins"}},
			{deputy, []string{"Drei", "Zwei", "Eins"}},
			{account.Caller{}, nil},
		} {
			assert.Equal(t, c.want, w.names(c.who, Filter{}), "%s sees", c.who.Name)
		}
		w.Exec(`UPDATE access SET deactivated_at = ? WHERE account_id = ?`, w.Now(), w.end.ID)
		assert.Empty(t, w.names(w.end, Filter{}), "with a deactivated access")
		w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, w.customer.ID)
		for _, c := range []struct {
			who  account.Caller
			want []string
		}{{w.anna, nil}, {w.ben, []string{"Drei"}}, {w.auditor, []string{"Drei"}}, {deputy, []string{"Drei"}}} {
			assert.Equal(t, c.want, w.names(c.who, Filter{}), "while a customer is being deleted %s sees", c.who.Name)
		}
		_, err := w.OfCustomer(context.Background(), w.anna, w.customer.ID, Filter{})
		assert.ErrorIs(t, err, customer.ErrNotFound, "list of a customer that is being deleted")
	})
}

// TestListMasks: a deny for one relation also holds for a person with two relations, whether they are the person's own
// or as a deputy.
func TestListMasks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Must(policytest.Publish(w.decider, 1, `p, specialist, administrator, transaction, *, create, allow
p, specialist, *, customer, *, read, allow
p, specialist, administrator, transaction, *, read, allow
p, specialist, processor, transaction, contract, read, allow
p, specialist, access, transaction, contract, read, deny
p, end_user, access, transaction, *, read, allow
p, specialist, processor, transaction, tax_return, read, deny`))
		ctx := context.Background()
		for _, kind := range []string{"contract", "tax_return", "other"} {
			tr, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: kind, Kind: kind})
			w.Must(err)
			w.addProcessor(tr, w.ben)
		}
		w.access(w.customer.ID, w.end.ID)
		both := w.Person("Beides", true, policies.Specialist, policies.EndUser)
		w.access(w.customer.ID, both.ID)
		deputy := w.Person("Vertretung", true, policies.Specialist)
		deputy.For = []uuid.UUID{w.ben.ID, w.anna.ID}
		for _, c := range []struct {
			who  account.Caller
			want []string
		}{
			{w.anna, []string{"other", "tax_return", "contract"}},
			{w.ben, []string{"contract"}},
			{deputy, []string{"other", "contract"}},
			{w.end, []string{"other", "tax_return", "contract"}},
			{both, []string{"other", "tax_return"}},
		} {
			assert.Equal(t, c.want, w.names(c.who, Filter{}), "%s sees", c.who.Name)
		}
	})
}

// TestListFilters: filters and words, alone and combined, for people who see by relation, for one customer, and for
// all.
func TestListFilters(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		add := func(cu customer.Customer, f Form, to Status) Transaction {
			tr, _, err := w.Create(ctx, w.anna, cu.ID, f)
			w.Must(err)
			if to != Open {
				tr, err = w.SetStatus(ctx, w.anna, tr.ID, tr.Version, to)
				w.Must(err)
			}
			return tr
		}
		add(w.customer, Form{Name: "Einkommensteuer 2024", Kind: "tax_return", Due: "2026-11-23"}, Open)
		add(w.customer, Form{Name: "Einkommensteuer 2023", Kind: "tax_return", Due: "2026-11-01"}, Closed)
		lang := w.addCustomer(w.anna, "Läng")
		add(lang, Form{Name: "Mietvertrag", Kind: "contract", Due: "2026-11-24"}, InReview)
		add(lang, Form{Name: "Darlehen 100%", Kind: "loan_application", Due: "2026-12-01"}, Open)
		add(lang, Form{Name: "Brief", Kind: "correspondence", Due: "2026-12-02"}, Open)
		add(lang, Form{Name: "Notiz"}, Open)
		for _, c := range []struct {
			f    Filter
			want []string
		}{
			{Filter{Kind: "tax_return"}, []string{"Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Kind: "annual_accounts"}, nil},
			{Filter{Status: InReview}, []string{"Mietvertrag"}},
			{Filter{Status: Closed, Kind: "tax_return"}, []string{"Einkommensteuer 2023"}},
			{Filter{Due: Overdue}, []string{"Einkommensteuer 2024"}},
			{Filter{Due: ThisDue}, []string{"Darlehen 100%", "Mietvertrag"}},
			{Filter{Due: NoDue}, []string{"Notiz"}},
			{Filter{Due: Overdue, Status: Closed}, nil},
			{Filter{Customer: w.customer.Label()}, []string{"Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Customer: lang.ID.String(), Kind: "contract"}, []string{"Mietvertrag"}},
			{Filter{Customer: "K-99999"}, nil},
			{Filter{Customer: "nonsense"}, nil},
			{Filter{Query: "steuer"}, []string{"Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Query: "2024 STEUER"}, []string{"Einkommensteuer 2024"}},
			{Filter{Query: "V-10003"}, []string{"Mietvertrag"}},
			{Filter{Query: "v-10003 miet"}, []string{"Mietvertrag"}},
			{Filter{Query: "laeng"}, []string{"Notiz", "Brief", "Darlehen 100%", "Mietvertrag"}},
			{Filter{Query: "berta kuhn"}, []string{"Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Query: "d"}, []string{"Darlehen 100%"}},
			{Filter{Query: "n läng"}, []string{"Notiz"}},
			{Filter{Query: "leh 100%"}, []string{"Darlehen 100%"}},
			{Filter{Query: "%"}, []string{"Notiz", "Brief", "Darlehen 100%", "Mietvertrag", "Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Query: "läng", Status: Open, Due: ThisDue}, []string{"Darlehen 100%"}},
			{Filter{Query: "d", Kind: "loan_application"}, []string{"Darlehen 100%"}},
			{Filter{Query: "qwertz"}, nil},
			{Filter{Query: "steuer' OR 1=1"}, nil},
		} {
			deputy := account.Caller{ID: newID(), Name: "Vertretung", Roles: w.anna.Roles, For: []uuid.UUID{w.anna.ID}}
			for _, who := range []account.Caller{w.anna, w.auditor, deputy} {
				// The result is the same by the walk alone, by the indexes at once, and by both.
				for _, l := range []limits{
					limitsOf(), {first: 1, batch: 1, count: 9}, {first: 2, batch: 3, count: 9}, {first: 1, batch: 1000, count: 9},
					{first: 1, batch: 1000, count: 9, sample: 2},
				} {
					w.limit(l)
					assert.Equal(t, c.want, w.names(who, c.f), "%+v for %s by %+v", c.f, who.Name, l)
				}
				w.limit(limitsOf())
			}
			assert.Empty(t, w.names(w.clara, c.f), "%+v for who sees nothing", c.f)
		}
	})
}

// TestWaysAtBlocks: each way of a search finds the rows at the ends of PostgreSQL's blocks of numbers, in both directions
// and from any number.
func TestWaysAtBlocks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		var all []int64
		for block := int64(1); block <= 12; block++ {
			for _, number := range []int64{block<<blockBits - 1, block << blockBits, block<<blockBits + 1} {
				w.continueAfter(number - 1)
				w.create(w.anna, w.customer, fmt.Sprint("Grenze ", number))
				all = append(all, number)
			}
		}
		l, _, err := w.list(ctx, w.anna, uuid.Nil, Filter{Query: "grenze"})
		w.Must(err)
		l.limits.perRow = 0
		read := func(r reading, want []int64) {
			t.Helper()
			for name, c := range map[string]struct {
				n, batch int
				sample   func()
			}{
				"block by block":         {1, 1, w.sampleAll},
				"some blocks":            {7, 1, w.sampleAll},
				"all blocks":             {100, 1, w.sampleAll},
				"without blocks":         {100, 100, func() { w.sample(1) }},
				"misled by the sample":   {7, 1, func() { w.sample(0.5, sampledText{1, " grenze"}, sampledText{5 << blockBits, " grenze"}) }},
				"blocks without matches": {1, 1, func() { w.sample(0.1, sampledText{5 << blockBits, " brief"}) }},
			} {
				l.limits.batch = c.batch
				c.sample()
				for i, way := range l.ways(r) {
					parts := 0
					for ; !way.done; parts++ {
						require.NoError(t, way.read(ctx, way, c.n))
					}
					require.Equal(t, want[:min(len(want), r.Limit)], append([]int64{}, way.hits...), "by the way %d, %s, from %v, back: %v", i, name, r.From, r.Back)
					if c.n == 1 && r.From == nil {
						require.Greater(t, parts, 10, "by the way %d, %s", i, name)
					}
				}
			}
		}
		newest := slices.Clone(all)
		slices.Reverse(newest)
		read(reading{Limit: 100}, newest)
		for i, number := range all {
			read(reading{Limit: 7, From: &number, Back: true}, all[i+1:])
			read(reading{Limit: 7, From: &number}, newest[len(all)-i:])
		}
	})
}

// TestRenamedCustomer: its transactions are found under the new name, and not under the old one.
func TestRenamedCustomer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.create(w.anna, w.customer, "Vertrag")
		_, err := w.customers.Update(context.Background(), w.anna, w.customer.ID, w.customer.Version,
			customer.Data{FirstName: "Berta", LastName: "Neumann", Locale: "de"})
		w.Must(err)
		w.limit(limits{first: 1, count: 100, batch: 1}) // also by the trigram index
		for query, want := range map[string]int{"neumann": 1, "kühn": 0, "vertrag": 1} {
			assert.Len(t, w.names(w.anna, Filter{Query: query}), want, "%q finds", query)
		}
	})
}

// TestPages: cursors lead through a long list without gaps, in the order of the numbers, whatever the clock said.
func TestPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const n = 2*listing.PageSize + 7
		for i := range n {
			w.create(w.anna, w.customer, fmt.Sprintf("Nummer %03d", i))
		}
		w.Exec(`UPDATE transactions SET created_at = ?`, testNow)
		_, err := assignment.Rebuild(context.Background(), w.db)
		require.NoError(t, err)
		w.access(w.customer.ID, w.end.ID)
		for _, who := range []account.Caller{w.anna, w.auditor, w.end} {
			all := w.all(who, Filter{})
			assert.Len(t, all, n, "%s: rows", who.Name)
			for i := 1; i < len(all); i++ {
				assert.Greater(t, all[i-1].Number, all[i].Number, who.Name)
			}
			p, err := w.List(context.Background(), who, Filter{After: "nonsense"})
			require.NoError(t, err, "a broken cursor")
			assert.Len(t, p.Rows, listing.PageSize, "a broken cursor: rows")
			assert.Empty(t, p.Prev, "a broken cursor")
			assert.NotEmpty(t, p.Next, "a broken cursor")
			p, err = w.List(context.Background(), who, Filter{After: encode(0)})
			require.NoError(t, err, "behind the end the first page is meant")
			assert.Len(t, p.Rows, listing.PageSize, "behind the end the first page is meant: rows")
		}
	})
}

// TestCount: counts stop at 1,000 and say so, in each way of counting. Transactions of a customer that is being deleted
// are not counted.
func TestCount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		other := w.addCustomer(w.anna, "Lang")
		w.InTx(func(_ context.Context, tx bun.Tx) error {
			for i := range listing.CountCap + 5 {
				cu := w.customer
				if i < 10 {
					cu = other
				}
				rec := record{
					Number: int64(20_000 + i), ID: newID(), CustomerID: cu.ID, Name: fmt.Sprint("N ", i), NameFolded: fmt.Sprint("n ", i), Kind: OtherKind,
					Status: Open, Search: " n", Version: 1, CreatedAt: w.Now(), UpdatedAt: testNow,
				}
				if _, err := tx.NewInsert().Model(&rec).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		_, err := assignment.Rebuild(ctx, w.db)
		require.NoError(t, err)
		w.access(w.customer.ID, w.end.ID)
		w.access(other.ID, w.end.ID)
		deputy := account.Caller{ID: newID(), Name: "Vertretung", Roles: w.anna.Roles, For: []uuid.UUID{w.anna.ID}}
		check := func(count int, capped bool) {
			t.Helper()
			for _, who := range []account.Caller{w.anna, w.auditor, w.end, deputy} {
				for _, f := range []Filter{{}, {Kind: OtherKind}, {Status: Open}} {
					p, err := w.List(ctx, who, f)
					if assert.NoError(t, err, "%+v for %s", f, who.Name) {
						assert.Equal(t, count, p.Count, "%+v for %s", f, who.Name)
						assert.Equal(t, capped, p.Capped, "%+v for %s", f, who.Name)
					}
				}
			}
		}
		check(listing.CountCap, true)
		w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, other.ID)
		check(listing.CountCap-5, false)
	})
}

// TestSortedCount: a list has the same count in each order, however many rows a way reads at a time.
func TestSortedCount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range listing.PageSize + 9 {
			w.create(w.anna, w.customer, fmt.Sprint("Akte ", i))
			if n := i + 1; n != 7 && n != listing.PageSize && n != listing.PageSize+5 && n != listing.PageSize+9 {
				continue
			}
			for _, first := range []int{3, limitsOf().first} {
				l := limitsOf()
				l.first, l.own = first, 0 // nothing is read and sorted, which counts by the way
				w.limit(l)
				for _, sort := range Sorts {
					for _, who := range []account.Caller{w.anna, w.auditor} {
						for _, f := range []Filter{{Sort: sort}, {Sort: "-" + sort, Status: Open}, {Sort: sort, Responsible: Nobody}} {
							p, err := w.List(w.Ctx, who, f)
							require.NoError(t, err)
							assert.Equal(t, i+1, p.Count, "%+v for %s, %d at first", f, who.Name, first)
							assert.False(t, p.Capped, "%+v for %s", f, who.Name)
							l, _, err := w.list(w.Ctx, who, uuid.Nil, f)
							w.Must(err)
							if l.order.by == byNumber {
								continue
							}
							sorted := sortedList{l}
							all, err := sorted.Find(w.Ctx, sortReading{Limit: 2})
							w.Must(err)
							f.After = sorted.Encode(all.Hits[0]) // also of a list that is shorter than a page by now
							p, err = w.List(w.Ctx, who, f)
							require.NoError(t, err)
							assert.Equal(t, i+1, p.Count, "%+v for %s, %d at first", f, who.Name, first)
						}
					}
				}
			}
		}
	})
}

// orders are all orders of lists.
func orders() []order {
	all := []order{{by: ByWork}}
	for _, by := range Sorts {
		all = append(all, order{by, false}, order{by, true})
	}
	return all
}

// TestSortCursors: a cursor is read only in the order for which it was written.
func TestSortCursors(t *testing.T) {
	for _, o := range orders() {
		k := sortKey{Phase: 1, Number: 10_001}
		switch {
		case o.by == byNumber:
			continue
		case o.by == byName:
			k.Text = "ärger!" // of a name that has no letters, or of one that an earlier version has folded
		case o.by == byCustomer:
			k.Text, k.Owner = "kuhn berta", 10_007
		case o.dated(k.Phase):
			k.Text = "2026-11-24"
		case o.valued(k.Phase):
			k.Text, k.Person = "anna amt", newID().String()
		}
		cursor := k.encode(o)
		for _, other := range orders() {
			got, ok := decodeKey(cursor, other, 2)
			assert.Equal(t, o == other, ok, "%+v is read in the order %+v", o, other)
			if ok {
				assert.Equal(t, k, got, "%+v", o)
			}
		}
		_, ok := decodeKey(cursor, o, 1)
		assert.False(t, ok, "%+v: of a phase that the list does not have", o)
	}
	for name, cursor := range map[string]string{
		"no number":            sortKey{Text: "a"}.encode(order{by: byName}),
		"a zero":               sortKey{Text: "a\x00", Number: 1}.encode(order{by: byName}),
		"no text":              sortKey{Text: "a\xff", Number: 1}.encode(order{by: byName}),
		"no date where one is": sortKey{Number: 1}.encode(order{by: byDue}),
		"no person":            sortKey{Text: "a", Number: 1}.encode(order{by: byResponsible}),
	} {
		for _, by := range []string{byName, byDue, byResponsible} {
			_, ok := decodeKey(cursor, order{by: by}, 9)
			assert.False(t, ok, "%s, by %s", name, by)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(encode(10_001))
	f.Add(sortKey{Text: "!?", Number: 10_001}.encode(order{by: byName}))
	f.Add(sortKey{Text: "kuhn", Owner: 10_007, Number: 10_001}.encode(order{by: byCustomer}))
	f.Add(sortKey{Text: "2026-11-24", Number: 10_001}.encode(order{by: byDue}))
	f.Add(sortKey{Text: "anna", Person: "0198c0de-0000-7000-8000-000000000001", Number: 10_001}.encode(order{by: byResponsible}))
	f.Add("cwAAA700") // a day in the first thousand years, which begins with a zero
	f.Add("")
	f.Add(strings.Repeat("\n", 34)) // a decoder that skips line breaks reads nothing
	f.Fuzz(func(t *testing.T, s string) {
		for _, o := range orders() {
			l := &list{order: o}
			if number, ok := l.Decode(s); ok && l.Encode(number) != s {
				t.Errorf("%q is read and written as %q", s, l.Encode(number))
			}
			if k, ok := decodeKey(s, o, 9); ok && o.by != byNumber && k.encode(o) != s {
				t.Errorf("%q is read and written as %q, %+v", s, k.encode(o), o)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("V-10001 Müller")
	f.Fuzz(func(t *testing.T, q string) {
		if terms, ok := parseQuery(q); ok && len(terms.Needles) == 0 {
			t.Error("nothing to search for")
		}
	})
}
