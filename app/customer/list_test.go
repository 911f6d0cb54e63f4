package customer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/effort"
	"kontor/app/listing"
	"kontor/app/sample"
	"kontor/app/store"
	"kontor/policies"
	"kontor/policies/policytest"
)

// model is the reference: all customers in memory, found by the plainest code.
type model struct {
	Customer
	email     string
	attention bool
	own       bool // administered by anna
	none      bool // administered by nobody
	status    AccessStatus
	changed   time.Time
}

// words are those of the search text, and those of the details.
func (m model) words() (named, other []string) {
	contacts := []Contact{{Email: m.email}}
	if m.status == NoAccesses {
		contacts = nil
	}
	search, details := textsOf(m.Type, m.Data, contacts).numbered(m.Number)
	return strings.Fields(search), strings.Fields(details)
}

// has says whether each of what is typed is a part of one of the words, or its beginning if it is short.
func has(words, typed []string) bool {
	for _, q := range typed {
		if !slices.ContainsFunc(words, func(w string) bool {
			return strings.HasPrefix(w, q) || len([]rune(q)) >= 3 && strings.Contains(w, q)
		}) {
			return false
		}
	}
	return true
}

func typed(query string) []string {
	if n, ok := ParseNumber(query); ok {
		return []string{fmt.Sprintf("k%05d", n)}
	}
	return strings.Fields(store.Fold(query))
}

func (m model) matches(f Filter) bool {
	if f.Type != "" && m.Type != f.Type || f.Attention && (!m.attention || !m.own) || f.Status != "" && m.status != f.Status {
		return false
	}
	if f.City != "" && store.Fold(f.City) != store.Fold(m.City) || f.Administrator == Me && !m.own || f.Administrator == Nobody && !m.none {
		return false
	}
	named, other := m.words()
	alone := !slices.ContainsFunc(typed(f.Query), func(w string) bool { return len(w) > 1 || !isNumber(w) })
	if address.MatchString(f.Query) || alone {
		return has(named, typed(f.Query))
	}
	return has(append(named, other...), typed(f.Query))
}

func (m model) named(f Filter) bool {
	named, _ := m.words()
	return has(named, typed(f.Query))
}

func (m model) phase(f Filter) int {
	n, _ := ParseNumber(f.Query)
	switch {
	case store.Fold(f.Query) == "":
		return phaseRest
	case n == m.Number:
		return phaseNumber
	case !m.named(f):
		return phaseDetails
	case strings.HasPrefix(sortName(m.Type, m.Data), store.SortKey(f.Query)):
		return phasePrefix
	}
	if words := strings.Fields(store.SortKey(f.Query)); len(words) > 1 && n == 0 {
		for _, w := range words {
			if strings.HasPrefix(sortName(m.Type, m.Data), w) {
				return phaseWord
			}
		}
	}
	return phaseRest
}

// expect is what the overview must show, in order.
func expect(all []model, f Filter) []uuid.UUID {
	var found []model
	for _, m := range all {
		if m.matches(f) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b model) int {
		name := cmp.Or(strings.Compare(sortName(a.Type, a.Data), sortName(b.Type, b.Data)), cmp.Compare(a.Number, b.Number))
		switch f.Sort {
		case "number":
			return cmp.Compare(a.Number, b.Number)
		case "-number":
			return cmp.Compare(b.Number, a.Number)
		case "-name":
			return -name
		case "changed":
			return cmp.Or(a.changed.Compare(b.changed), cmp.Compare(a.Number, b.Number))
		case "-changed":
			return -cmp.Or(a.changed.Compare(b.changed), cmp.Compare(a.Number, b.Number))
		case "type":
			return cmp.Or(strings.Compare(string(b.Type), string(a.Type)), name)
		case "-type":
			return cmp.Or(strings.Compare(string(a.Type), string(b.Type)), name)
		case "status":
			return cmp.Or(cmp.Compare(slices.Index(Statuses, a.status), slices.Index(Statuses, b.status)), name)
		case "-status":
			return cmp.Or(-cmp.Compare(slices.Index(Statuses, a.status), slices.Index(Statuses, b.status)), name)
		case "city", "-city":
			if (a.City == "") != (b.City == "") {
				return cmp.Or(cmp.Compare(len(b.City), len(a.City)), name)
			}
			city := cmp.Or(strings.Compare(store.Fold(a.City), store.Fold(b.City)), name)
			if f.Sort == "-city" {
				return -city
			}
			return city
		}
		return cmp.Or(cmp.Compare(a.phase(f), b.phase(f)), name)
	})
	ids := make([]uuid.UUID, len(found))
	for i, m := range found {
		ids[i] = m.ID
	}
	return ids
}

// crowd fills a world with n customers, some of whom need attention.
func (w *world) crowd(n int) []model {
	w.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	last := strings.Fields("Berg Berger Müller Mueller Steinberg Bergstein Groß-Öhlmann Zimmermann Özdemir O'Brien Xu Ä K-10010 10011")
	first := strings.Fields("Anna Änne Zoë Łukasz Björn Müller Berg Xaver")
	city := []string{"Köln", "Bad Homburg v. d. Höhe", "Steinfurt", "Bergen", ""}
	street := []string{"Bergstraße 10", "Xantener Str. 5a", "Anna-Berg-Weg 7"}
	var all []model
	for i := range n {
		m := model{
			email: fmt.Sprintf("p%d.%s@example.org", i, store.Fold(first[i%len(first)])), own: r.IntN(3) == 0, status: Statuses[r.IntN(len(Statuses))],
			changed: testNow.Add(time.Duration(r.IntN(40)) * time.Minute),
		}
		m.none = !m.own && r.IntN(6) == 0
		m.attention = m.none || m.status == Undeliverable || m.status == LinkExpired || m.status == NoAccesses
		d := Data{FirstName: first[r.IntN(len(first))], LastName: last[r.IntN(len(last))], City: city[r.IntN(len(city))]}
		t := Person
		if r.IntN(3) == 0 {
			t = Company
			d.CompanyName = last[r.IntN(len(last))] + " & Söhne GmbH"
		}
		by := w.ben
		if m.own {
			by = w.anna
		}
		d.Country = "DE"
		if r.IntN(2) == 0 {
			d.Street, d.PostalCode = street[r.IntN(len(street))], "10115"
			d.Phone = fmt.Sprintf("+493023125%03d", 100+i)
		}
		m.Customer = w.add(by, t, d, m.email)
		w.become(m)
		all = append(all, m)
	}
	return all
}

// become gives a customer's access the status of the model, and its row the time of the last change.
func (w *world) become(m model) {
	w.Helper()
	switch m.status {
	case Undeliverable:
		w.Exec(`UPDATE access SET undeliverable = 'x' WHERE customer_id = ?`, m.ID)
	case LinkExpired:
		w.Exec(`UPDATE access SET link_expires_at = ? WHERE customer_id = ?`, testNow.Add(-time.Hour), m.ID)
	case NotInvited:
		w.Exec(`UPDATE access SET uninvited = TRUE WHERE customer_id = ?`, m.ID)
	case Registered:
		w.Exec(`UPDATE access SET registered_at = ? WHERE customer_id = ?`, testNow, m.ID)
	case Deactivated:
		w.Exec(`UPDATE access SET deactivated_at = ? WHERE customer_id = ?`, testNow, m.ID)
	case Waits:
		w.Exec(`UPDATE access SET deactivated_at = ?, waiting = TRUE WHERE customer_id = ?`, testNow, m.ID)
	case NoAccesses:
		w.Exec(`DELETE FROM access WHERE customer_id = ?`, m.ID)
	}
	if m.none {
		w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ?`, m.ID)
	}
	w.touch(m.ID)
	w.Exec(`UPDATE customer SET updated_at = ? WHERE id = ?`, m.changed, m.ID)
}

var listQueries = []string{
	"", "berg", "Berg Anna", "anna berg", "müller", "mueller", "MULLER", "stein", "rgst", "x", "xu", "ä", "K-10010", "k-10011", "10011", "10",
	"gross-öhlmann", "zimmermann", "immer", "p7.anna@example.org", "example", "org", "söhne", "bad höhe", "o'brien", "absent", "be an",
	"%", "_", "' OR 1=1 --", "\"", "*", "\x00", "\xff", "AND", "NEAR", "kolnn", "str", "bergstr", "berg 10", "berg 1", "1", "2", "1 2", "10115", "231251",
}

// TestListIsTheModel reads whole lists page by page, forwards and backwards, for every query, filter and sort order, by
// each method of searching, and compares them with the reference.
func TestListIsTheModel(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		all := w.crowd(130)
		ways := map[string]limits{"default": w.limits, "frequent": {rare: 1, walk: 1000},
			"late in the alphabet": {rare: 1, walk: 60}, "unexpected": {rare: 1, frequent: 1 << 30, walk: 60},
			"scarce": {rare: 5, frequent: 20, walk: 60, step: 1}, "sampled": {rare: 1, frequent: 20, walk: 60, step: 1, sample: 30},
		}
		for way, l := range ways {
			w.limits = l
			w.texts = sample.Keep(w.sampled())
			every := 11 // combinations that different query plans must answer alike
			if way == "default" {
				every = 2
			}
			every *= effort.Every(7)
			n := 0
			for _, q := range listQueries {
				for _, f := range []Filter{
					{}, {Type: Person}, {Type: Company}, {Attention: true}, {Sort: "-name"}, {Sort: "number"}, {Sort: "-number"},
					{Sort: "number", Attention: true}, {Sort: "-name", Type: Company, Attention: true}, {Sort: "bogus", Type: "robot"},
					{Sort: "type"}, {Sort: "-type"}, {Sort: "city"}, {Sort: "-city"}, {Sort: "status"}, {Sort: "-status"}, {Sort: "changed"}, {Sort: "-changed"},
					{Status: Registered}, {Status: LinkExpired}, {Status: Invited, Sort: "-name"}, {Status: NoAccesses, Sort: "number"}, {City: "koeln"},
					{City: "Steinfurt", Sort: "city"}, {City: "bergen", Sort: "changed"}, {Administrator: Me}, {Administrator: Nobody},
					{Administrator: Me, Sort: "city", Type: Person}, {Administrator: Me, City: "Köln", Sort: "-status"},
					{Status: Waits, Sort: "status"}, {Status: Invited, Sort: "-status"}, {Type: Company, Sort: "-type"}, {Type: Person, Status: Undeliverable, Attention: true, Sort: "-changed"},
				} {
					if n++; n%every != 0 {
						continue
					}
					f.Query = q
					want := f
					if f.Type == "robot" {
						want.Type, want.Sort = "", ""
					}
					compareList(t, w, way, f, expect(all, want))
				}
			}
		}
	})
}

func compareList(t *testing.T, w *world, way string, f Filter, want []uuid.UUID) {
	t.Helper()
	name := fmt.Sprintf("%s: %+v", way, f)
	compareFirst(t, w, name, f, want)
	if len(want) == 0 { // then it may show names that are spelt alike
		p, err := w.List(context.Background(), w.anna, f)
		require.NoError(t, err, name)
		assert.Equal(t, len(p.Rows) > 0, p.Similar, "%s: rows, similar", name)
		return
	}
	var got []uuid.UUID
	var back string
	pages := 0
	for f.After = ""; ; pages++ {
		p, err := w.List(context.Background(), w.anna, f)
		require.NoError(t, err, name)
		require.False(t, p.Similar, "%s: said to be similar", name)
		if way == "default" && (p.Count != len(want) || p.Capped) {
			t.Errorf("%s: count %d, capped %v; want %d", name, p.Count, p.Capped, len(want))
		}
		for _, r := range p.Rows {
			got = append(got, r.ID)
		}
		assert.Equal(t, pages > 0, p.Prev != "", "%s: page %d has %d rows, previous", name, pages, len(p.Rows))
		assert.LessOrEqual(t, len(p.Rows), listing.PageSize, name)
		back = p.Prev
		if p.Next == "" {
			break
		}
		f.After = p.Next
	}
	if !assert.Equal(t, want, got, "%s: or another order", name) {
		return
	}
	end := (len(want) - 1) / listing.PageSize * listing.PageSize // where the last page begins
	for f.After, f.Before = "", back; f.Before != ""; {
		p, err := w.List(context.Background(), w.anna, f)
		require.NoError(t, err, name)
		var rows []uuid.UUID
		for _, r := range p.Rows {
			rows = append(rows, r.ID)
		}
		if !assert.Equal(t, want[end-listing.PageSize:end], rows, "%s: the page back from %d is another", name, end) {
			return
		}
		if !assert.NotEmpty(t, p.Next, "%s: next", name) {
			return
		}
		end -= listing.PageSize
		f.Before = p.Prev
	}
	assert.LessOrEqual(t, end, listing.PageSize, "%s: the way back ends at", name)
}

// compareFirst compares the first customers of a list with the list itself.
func compareFirst(t *testing.T, w *world, name string, f Filter, want []uuid.UUID) {
	t.Helper()
	const n = 5
	p, err := w.First(context.Background(), w.anna, f, n)
	require.NoError(t, err, name)
	if len(want) == 0 {
		assert.Equal(t, len(p.Rows) > 0, p.Similar, "%s: the first rows, similar", name)
		return
	}
	var got []uuid.UUID
	for _, r := range p.Rows {
		got = append(got, r.ID)
	}
	assert.Equal(t, want[:min(n, len(want))], got, "%s: the first rows", name)
	assert.False(t, p.Similar, "%s: the first rows are said to be similar", name)
	if p.Capped {
		assert.Less(t, p.Count, len(want), "%s: there are no more than are counted", name)
		assert.GreaterOrEqual(t, p.Count, n, "%s: counted with the first rows", name)
		return
	}
	assert.Len(t, want, p.Count, "%s: counted with the first rows", name)
}

// TestListByPolicy: the policy decides which customers are listed and which can be read, and both agree.
func TestListByPolicy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		all := w.crowd(80)
		const list, read = "p, specialist, %s, customer, %s, list, %s\n", "p, specialist, %s, customer, %s, read, %s\n"
		rule := func(rel, kind, effect string) string {
			return fmt.Sprintf(list, rel, kind, effect) + fmt.Sprintf(read, rel, kind, effect)
		}
		for name, c := range map[string]struct {
			policy string
			want   func(m model) bool
		}{
			"all":                     {rule("*", "*", "allow"), func(model) bool { return true }},
			"own":                     {rule("administrator", "*", "allow"), func(m model) bool { return m.own }},
			"persons":                 {rule("*", "person", "allow"), func(m model) bool { return m.Type == Person }},
			"own persons, all firms":  {rule("administrator", "person", "allow") + rule("*", "company", "allow"), func(m model) bool { return m.own || m.Type == Company }},
			"all but one's own":       {rule("*", "*", "allow") + rule("administrator", "*", "deny"), func(m model) bool { return !m.own }},
			"all but one's own firms": {rule("*", "*", "allow") + rule("administrator", "company", "deny"), func(m model) bool { return !m.own || m.Type == Person }},
		} {
			require.NoError(t, policytest.Publish(w.decider, 1, c.policy))
			var may []model
			attention := 0
			for _, m := range all {
				_, err := w.Get(context.Background(), w.anna, m.ID)
				ok := err == nil
				assert.Equal(t, c.want(m), ok, "%s: reading %s", name, m.Label())
				assert.False(t, !ok && !errors.Is(err, ErrNotFound), "%s: reading %s: %v", name, m.Label(), err)
				if c.want(m) {
					may = append(may, m)
					if m.attention {
						attention++
					}
				}
			}
			for _, q := range []string{"", "berg", "anna", "xu"} {
				compareList(t, w, name, Filter{Query: q}, expect(may, Filter{Query: q}))
				if p, err := w.List(context.Background(), w.anna, Filter{Attention: true}); (err != nil || p.Count != attention) && len(may) > 0 {
					t.Errorf("%s: attention %d, %v; want %d", name, p.Count, err, attention)
				}
			}
		}
		require.NoError(t, policytest.Publish(w.decider, 1, "p, auditor, *, customer, *, list, allow"))
		_, err := w.List(context.Background(), w.anna, Filter{})
		assert.ErrorIs(t, err, policies.ErrForbidden, "a list of nothing at all")
	})
}

// TestBrokenCursors: invalid cursors are ignored (S43).
func TestBrokenCursors(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		all := w.crowd(60)
		want := expect(all, Filter{})[:listing.PageSize]
		cursorOf := func(name string, number int64, o order) string {
			return position{Phase: phaseRest, Name: name, Number: number}.encode(o)
		}
		gone := cursorOf("zzzz", 1, order{by: byName})
		for _, cursor := range []string{
			"x", "AAAA", "'; DROP TABLE customer; --", strings.Repeat("A", 5000), cursorOf("", 5, order{by: byNumber}), gone,
			cursorOf("a\x00b", 5, order{by: byName}), cursorOf("Upper", 5, order{by: byName}),
		} {
			for _, f := range []Filter{{After: cursor}, {Before: cursor}} {
				if f.Before == gone {
					continue // the end of the list is a page
				}
				p, err := w.List(context.Background(), w.anna, f)
				require.NoError(t, err, "%+v", f)
				require.Len(t, p.Rows, listing.PageSize, "%+v: rows", f)
				assert.Equal(t, want[0], p.Rows[0].ID, "%+v", f)
				assert.Empty(t, p.Prev, "%+v", f)
				assert.NotEmpty(t, p.Next, "%+v", f)
			}
		}
	})
}

// TestCountIsCapped: a count of more than a thousand is not exact.
func TestCountIsCapped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		c := w.add(w.anna, Person, anna(), "a@example.org")
		columns := `type, first_name, last_name, locale, name_sort, search, identity, created_at, updated_at`
		for i := range 1000 {
			w.Exec(`INSERT INTO customer (number, id, `+columns+`) SELECT ?, ?, `+columns+` FROM customer WHERE id = ?`, 20000+i, newID(), c.ID)
			if !w.db.IsPostgres() {
				w.Exec(`INSERT INTO customer_search (rowid, text) VALUES (?, '  berg  anna')`, 20000+i)
			}
		}
		for _, q := range []string{"", "berg", "ann", "b"} {
			p, err := w.List(context.Background(), w.anna, Filter{Query: q})
			require.NoError(t, err, "%q", q)
			assert.Equal(t, listing.CountCap, p.Count, "%q: count", q)
			assert.True(t, p.Capped, "%q: capped %v", q, p.Capped)
			assert.Len(t, p.Rows, listing.PageSize, "%q: rows", q)
		}
		w.Exec(`UPDATE customer SET deleting = TRUE WHERE number = 20000`)
		for _, q := range []string{"", "berg"} {
			p, err := w.List(context.Background(), w.anna, Filter{Query: q})
			require.NoError(t, err, "a thousand for %q", q)
			assert.Equal(t, listing.CountCap, p.Count, "a thousand for %q: count", q)
			assert.False(t, p.Capped, "a thousand for %q: capped %v", q, p.Capped)
		}
	})
}
