package audit

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
)

// TestGroups: each action is in one group, so that people can look for it.
func TestGroups(t *testing.T) {
	times := map[Action]int{}
	for _, g := range Groups {
		for _, a := range g.Actions {
			times[a]++
			assert.Equal(t, []Action{a}, ActionsOf(string(a)), a)
		}
		assert.Equal(t, g.Actions, ActionsOf(g.ID), g.ID)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "audit.go", nil, 0)
	require.NoError(t, err)
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if named, ok := spec.Type.(*ast.Ident); ok && named.Name == "Action" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			assert.Equal(t, 1, times[Action(value)], "groups with %s", value)
			n++
		}
		return true
	})
	assert.Len(t, times, n, "actions in groups")
	for _, other := range []string{"", "customer", "customer.", "x"} {
		assert.Nil(t, ActionsOf(other), other)
	}
}

// TestNetworks: what is typed as an address finds that address, those of that network, or those that begin so.
func TestNetworks(t *testing.T) {
	all := []string{"", "192.0.2.7", "192.0.2.70", "192.0.20.7", "10.1.2.3", "2001:db8::1", "2001:db8:0:1::5", "2001:db8:1::1", "2001:db80::1", "::1"}
	for _, c := range []struct {
		typed, begins string
		want          []string
	}{
		{"", "", all},
		{"192.0.2.7", "192.0.2.7.", []string{"192.0.2.7"}},
		{"::ffff:192.0.2.7", "192.0.2.7.", []string{"192.0.2.7"}},
		{"192.0.2", "192.0.2.", []string{"192.0.2.7", "192.0.2.70"}},
		{"192.0.2.", "192.0.2.", []string{"192.0.2.7", "192.0.2.70"}},
		{"192.0.2.0/26", "192.0.2.", []string{"192.0.2.7"}},
		{"192.0.2.9/26", "192.0.2.", []string{"192.0.2.7"}},
		{"192.0.0.0/12", "192.", []string{"192.0.2.7", "192.0.2.70", "192.0.20.7"}},
		{"0.0.0.0/0", "", []string{"192.0.2.7", "192.0.2.70", "192.0.20.7", "10.1.2.3"}},
		{"10", "10.", []string{"10.1.2.3"}},
		{"2001:DB8::", "2001:db8:", []string{"2001:db8::1", "2001:db8:0:1::5", "2001:db8:1::1"}},
		{"2001:db8:", "2001:db8:", []string{"2001:db8::1", "2001:db8:0:1::5", "2001:db8:1::1"}},
		{"2001:db8:0::/48", "2001:db8:", []string{"2001:db8::1", "2001:db8:0:1::5"}},
		{"2001:db8:1", "2001:db8:1:", []string{"2001:db8:1::1"}},
		{"2001:db8:0:0001::5", "2001:db8:", []string{"2001:db8:0:1::5"}},
		{"::1", "", []string{"::1"}},
		{"192.0.2.7.1", "", nil}, {"192.0..2", "", nil}, {"192.0.2.0/40", "", nil}, {"anna", "", nil}, {"2001:xyz:", "", nil}, {".", "", nil},
		{"1:2:3:4:5:6:7:8:9", "", nil}, {"300.1", "", nil}, {"-1", "", nil},
	} {
		n := ParseNetwork(c.typed)
		var got []string
		for _, a := range all {
			if n.contains(a) {
				got = append(got, a)
				assert.True(t, a == "" || strings.HasPrefix(a+".", n.begins()), "%q: %s does not begin with %s", c.typed, a, n.begins())
			}
		}
		assert.Equal(t, c.want, got, c.typed)
		assert.Equal(t, c.begins, n.begins(), c.typed)
		assert.Equal(t, c.want == nil, n.wrong, c.typed)
	}
}

func FuzzNetwork(f *testing.F) {
	for _, typed := range []string{"", "192.0.2", "2001:db8:", "10.0.0.0/8", "::", "::ffff:1.2.3.4", "fe80::1%eth0"} {
		f.Add(typed, "192.0.2.7")
	}
	f.Fuzz(func(t *testing.T, typed, address string) {
		n := ParseNetwork(typed)
		a, err := netip.ParseAddr(address)
		if err != nil || a.Zone() != "" || a.Is4In6() {
			return
		}
		if n.contains(a.String()) && !strings.HasPrefix(a.String()+".", n.begins()) {
			t.Errorf("%q contains %s, which does not begin with %q", typed, a, n.begins())
		}
	})
}

// firm is what the log of the tests is about.
type firm struct {
	people       []Actor
	customers    []uuid.UUID
	transactions []uuid.UUID
	entries      []Entry // newest first
}

func ids(n int) (list []uuid.UUID) {
	for range n {
		list = append(list, uuid.Must(uuid.NewV7()))
	}
	return list
}

// fill writes n entries, several of them at the same moment.
func (w *world) fill(n int) firm {
	w.Helper()
	seed := uint64(n) //nolint:gosec // not negative
	random := rand.New(rand.NewPCG(seed, 2))
	f := firm{customers: ids(4), transactions: ids(3)}
	for _, name := range []string{"Anna Berg", "Änne Groß", "Otto Ort"} {
		f.people = append(f.people, Actor{ID: uuid.Must(uuid.NewV7()), Name: name})
	}
	f.people = append(f.people, Actor{})
	actions := []Action{CustomerCreated, CustomerUpdated, AccessCreated, TransactionCreated, PolicyPublished, AccountSignedIn}
	addresses := []string{"", "192.0.2.7", "192.0.2.70", "192.0.20.7", "2001:db8::1", "2001:db8:1::1"}
	subjects := []string{"K-10001 Straße, Anna", "Otto Ort", "Steuererklärung 2025", "100% sicher"}
	for range n {
		w.wait(time.Duration(random.IntN(3)) * 20 * time.Minute)
		by := f.people[random.IntN(len(f.people))]
		by.Address = addresses[random.IntN(len(addresses))]
		r := Record{Action: actions[random.IntN(len(actions))], Subject: subjects[random.IntN(len(subjects))]}
		if random.IntN(3) > 0 {
			r.CustomerID = f.customers[random.IntN(3)] // the last one has none
			if random.IntN(2) > 0 {
				r.TransactionID = f.transactions[random.IntN(3)]
			}
		}
		w.must(w.Write(w.ctx, w.db, by, r))
	}
	w.must(w.db.NewSelect().Model(&f.entries).Order("at DESC", "id DESC").Scan(w.ctx))
	require.Len(w, f.entries, n)
	return f
}

// visible is what somebody may see who may not see the first transaction.
func (f firm) visible() store.Condition {
	return bun.SafeQuery(`(entry.transaction_id IS NULL OR entry.transaction_id <> ?)`, f.transactions[0])
}

// model says whether a filter finds an entry, without any of the code that is tested.
func (f firm) model(x Filter, e Entry) bool {
	day := func(limit time.Time, after bool) bool { return limit.IsZero() || !e.At.Before(limit) == after }
	words := strings.ToLower(strings.NewReplacer("Ä", "a", "ä", "a", "ß", "ss").Replace(e.Actor + "|" + e.Subject + "|" + e.Address))
	for _, w := range strings.Fields(strings.ToLower(strings.NewReplacer("ä", "a", "ß", "ss").Replace(x.Query))) {
		if !strings.Contains(words, w) {
			return false
		}
	}
	return (x.Who == nil || slices.Contains(x.Who, e.ActorID.UUID)) && (x.Actions == nil || slices.Contains(x.Actions, e.Action)) &&
		(x.Customers == nil || slices.Contains(x.Customers, e.CustomerID.UUID)) && (x.Transaction == uuid.Nil || x.Transaction == e.TransactionID.UUID) &&
		(x.Subject == "" || x.Subject == e.Subject) && day(x.From, true) && day(x.To, false) &&
		(x.Address == Network{} || e.Address != "" && x.Address.prefix.IsValid() && x.Address.prefix.Contains(netip.MustParseAddr(e.Address))) &&
		(x.Only == nil || e.TransactionID.UUID != f.transactions[0])
}

// filters are filters for every condition, and many of their combinations.
func (f firm) filters() map[string]Filter {
	noon := f.entries[len(f.entries)/2].At
	parts := map[string]func(*Filter){
		"anna":            func(x *Filter) { x.Who = []uuid.UUID{f.people[0].ID} },
		"two people":      func(x *Filter) { x.Who = []uuid.UUID{f.people[0].ID, f.people[1].ID} },
		"nobody":          func(x *Filter) { x.Who = []uuid.UUID{uuid.Nil} },
		"an unknown name": func(x *Filter) { x.Who = []uuid.UUID{} },
		"an action":       func(x *Filter) { x.Actions = ActionsOf("access.created") },
		"a group":         func(x *Filter) { x.Actions = ActionsOf("customers") },
		"a customer":      func(x *Filter) { x.Customers = f.customers[:1] },
		"two customers":   func(x *Filter) { x.Customers = f.customers[1:3] },
		"an empty one":    func(x *Filter) { x.Customers = f.customers[3:] },
		"a transaction":   func(x *Filter) { x.Transaction = f.transactions[1] },
		"a hidden one":    func(x *Filter) { x.Transaction = f.transactions[0] },
		"a subject":       func(x *Filter) { x.Subject = "Otto Ort" },
		"since":           func(x *Filter) { x.From = noon },
		"until":           func(x *Filter) { x.To = noon },
		"a day":           func(x *Filter) { x.From, x.To = noon.Add(-12*time.Hour), noon },
		"no time":         func(x *Filter) { x.From, x.To = noon, noon },
		"an address":      func(x *Filter) { x.Address = ParseNetwork("192.0.2.7") },
		"a network":       func(x *Filter) { x.Address = ParseNetwork("192.0.2.") },
		"a part of one":   func(x *Filter) { x.Address = ParseNetwork("192.0.2.64/26") },
		"all of IPv6":     func(x *Filter) { x.Address = ParseNetwork("::/0") },
		"no address":      func(x *Filter) { x.Address = ParseNetwork("x") },
		"a word":          func(x *Filter) { x.Query = "änne" },
		"two words":       func(x *Filter) { x.Query = "GROß straße" },
		"no such word":    func(x *Filter) { x.Query = "qwertz" },
		"what may be":     func(x *Filter) { x.Only = f.visible() },
	}
	all := map[string]Filter{"nothing": {}}
	for a, first := range parts {
		for b, second := range parts {
			if a > b {
				continue
			}
			var x Filter
			first(&x)
			second(&x)
			all[a+" and "+b] = x
		}
	}
	three := slices.Sorted(func(yield func(string) bool) {
		for name := range parts {
			yield(name)
		}
	})
	random := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		var x Filter
		name := ""
		for range 4 {
			part := three[random.IntN(len(three))]
			name += part + ", "
			parts[part](&x)
		}
		all[name] = x
	}
	return all
}

// TestFilters: every combination of conditions finds what a plain loop over all entries finds, page by page there and
// back, and all in one go, however few entries a query reads.
func TestFilters(t *testing.T) {
	each(t, func(w *world) {
		f := w.fill(160)
		for _, l := range []limits{limitsOf(), {first: 2, batch: 9, most: 1 << 30, few: 3}, {first: 3, batch: 20, most: 45, few: 20}} {
			w.limits = l
			for name, x := range f.filters() {
				name := fmt.Sprintf("%s with %+v", name, l)
				var want []uuid.UUID
				for _, e := range f.entries {
					if f.model(x, e) {
						want = append(want, e.ID)
					}
				}
				pages := w.pages(x, l)
				require.Equal(w, want, idsOf(slices.Concat(entriesOf(pages)...)), name)
				w.wantBack(x, pages, name)
				var read []Entry
				for r := w.Read(x); ; {
					some, err := r.Next(w.ctx)
					w.must(err)
					if len(some) == 0 {
						break
					}
					read = append(read, some...)
				}
				require.Equal(w, want, idsOf(read), "%s: all in one go", name)
				if p := pages[0]; p.Counted {
					assert.Equal(w, len(want), p.Count, "%s: count", name)
					assert.False(w, p.Capped, name)
				}
				if len(want) <= PageSize && l.most > 1000 {
					assert.True(w, pages[0].Counted, "%s: a list of one page is counted", name)
				}
			}
		}
	})
}

// pages reads a list from its beginning to its end.
func (w *world) pages(x Filter, l limits) (list []Page) {
	w.Helper()
	for {
		p, err := w.Page(w.ctx, x)
		w.must(err)
		list = append(list, p)
		if p.Until.IsZero() && p.Next != "" {
			require.Len(w, p.Entries, PageSize, "a page before another one is full")
		}
		if !p.Until.IsZero() {
			require.NotEmpty(w, p.Next, "what was not looked at can be")
			require.Less(w, l.most, 1000, "a page has looked at few entries")
		}
		if x.After = p.Next; x.After == "" {
			return list
		}
	}
}

// wantBack goes back from the last page: each entry before it comes once, in order.
func (w *world) wantBack(x Filter, pages []Page, name string) {
	w.Helper()
	last := pages[len(pages)-1]
	if last.Prev == "" {
		return
	}
	var want, got []uuid.UUID
	for _, p := range pages[:len(pages)-1] {
		want = append(want, idsOf(p.Entries)...)
	}
	for x.After, x.Before = "", last.Prev; x.Before != ""; {
		p, err := w.Page(w.ctx, x)
		w.must(err)
		some := idsOf(p.Entries)
		if x.Before = p.Prev; x.Before == "" { // the first page, which can have entries of the page that was shown before
			some = some[:min(len(some), max(0, len(want)-len(got)))]
		}
		got = slices.Concat(some, got)
	}
	require.Equal(w, want, got, "%s: the way back", name)
}

func entriesOf(pages []Page) (list [][]Entry) {
	for _, p := range pages {
		list = append(list, p.Entries)
	}
	return list
}

func idsOf(entries []Entry) (list []uuid.UUID) {
	for _, e := range entries {
		list = append(list, e.ID)
	}
	return list
}

// TestListCount: a list that is one range of an index is counted, up to the limit that all lists have.
func TestListCount(t *testing.T) {
	each(t, func(w *world) {
		anna := Actor{ID: uuid.Must(uuid.NewV7()), Name: "Anna Berg"}
		var rows []Entry
		for range listing.CountCap + 1 {
			rows = append(rows, Entry{ID: uuid.Must(uuid.NewV7()), At: w.now(), ActorID: store.NullID(anna.ID), Action: CustomerCreated, Times: 1})
		}
		_, err := w.db.NewInsert().Model(&rows).Exec(w.ctx)
		w.must(err)
		for _, c := range []struct {
			f       Filter
			counted bool
		}{
			{Filter{}, true}, {Filter{Who: []uuid.UUID{anna.ID}}, true}, {Filter{Actions: ActionsOf("customers")}, true},
			{Filter{From: w.now().Add(-time.Hour)}, true},
			{Filter{Who: []uuid.UUID{anna.ID}, Actions: ActionsOf("customers")}, false}, {Filter{Only: store.All()}, false},
		} {
			p, err := w.Page(w.ctx, c.f)
			w.must(err)
			assert.Equal(w, c.counted, p.Counted, "%+v", c.f)
			assert.Equal(w, c.counted, p.Capped, "%+v", c.f)
			if c.counted {
				assert.Equal(w, listing.CountCap, p.Count, "%+v", c.f)
			}
		}
	})
}

// TestPeople: those who have acted, by their last name, each once; nobody whose entries may not be seen.
func TestPeople(t *testing.T) {
	each(t, func(w *world) {
		cu, hidden := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		anna, ute, otto := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		for _, e := range []struct {
			by Actor
			r  Record
		}{
			{Actor{ID: anna, Name: "Anna Alt"}, Record{Action: CustomerCreated, CustomerID: cu}},
			{Actor{ID: anna, Name: "Anna Berg"}, Record{Action: CustomerUpdated}},
			{Actor{ID: ute, Name: "Ute Ahn"}, Record{Action: TransactionCreated, CustomerID: cu, TransactionID: hidden}},
			{Actor{ID: otto, Name: "Ändreas Ort"}, Record{Action: PolicyPublished}},
			{Actor{}, Record{Action: AccessLinkAsked, CustomerID: cu}},
		} {
			w.wait(time.Minute)
			w.must(w.Write(w.ctx, w.db, e.by, e.r))
		}
		visible := bun.SafeQuery(`entry.transaction_id IS NULL`)
		for _, c := range []struct {
			f    Filter
			want []Person
		}{
			{Filter{}, []Person{{otto, "Ändreas Ort"}, {anna, "Anna Berg"}, {ute, "Ute Ahn"}}},
			{Filter{Only: visible}, []Person{{otto, "Ändreas Ort"}, {anna, "Anna Berg"}}},
			{Filter{Customers: []uuid.UUID{cu}, Query: "x"}, []Person{{anna, "Anna Alt"}, {ute, "Ute Ahn"}}},
			{Filter{Customers: []uuid.UUID{cu}, Only: visible}, []Person{{anna, "Anna Alt"}}},
			{Filter{Transaction: hidden, Only: visible}, nil},
		} {
			got, err := w.People(w.ctx, c.f)
			w.must(err)
			assert.Equal(w, c.want, got, "%+v", c.f)
		}
	})
}
