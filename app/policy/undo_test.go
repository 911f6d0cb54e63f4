package policy

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/policies"
)

// TestUndoEndsAProposal: after Undo the draft is no longer proposed, so nobody can approve it as the second person.
func TestUndoEndsAProposal(t *testing.T) {
	each(t, func(w *world) {
		paul := w.Specialist("Paul Adam", policies.PolicyAdministrator)
		w.add(allow("specialist, *, queue, *, read"))
		w.add(allow("specialist, *, queue, *, manage"))
		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "Both or none"))
		w.Must(w.Undo(w.Ctx, w.petra, w.draftNow().Edit))
		d := w.draftNow()
		assert.False(w, d.Proposed, "after Undo: %+v", d)
		assert.Empty(w, d.Proposer, "after Undo")
		assert.Empty(w, d.Comment, "after Undo")
		assert.Len(w, d.Added, 1, "after Undo")
		_, err := w.Publish(w.Ctx, paul, d.Edit, "Agreed")
		w.Want("half a proposal, published by its second person", err, ErrSecond)
		w.Must(w.Propose(w.Ctx, w.petra, d.Edit, "Half of it, then"))
		_, err = w.Publish(w.Ctx, paul, w.draftNow().Edit, "Agreed")
		w.Must(err)
	})
}

// TestImpactOfDeactivatedAccesses: a person with a deactivated access gains and loses nothing, and is no end user.
func TestImpactOfDeactivatedAccesses(t *testing.T) {
	each(t, func(w *world) {
		anna := w.Specialist("Anna Berg")
		cu := w.customer("person", "Kühn", anna)
		w.transaction(cu, "Contract", "contract")
		eva := w.account("Eva Ende", false)
		w.access(cu, eva)
		w.add(deny("end_user, *, transaction, *, read"))
		require.Len(w, w.impact(w.petra), 1, "one end user loses")
		w.Exec(`UPDATE access SET deactivated_at = registered_at WHERE account_id = ?`, eva)
		assert.Empty(w, w.impact(w.petra), "whose access is deactivated")
	})
}

// TestOlderVersionStaysOut: an older version that a slow process has built never replaces a newer one.
func TestOlderVersionStaysOut(t *testing.T) {
	each(t, func(w *world) {
		w.add(allow("auditor, *, queue, *, read"))
		w.Must(w.publish())
		newer := w.o.Decider.Version()
		old, err := policies.New(policies.Default)
		w.Must(err)
		may := func() bool {
			ok, err := w.o.Decider.Allows(policies.Request{Roles: []policies.Role{policies.Auditor}, Object: policies.ObjectQueue, Action: policies.Read})
			w.Must(err)
			return ok
		}
		for _, number := range []int{newer - 1, newer} {
			w.adopt(number, old)
			w.Must(w.install(number, policies.Default))
			assert.Equal(w, newer, w.o.Decider.Version(), "version %d took the place", number)
			assert.True(w, may())
		}
	})
}

// TestStaleDraftIsNotWritten: when two txs have read the same draft, the second one writes nothing.
func TestStaleDraftIsNotWritten(t *testing.T) {
	each(t, func(w *world) {
		w.add(allow("auditor, *, queue, *, read"))
		d := w.draftNow()
		w.InTx(func(ctx context.Context, tx bun.Tx) error { return save(ctx, tx, w.petra, d) })
		text := w.draftNow().Text
		d.Text = policies.Default
		w.InTx(func(ctx context.Context, tx bun.Tx) error {
			w.Want("the second", save(ctx, tx, w.petra, d), ErrBehind)
			return nil
		})
		assert.Equal(w, text, w.draftNow().Text, "the second has written over the first")
	})
}
