package customer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
)

// recent returns the names of the customers that somebody opened last.
func (w *world) recent(c account.Caller) (names []string) {
	w.Helper()
	rows, err := w.Recent(context.Background(), c)
	require.NoError(w, err)
	for _, r := range rows {
		names = append(names, r.Name)
	}
	return names
}

// TestRecent: a person finds the last few customers whose pages they opened, the last one first, and nobody else does.
// Nothing is written twice within a minute. What they may not read any more is not there.
func TestRecent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		all := make([]Customer, RecentMost+2)
		for i := range all {
			all[i] = w.add(w.anna, Person, Data{FirstName: "Änne", LastName: fmt.Sprintf("Kunde%c", 'A'+i)}, fmt.Sprintf("k%d@example.org", i))
		}
		open := func(c account.Caller, i int) {
			t.Helper()
			require.NoError(t, w.Opened(ctx, c, all[i].ID))
		}
		assert.Empty(t, w.recent(w.anna))
		for i := range all {
			open(w.anna, i)
			w.Tick(time.Second)
		}
		want := []string{}
		for i := len(all) - 1; i >= 2; i-- {
			want = append(want, fmt.Sprintf("Kunde%c, Änne", 'A'+i))
		}
		assert.Equal(t, want, w.recent(w.anna))
		assert.Empty(t, w.recent(w.ben), "somebody else's")
		assert.Equal(t, RecentMost, w.Number(`SELECT count(*) FROM recent_customer`), "rows that are kept")

		w.Exec(`DELETE FROM recent_customer`)
		open(w.anna, 3)
		assert.Empty(t, w.recent(w.anna), "noted again within a minute")
		w.Tick(time.Minute)
		open(w.anna, 3)
		open(w.ben, 3)
		open(w.ben, 4)
		assert.Len(t, w.recent(w.anna), 1, "after a minute")
		require.NoError(t, w.Opened(ctx, w.anna, uuid.Must(uuid.NewV7())), "a customer that is gone")
		require.NoError(t, w.Opened(ctx, account.Caller{}, all[5].ID), "nobody")
		assert.Equal(t, 3, w.Number(`SELECT count(*) FROM recent_customer`))

		w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, all[4].ID)
		assert.Equal(t, []string{"KundeD, Änne"}, w.recent(w.ben), "one that is being deleted")
		w.policyIs("\np, specialist, *, customer, person, read, deny\n")
		assert.Empty(t, w.recent(w.ben), "what they may not read any more")
	})
}
