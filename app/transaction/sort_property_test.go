package transaction

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// compareWork holds the work list of a filter against the same rows sorted by the plainest code, forwards and backwards.
func (c *chance) compareWork(p account.Caller, f Filter, found []row) {
	c.Helper()
	if f.Sort = ByWork; f.Query != "" {
		return
	}
	place := func(r row) int {
		g := slices.Index(groups, c.GroupOf(r.transaction()))
		if groups[g] == GroupClosed || r.ResponsibleID.UUID == p.ID {
			return 2 * g
		}
		return 2*g + 1
	}
	slices.SortFunc(found, func(a, b row) int {
		if i := cmp.Compare(place(a), place(b)); i != 0 {
			return i
		}
		if place(a) >= 6 {
			return cmp.Compare(b.Number, a.Number)
		}
		return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Number, b.Number))
	})
	var want, got []int64
	for _, r := range found {
		want = append(want, r.Number)
	}
	var last Page
	for f.After = ""; ; f.After = last.Next {
		var err error
		last, err = c.List(c.Ctx, p, f)
		c.Must(err)
		if got = append(got, numbersIn(last.Rows)...); last.Next == "" {
			break
		}
	}
	require.Equal(c, want, got, "%s: the work list of %+v by %+v", p.Name, f, c.limits)
	if last.Prev == "" {
		return
	}
	back, err := c.List(c.Ctx, p, Filter{Kind: f.Kind, Status: f.Status, Due: f.Due, Responsible: f.Responsible, Sort: f.Sort, Before: last.Prev})
	c.Must(err)
	begin := len(want) - len(last.Rows)
	require.Equal(c, want[begin-listing.PageSize:begin], numbersIn(back.Rows), "%s: back in the work list of %+v by %+v", p.Name, f, c.limits)
}

// compareSort holds the list of a filter in a random order against the same rows sorted by the plainest code: all pages forwards
// and back, the export, and readings of any length from any row in both directions.
func (c *chance) compareSort(p account.Caller, f Filter, found []row) {
	c.Helper()
	by, reversed := Sorts[c.IntN(len(Sorts))], c.IntN(2) == 0
	if f.Sort = by; reversed {
		f.Sort = "-" + by
	}
	want := c.sorted(found, f, by, reversed)
	name := fmt.Sprintf("%s: %+v by %+v", p.Name, f, c.limits)
	require.Equal(c, want, numbersIn(c.all(p, f)), name)
	if c.MayExport(p) == nil {
		var exported []int64
		c.Must(c.Export(c.Ctx, p, f, func(t Transaction) error {
			exported = append(exported, t.Number)
			return nil
		}))
		var may []int64
		for _, number := range want {
			at := slices.IndexFunc(found, func(r row) bool { return r.Number == number })
			ok, err := c.Allows(p, found[at].transaction(), policies.Export)
			c.Must(err)
			if ok {
				may = append(may, number)
			}
		}
		require.Equal(c, may, exported, "exported: %s", name)
	}
	l, ok, err := c.list(c.Ctx, p, uuid.Nil, f)
	c.Must(err)
	if !ok || l.order.by == byNumber || len(want) == 0 {
		return
	}
	sorted := sortedList{l}
	all, err := sorted.Find(c.Ctx, sortReading{Limit: len(want) + 1})
	c.Must(err)
	require.Len(c, all.Hits, len(want), name)
	for range 4 {
		at, limit := c.IntN(len(want)), 1+c.IntN(len(want))
		again, ok := sorted.Decode(sorted.Encode(all.Hits[at]))
		require.True(c, ok, name)
		require.Equal(c, all.Hits[at], again, name)
		after, err := sorted.Find(c.Ctx, sortReading{Limit: limit, From: &again})
		c.Must(err)
		require.Equal(c, want[at+1:min(at+1+limit, len(want))], numbersOfKeys(after.Hits), "after %d of %s", at, name)
		before, err := sorted.Find(c.Ctx, sortReading{Limit: limit, From: &again, Back: true})
		c.Must(err)
		slices.Reverse(before.Hits)
		require.Equal(c, want[max(at-limit, 0):at], numbersOfKeys(before.Hits), "before %d of %s", at, name)
	}
}

// compareOrders holds all that a person may read, in some orders, against the same rows sorted by the plainest code.
func (c *chance) compareOrders(p account.Caller, readable []row) {
	c.Helper()
	for range 4 {
		by, reversed := Sorts[1+c.IntN(len(Sorts)-1)], c.IntN(2) == 0
		f := Filter{Sort: by}
		if reversed {
			f.Sort = "-" + by
		}
		l, ok, err := c.list(c.Ctx, p, uuid.Nil, f)
		c.Must(err)
		if !ok || len(readable) == 0 {
			return
		}
		all, err := sortedList{l}.Find(c.Ctx, sortReading{Limit: len(readable) + 1})
		c.Must(err)
		require.Equal(c, c.sorted(slices.Clone(readable), f, by, reversed), numbersOfKeys(all.Hits), "%s: %+v by %+v", p.Name, f, c.limits)
	}
}

// sorted returns the numbers of rows in an order, told once more.
func (c *chance) sorted(found []row, f Filter, by string, reversed bool) (numbers []int64) {
	c.Helper()
	kinds, err := AllKinds(c.Ctx, c.db)
	c.Must(err)
	kindOf := func(r row) int { return slices.IndexFunc(kinds, func(k Kind) bool { return k.Key == r.Kind }) }
	newest := func(a, b row) int { return cmp.Compare(b.Number, a.Number) }
	words := len(strings.Fields(f.Query)) > 0
	up := func(a, b row) int { return cmp.Compare(a.Number, b.Number) }
	switch {
	case by == byNumber:
	case words:
		up, reversed = newest, false
	case by == byName:
		up = func(a, b row) int {
			return cmp.Or(strings.Compare(store.FoldName(a.Name), store.FoldName(b.Name)), cmp.Compare(a.Number, b.Number))
		}
	case by == byCustomer:
		up = func(a, b row) int {
			x, y := a.transaction().Customer, b.transaction().Customer
			return cmp.Or(strings.Compare(store.SortKey(x.Name), store.SortKey(y.Name)), cmp.Compare(x.Number, y.Number), cmp.Compare(a.Number, b.Number))
		}
	case by == byResponsible:
		up = func(a, b row) int {
			x, y := a.transaction(), b.transaction()
			return cmp.Or(strings.Compare(store.SortKey(x.Responsible), store.SortKey(y.Responsible)),
				strings.Compare(x.ResponsibleID.String(), y.ResponsibleID.String()), cmp.Compare(a.Number, b.Number))
		}
	case by == byDue:
		up = func(a, b row) int { return cmp.Or(strings.Compare(a.Due, b.Due), cmp.Compare(a.Number, b.Number)) }
	}
	slices.SortFunc(found, func(a, b row) int {
		sign := 1
		if reversed {
			sign = -1
		}
		switch {
		case words && by != byNumber:
		case by == byKind:
			return cmp.Or(sign*cmp.Compare(kindOf(a), kindOf(b)), newest(a, b))
		case by == byStatus:
			return cmp.Or(sign*cmp.Compare(slices.Index(Statuses, a.Status), slices.Index(Statuses, b.Status)), newest(a, b))
		case by == byDue && a.Due == "" && b.Due == "":
			return newest(a, b)
		case by == byResponsible && a.ResponsibleID.Valid != b.ResponsibleID.Valid:
			if a.ResponsibleID.Valid {
				return -1 // what has nobody comes last
			}
			return 1
		case by == byResponsible && !a.ResponsibleID.Valid:
			return newest(a, b)
		case by == byDue && (a.Due == "") != (b.Due == ""):
			return cmp.Compare(b.Due, a.Due) // what has none comes last
		}
		return sign * up(a, b)
	})
	for _, r := range found {
		numbers = append(numbers, r.Number)
	}
	return numbers
}

func numbersOfKeys(keys []sortKey) []int64 {
	numbers := []int64{}
	for _, k := range keys {
		numbers = append(numbers, k.Number)
	}
	return numbers
}
