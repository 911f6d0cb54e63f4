package savedview

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// TestClean: a view keeps the filters and the order of its list, and nothing else: no search text, and no page.
func TestClean(t *testing.T) {
	for _, c := range []struct {
		list        List
		query, want string
	}{
		{Customers, "", ""},
		{Customers, "q=m%C3%BCller&type=person&after=x&sort=-name", "type=person&sort=-name"},
		{Customers, "status=attention&status=expired&city=K%C3%B6ln+S%C3%BCd", "status=attention&status=expired&city=K%C3%B6ln+S%C3%BCd"},
		{Customers, "kind=contract&type=&city=%zz&sort=name%0d%0aSet-Cookie:x", "sort=name%0D%0ASet-Cookie%3Ax"},
		{Customers, "city=%ff&type", ""},
		{Transactions, "kind=contract&responsible=me&customer=K-10001&due=week&q=a", "kind=contract&responsible=me&due=week"},
		{"nonsense", "type=person", ""},
	} {
		assert.Equal(t, c.want, Clean(c.list, c.query), "%q of %s", c.query, c.list)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("q=a&type=person&&city=%C3%A4+b&status=%zz")
	f.Fuzz(func(t *testing.T, query string) {
		for _, list := range Lists {
			clean := Clean(list, query)
			assert.Equal(t, clean, Clean(list, clean), "%q: once more", query)
			values, err := url.ParseQuery(clean)
			require.NoError(t, err, "%q became %q", query, clean)
			assert.False(t, values.Has("q") || values.Has("after") || values.Has("before"), "%q became %q", query, clean)
			assert.NotContains(t, clean, "#")
		}
	})
}

type world struct {
	*accounttest.Firm
	*Service

	anna, ben, ulla account.Caller
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{Firm: accounttest.NewFirm(t, db, time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC))}
		w.Service = New(Options{DB: db, Now: w.Firm.Now, Decider: w.Decider})
		w.anna, w.ben = w.Person("Anna", true, policies.Specialist), w.Person("Ben", true, policies.Specialist)
		w.ulla = w.Person("Ulla", true, policies.UserAdministrator)
		test(t, w)
	})
}

// said is what a list shows of somebody's views.
func (w *world) said(c account.Caller, list List) (lines []string) {
	w.Helper()
	views, err := w.Of(w.Ctx, c, list)
	w.Must(err)
	for _, v := range views {
		lines = append(lines, fmt.Sprintf("%s %s shared=%v own=%v", v.Name, v.Query, v.Shared, v.Own))
	}
	return lines
}

// id is the id of somebody's view with a name.
func (w *world) id(c account.Caller, name string) uuid.UUID {
	w.Helper()
	views, err := w.Of(w.Ctx, c, Customers)
	w.Must(err)
	for _, v := range views {
		if v.Name == name {
			return v.ID
		}
	}
	require.Fail(w, "no such view", name)
	return uuid.Nil
}

// TestViews: everybody has their own views and those for everybody, of one list. Only who may share makes and removes
// views for everybody.
func TestViews(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		save := func(c account.Caller, v View) error { return w.Save(w.Ctx, c, Customers, v) }
		require.NoError(t, save(w.anna, View{Name: "  Meine  Firmen ", Query: "type=company&administrator=me&q=geheim"}))
		require.NoError(t, save(w.anna, View{Name: "Abgelaufen", Query: "status=expired"}))
		require.NoError(t, w.Save(w.Ctx, w.anna, Transactions, View{Name: "Meine", Query: "responsible=me"}))
		require.ErrorIs(t, save(w.anna, View{Name: "Für alle", Query: "type=person", Shared: true}), policies.ErrForbidden)
		require.NoError(t, save(w.ulla, View{Name: "Für alle", Query: "type=person", Shared: true}))
		assert.Equal(t, []string{
			"Abgelaufen status=expired shared=false own=true", "Meine Firmen type=company&administrator=me shared=false own=true",
			"Für alle type=person shared=true own=false",
		}, w.said(w.anna, Customers))
		assert.Equal(t, []string{"Für alle type=person shared=true own=false"}, w.said(w.ben, Customers))
		assert.Equal(t, []string{"Meine responsible=me shared=false own=true"}, w.said(w.anna, Transactions))
		assert.Empty(t, w.said(w.ben, Transactions))

		require.NoError(t, save(w.anna, View{Name: "Abgelaufen", Query: "status=expired&sort=city"}), "the name again")
		assert.Contains(t, w.said(w.anna, Customers), "Abgelaufen status=expired&sort=city shared=false own=true")

		shared := w.id(w.ben, "Für alle")
		for name, err := range map[string]error{
			"another's":             w.Remove(w.Ctx, w.ben, w.id(w.anna, "Abgelaufen")),
			"another's, may":        w.Remove(w.Ctx, w.ulla, w.id(w.anna, "Abgelaufen")),
			"for everybody":         w.Remove(w.Ctx, w.ben, shared),
			"one that is not":       w.Remove(w.Ctx, w.ulla, uuid.Must(uuid.NewV7())),
			"of an unknown list":    w.Save(w.Ctx, w.anna, "nonsense", View{Name: "x"}),
			"with too long a query": save(w.anna, View{Name: "x", Query: "city=" + strings.Repeat("a", 1000)}),
		} {
			require.ErrorIs(t, err, ErrUnknown, name)
		}
		require.NoError(t, w.Remove(w.Ctx, w.ulla, shared))
		require.NoError(t, w.Remove(w.Ctx, w.anna, w.id(w.anna, "Abgelaufen")))
		assert.Equal(t, []string{"Meine Firmen type=company&administrator=me shared=false own=true"}, w.said(w.anna, Customers))
	})
}

// TestViewNames: a view needs a name, and nobody has more than MostOwn of a list.
func TestViewNames(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, name := range []string{"", "  ", strings.Repeat("ä", longestName+1)} {
			require.ErrorIs(t, w.Save(w.Ctx, w.anna, Customers, View{Name: name}), ErrName, "%q", name)
		}
		require.NoError(t, w.Save(w.Ctx, w.anna, Customers, View{Name: strings.Repeat("ä", longestName)}))
		for i := range MostOwn - 1 {
			require.NoError(t, w.Save(w.Ctx, w.anna, Customers, View{Name: fmt.Sprint(i)}))
		}
		require.ErrorIs(t, w.Save(w.Ctx, w.anna, Customers, View{Name: "one more"}), ErrTooMany)
		require.NoError(t, w.Save(w.Ctx, w.anna, Customers, View{Name: "0", Query: "type=person"}), "a name that there is")
		require.NoError(t, w.Save(w.Ctx, w.anna, Transactions, View{Name: "another list"}))
		require.NoError(t, w.Save(w.Ctx, w.ben, Customers, View{Name: "another person"}))
	})
}
