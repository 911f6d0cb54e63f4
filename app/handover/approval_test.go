package handover

import (
	"testing"

	"github.com/gofrs/uuid/v5"
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

func (w *world) approve(kind approval.Kind, about, by account.Caller) {
	w.Helper()
	waits, err := w.Approvals.About(w.Ctx, kind, about.ID)
	w.Must(err)
	require.Len(w, waits, 1, "proposals")
	_, err = w.Approvals.Approve(w.Ctx, by.Actor(), waits[0].ID)
	w.Must(err)
}

// TestHandingOverToOneMade: an account that the caller created counts as the caller's own. Giving it somebody else's
// assignments, permanently or as a deputy, needs a second person.
func TestHandingOverToOneMade(t *testing.T) {
	each(t, func(w *world) {
		petra := w.Specialist("Petra Plan", policies.PolicyAdministrator)
		w.customer(w.anna, "Weg GmbH", 2)
		w.made(w.admin, w.ben)
		_, err := w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, false)
		w.Want("handover", err, approval.ErrAsked)
		w.Want("deputy", w.AddDeputy(w.Ctx, w.admin, w.anna.ID, DeputyForm{Deputy: w.ben.ID.String(), From: "2026-11-24", Until: "2026-11-30"}), approval.ErrAsked)
		assert.Equal(w, 0, w.count("handover"), "handovers")
		assert.Equal(w, 0, w.count("deputy"), "deputies")
		w.approve(approval.Deputy, w.ben, petra)
		assert.Equal(w, 1, w.count("deputy WHERE deputy_id = ?", w.ben.ID), "deputies after the yes")
		w.approve(approval.Handover, w.ben, petra)
		_, err = w.work(w.Ctx, 10)
		w.Must(err)
		assert.EqualValues(w, 1, w.has(w.ben).Administered, "has")
		// A handover to others and a handover of one's own customers happen at once.
		_, err = w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.cora.ID}, false)
		w.Must(err)
		w.made(w.anna, w.ben)
		w.Must(w.AddDeputy(w.Ctx, w.anna, w.anna.ID, DeputyForm{Deputy: w.ben.ID.String(), From: "2026-12-01", Until: "2026-12-02"}))
	})
}
