package customer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/policies"
	"kontor/policies/policytest"
)

// TestCities: cities are suggested as they are written, each once, and only those of customers that the caller may list.
func TestCities(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			city string
			own  bool
		}{{"Köln", true}, {"Koeln", true}, {"Königswinter", false}, {"Kölleda", true}, {"–", true}, {"", true}} {
			by := w.ben
			if c.own {
				by = w.anna
			}
			d := anna()
			d.City, d.Country = c.city, "DE"
			w.add(by, Person, d, "")
		}
		for typed, want := range map[string][]string{
			"kö": {"Kölleda", "Köln", "Königswinter"}, "KOEL": {"Kölleda", "Köln"}, "köln": {"Köln"}, "x": nil, "": nil, "  ": nil,
		} {
			got, err := w.Cities(w.Ctx, w.anna, typed)
			require.NoError(t, err)
			assert.Equal(t, want, got, "%q", typed)
		}
		p, err := w.List(w.Ctx, w.anna, Filter{City: "–"})
		require.NoError(t, err)
		assert.Equal(t, 1, p.Count, "a city without letters")
		require.NoError(t, policytest.Publish(w.decider, 1, "p, specialist, administrator, customer, *, list, allow"))
		got, err := w.Cities(w.Ctx, w.anna, "kö")
		require.NoError(t, err)
		assert.Equal(t, []string{"Kölleda", "Köln"}, got, "of one's own customers")
		require.NoError(t, policytest.Publish(w.decider, 2, "p, auditor, *, customer, *, list, allow"))
		_, err = w.Cities(w.Ctx, w.anna, "kö")
		assert.ErrorIs(t, err, policies.ErrForbidden)
	})
}

// TestCitiesOfEarlierVersions: the worker computes by which city customers are sorted that a version without that has
// recorded or changed.
func TestCitiesOfEarlierVersions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		all := w.crowd(12)
		sorts := func() (sorts []string) {
			w.Must(w.db.NewSelect().Table("customer").Column("city_sort").Order("number").Scan(w.Ctx, &sorts))
			return sorts
		}
		want := sorts()
		w.Exec(`UPDATE customer SET city_sort = ''`)
		w.Must(w.ContinueCities(w.Ctx))
		assert.Equal(t, want, sorts(), "recorded before")
		w.Exec(`UPDATE customer SET city = 'Ölde' WHERE id = ?`, all[3].ID)
		want[3] = "olde"
		w.Must(w.CorrectCities(w.Ctx))
		assert.Equal(t, want, sorts(), "changed meanwhile")
	})
}

// TestOthersCustomers: whoever may not see who administers a customer can't find that out by the filter.
func TestOthersCustomers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.crowd(20)
		who := func() []Filter {
			return []Filter{{Administrator: w.ben.ID.String()}, {Administrator: Nobody}, {Administrator: w.ben.ID.String(), Query: "berg", Sort: "city"}}
		}
		for _, f := range who() {
			p, err := w.List(w.Ctx, w.anna, f)
			require.NoError(t, err)
			assert.NotEmpty(t, p.Rows, "%+v", f)
		}
		people, err := w.Administrators(w.Ctx, w.anna)
		require.NoError(t, err)
		assert.NotEmpty(t, people)
		const list = "p, specialist, *, customer, *, list, allow\n"
		require.NoError(t, policytest.Publish(w.decider, 1, list+"p, specialist, administrator, authorisation, *, read, allow"))
		for _, f := range who() {
			p, err := w.List(w.Ctx, w.anna, f)
			require.NoError(t, err)
			assert.Empty(t, p.Rows, "%+v, of whom anna administers none", f)
		}
		require.NoError(t, policytest.Publish(w.decider, 2, list))
		for _, f := range who() {
			_, err := w.List(w.Ctx, w.anna, f)
			require.ErrorIs(t, err, policies.ErrForbidden, "%+v", f)
		}
		people, err = w.Administrators(w.Ctx, w.anna)
		require.NoError(t, err)
		assert.Empty(t, people)
		p, err := w.List(w.Ctx, w.anna, Filter{Administrator: Me})
		require.NoError(t, err)
		assert.NotEmpty(t, p.Rows, "one's own customers")
	})
}
