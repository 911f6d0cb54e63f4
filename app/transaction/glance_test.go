package transaction

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/policies"
)

// TestGlance: the numbers at the head of a customer's pages are those that its list shows with the same filters, for everybody
// and under different policies.
func TestGlance(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		other := w.addCustomer(w.anna, "Lang")
		w.create(w.anna, other, "Woanders")
		for i := range 14 {
			x := w.create(w.anna, w.customer, fmt.Sprintf("Vorfall %d", i))
			due := []string{"", w.Today(), "2020-01-01", "2099-01-01"}[i%4]
			kind := []string{"contract", "other"}[i%2]
			w.Exec(`UPDATE transactions SET status = ?, due = ?, kind = ? WHERE id = ?`, Statuses[i%3], due, kind, x.ID)
			if i < 3 {
				w.addProcessor(x, w.ben)
			}
		}
		const administers, processes = "p, specialist, administrator, transaction, *, read, allow\n", "p, specialist, processor, transaction, *, read, allow\n"
		require.Contains(t, policies.Default, administers)
		require.Contains(t, policies.Default, processes)
		w.Exec(`INSERT INTO transaction_processor (transaction_id, specialist_id, customer_id, created_at, created_by)
			SELECT transaction_id, ?, customer_id, created_at, created_by FROM transaction_processor`, w.anna.ID)
		listed := func(c account.Caller, f Filter) int {
			f.Customer = w.customer.ID.String()
			p, err := w.List(w.Ctx, c, f)
			w.Must(err)
			return p.Count
		}
		for name, text := range map[string]string{
			"the default":            policies.Default,
			"by kind":                strings.ReplaceAll(policies.Default, administers, "p, specialist, administrator, transaction, contract, read, allow\n"),
			"everybody by kind":      policies.Default + "p, specialist, *, transaction, contract, read, allow\n",
			"not what one processes": policies.Default + "p, specialist, processor, transaction, *, read, deny\n",
			"nothing":                strings.ReplaceAll(strings.ReplaceAll(policies.Default, administers, ""), processes, ""),
		} {
			d, err := policies.New(text)
			w.Must(err)
			w.decider.Adopt(w.decider.Version()+1, d)
			for _, c := range []account.Caller{w.anna, w.ben, w.clara, w.auditor} {
				want := Glance{Total: listed(c, Filter{}), Open: listed(c, Filter{Status: Open}), Overdue: listed(c, Filter{Due: Overdue})}
				got, err := w.GlanceOf(w.Ctx, c, w.customer.ID)
				require.NoError(t, err)
				assert.Equal(t, want, got, "%s: %s", name, c.Name)
			}
		}
	})
}

// TestGlanceCap: no number is higher than it says.
func TestGlanceCap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range GlanceCap + 5 {
			w.create(w.anna, w.customer, fmt.Sprintf("Vorfall %d", i))
		}
		w.Exec(`UPDATE transactions SET due = '2020-01-01'`)
		got, err := w.GlanceOf(w.Ctx, w.anna, w.customer.ID)
		require.NoError(t, err)
		assert.Equal(t, Glance{GlanceCap + 1, GlanceCap + 1, GlanceCap + 1}, got)
	})
}
