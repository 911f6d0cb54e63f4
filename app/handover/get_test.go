package handover

import (
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"

	"kontor/app/account"
	"kontor/policies"
)

// TestGet: a handover is shown to the person who requested it and to callers who may read specialist users, and only
// under the person from whom it is.
func TestGet(t *testing.T) {
	each(t, func(w *world) {
		w.firm(1)
		h, err := w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, false)
		w.Must(err)
		former := w.admin
		former.Roles = []policies.Role{policies.Specialist}
		for name, c := range map[string]struct {
			caller   account.Caller
			from, id uuid.UUID
			want     error
		}{
			"who asked":                  {w.admin, w.anna.ID, h.ID, nil},
			"who asked, without a right": {former, w.anna.ID, h.ID, nil},
			"a colleague":                {w.cora, w.anna.ID, h.ID, policies.ErrForbidden},
			"who takes over":             {w.ben, w.anna.ID, h.ID, policies.ErrForbidden},
			"nobody":                     {account.Caller{}, w.anna.ID, h.ID, policies.ErrForbidden},
			"at another person":          {w.admin, w.ben.ID, h.ID, ErrNotFound},
			"none":                       {w.admin, w.anna.ID, newID(), ErrNotFound},
		} {
			_, err := w.Get(w.Ctx, c.caller, c.from, c.id)
			w.Want(name, err, c.want)
		}
	})
}

// TestTotals: the assignments of several people are counted up to a limit, customers and transactions together, for
// callers who may read specialist users.
func TestTotals(t *testing.T) {
	each(t, func(w *world) {
		w.firm(3) // Anna has 3 customers and 2 transactions, Cora a customer, Ben nothing
		people := []account.Caller{w.anna, w.ben, w.cora}
		ids := []uuid.UUID{w.anna.ID, w.ben.ID, w.cora.ID}
		for most := range int64(7) {
			got, err := w.totals(w.Ctx, ids, most)
			w.Must(err)
			for _, who := range people {
				assert.Equal(w, min(w.has(who).Total(), most), got[who.ID], "%s, counted up to %d", who.Name, most)
			}
			a, err := w.assignments(w.Ctx, w.DB, w.anna.ID, most)
			w.Must(err)
			assert.Equal(w, Assignments{min(3, most), min(2, most), min(3, most)}, a, "Anna's, counted up to %d", most)
		}
		got, err := w.TotalsOf(w.Ctx, w.admin, ids)
		w.Must(err)
		assert.Equal(w, map[uuid.UUID]int64{w.anna.ID: 5, w.ben.ID: 0, w.cora.ID: 1}, got, "as the list shows them")
		got, err = w.TotalsOf(w.Ctx, w.admin, nil)
		w.Must(err)
		assert.Empty(w, got, "of nobody")
		for _, c := range []account.Caller{w.anna, {}} {
			_, err := w.TotalsOf(w.Ctx, c, ids)
			w.Want("totals", err, policies.ErrForbidden)
			_, err = w.AssignmentsOf(w.Ctx, c, w.anna.ID)
			w.Want("assignments", err, policies.ErrForbidden)
		}
	})
}
