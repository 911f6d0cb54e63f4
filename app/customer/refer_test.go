package customer

import (
	"context"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/policies"
	"kontor/policies/policytest"
)

// TestRefer: a link to a customer is for those who may read it, one to its authorisations for those who may read these,
// and none leads to a customer that is being deleted or to a receipt of somebody else.
func TestRefer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		person, firm := w.add(w.anna, Person, anna(), "a@example.org"), w.add(w.anna, Company, acme(), "b@example.org")
		gone := w.add(w.anna, Person, anna(), "c@example.org")
		d, err := w.Delete(ctx, w.anna, gone.ID, gone.Label())
		require.NoError(t, err)
		ids := []uuid.UUID{person.ID, firm.ID, gone.ID, newID()}
		refer := func(c account.Caller) map[uuid.UUID]Reference {
			t.Helper()
			list, err := w.Refer(ctx, c, ids)
			require.NoError(t, err)
			return list
		}
		assert.Equal(t, map[uuid.UUID]Reference{person.ID: {person.Number, true}, firm.ID: {firm.Number, true}}, refer(w.ben))
		assert.Empty(t, refer(account.Caller{ID: newID()}), "nobody")
		receipts := func(c account.Caller) map[uuid.UUID]bool {
			t.Helper()
			list, err := w.Deletions(ctx, c, []uuid.UUID{d.ID, newID()})
			require.NoError(t, err)
			return list
		}
		assert.Equal(t, map[uuid.UUID]bool{d.ID: true}, receipts(w.anna))
		assert.Empty(t, receipts(w.ben), "who has not asked for it")
		assert.Equal(t, map[uuid.UUID]bool{d.ID: true}, receipts(account.Caller{ID: newID(), Roles: []policies.Role{policies.DataAdministrator}}))

		require.NoError(t, policytest.Publish(w.decider, w.decider.Version()+1,
			"p, specialist, *, customer, person, read, allow\np, specialist, administrator, authorisation, *, read, allow\n"))
		assert.Equal(t, map[uuid.UUID]Reference{person.ID: {person.Number, false}}, refer(w.ben))
		assert.Equal(t, map[uuid.UUID]Reference{person.ID: {person.Number, true}}, refer(w.anna), "its administrator")

		id, found, err := w.IDByNumber(ctx, firm.Number)
		require.NoError(t, err)
		assert.True(t, found)
		assert.Equal(t, firm.ID, id)
		_, found, err = w.IDByNumber(ctx, gone.Number)
		require.NoError(t, err)
		assert.False(t, found)
	})
}
