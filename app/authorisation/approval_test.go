package authorisation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/policies"
)

// made notes that somebody made an account lately.
func (w *world) made(by, whom account.Caller) {
	w.Exec(`INSERT INTO guard_event (id, account_id, what, role, by_id, at) VALUES (?, ?, 'made', '', ?, ?)`, newID(), whom.ID, by.ID, w.Now())
}

// second is a policy administrator who can sign in.
func (w *world) second() account.Caller {
	c := w.Specialist("Petra Plan", policies.PolicyAdministrator)
	w.Exec(`UPDATE account SET password_hash = 'x' WHERE id IN (?, ?)`, c.ID, w.uwe.ID)
	return c
}

// TestAssigningOneMade: an account that the caller created counts as the caller's own. Assigning it where the caller is
// no administrator needs a second person.
func TestAssigningOneMade(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		petra := w.second()
		w.made(w.uwe, w.clara)
		_, err := w.AddAdministrators(w.Ctx, w.uwe, w.customer, ids(w.ben.ID))
		w.Must(err) // made by somebody else
		before := w.facts()
		_, err = w.AddAdministrators(w.Ctx, w.uwe, w.customer, ids(w.clara.ID, w.ben.ID))
		require.ErrorIs(t, err, approval.ErrAsked)
		assert.Equal(t, before, w.facts(), "was")
		waits, err := w.Approvals.About(w.Ctx, approval.Assignment, w.clara.ID)
		w.Must(err)
		require.Len(t, waits, 1)
		require.Equal(t, w.customer, waits[0].CustomerID.UUID)
		require.Equal(t, w.clara.ID, waits[0].ConcernedID.UUID)
		require.Equal(t, "Clara Cron", waits[0].Subject)
		_, err = w.Approvals.Approve(w.Ctx, petra.Actor(), waits[0].ID)
		w.Must(err)
		n := w.Number(`SELECT count(*) FROM customer_administrator WHERE customer_id = ? AND specialist_id = ? AND created_by = ?`,
			w.customer, w.clara.ID, w.uwe.ID)
		assert.Equal(t, 1, n, "assignments after the yes")
		w.sound()
		// An administrator of the customer passes on their own authorisation.
		w.made(w.anna, w.rita)
		_, err = w.AddProcessors(w.Ctx, w.anna, w.customer, ids(w.rita.ID), ids(w.contract.ID))
		w.Must(err)
	})
}

// TestAssigningEnds: after 30 days the account no longer counts as its creator's own. A proposer who has lost the
// permission assigns nothing.
func TestAssigningEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		petra := w.second()
		w.made(w.uwe, w.clara)
		_, err := w.AddAdministrators(w.Ctx, w.uwe, w.customer, ids(w.clara.ID))
		require.ErrorIs(t, err, approval.ErrAsked)
		waits, err := w.Approvals.About(w.Ctx, approval.Assignment, w.clara.ID)
		w.Must(err)
		w.Exec(`DELETE FROM account_role WHERE account_id = ? AND role = 'user_administrator'`, w.uwe.ID)
		_, err = w.Approvals.Approve(w.Ctx, petra.Actor(), waits[0].ID)
		assert.ErrorIs(t, err, policies.ErrForbidden, "the proposer keeps authorisations no more")
		w.Exec(`INSERT INTO account_role (account_id, role) VALUES (?, 'user_administrator')`, w.uwe.ID)
		w.Tick(30 * 24 * time.Hour)
		_, err = w.AddAdministrators(w.Ctx, w.uwe, w.customer, ids(w.clara.ID))
		w.Must(err)
		waits, err = w.Approvals.About(w.Ctx, approval.Assignment, w.clara.ID)
		require.NoError(t, err)
		assert.Empty(t, waits)
	})
}
