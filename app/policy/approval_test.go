package policy

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/approval"
	"kontor/policies"
)

// approvals is the approval service of this process, with this feature's handlers.
func (w *world) approvals() *approval.Service {
	w.Helper()
	a, ok := w.o.Approvals.(*approval.Service)
	require.True(w, ok, "not the real approvals")
	return a
}

// proposal is what waits about the policy; false when nothing does.
func (w *world) proposal() (approval.Approval, bool) {
	w.Helper()
	list, err := w.approvals().About(w.Ctx, approval.PolicyChange, uuid.Nil)
	w.Must(err)
	if len(list) == 0 {
		return approval.Approval{}, false
	}
	return list[0], true
}

const wide = "end_user, *, audit, *, read"

// TestApprovedDraft: the second person does not need the permission to manage policies, and the proposed draft is
// published.
func TestApprovedDraft(t *testing.T) {
	each(t, func(w *world) {
		ulla := w.Specialist("Ulla User", policies.UserAdministrator)
		w.add(allow(wide))
		w.Want("alone", w.publish(), ErrSecond)
		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "Customers look at the log"))
		a, ok := w.proposal()
		require.True(t, ok)
		require.Nil(t, a.PassesAt)
		require.Equal(t, "Customers look at the log", a.Why)
		require.Equal(t, w.petra.ID, a.ProposedBy)
		_, err := w.approvals().Approve(w.Ctx, w.petra.Actor(), a.ID)
		w.Want("by the proposer", err, approval.ErrNotYours)
		_, err = w.approvals().Approve(w.Ctx, ulla.Actor(), a.ID)
		w.Must(err)
		v, err := w.Current(w.Ctx, w.petra)
		w.Must(err)
		assert.Equal(t, 2, v.Number)
		assert.Equal(t, "Ulla User", v.Author)
		assert.Equal(t, "Petra Richter", v.Proposer)
		assert.Equal(t, "Customers look at the log", v.Comment)
		may, err := w.o.Decider.Allows(policies.Request{Roles: []policies.Role{policies.EndUser}, Object: policies.ObjectAudit, Action: policies.Read})
		if assert.NoError(t, err, "in force here") {
			assert.True(t, may, "in force here: %v", may)
			assert.Equal(t, 2, w.o.Decider.Version(), "in force here: version")
		}
		d := w.draftNow()
		assert.False(t, d.Changed(), "the draft: %+v", d)
		assert.False(t, d.Proposed, "the draft")
	})
}

// TestChangedDraft: every change of the draft, and every publication, makes the proposal void.
func TestChangedDraft(t *testing.T) {
	for name, change := range map[string]func(w *world, paul account.Caller) error{
		"a rule more": func(w *world, paul account.Caller) error {
			return w.AddRule(w.Ctx, paul, w.draftNow().Edit, deny(denyProcess))
		},
		"a rule less": func(w *world, paul account.Caller) error {
			return w.RemoveRule(w.Ctx, paul, w.draftNow().Edit, allow(wide))
		},
		"Undo":      func(w *world, paul account.Caller) error { return w.Undo(w.Ctx, paul, w.draftNow().Edit) },
		"discarded": func(w *world, paul account.Caller) error { return w.Discard(w.Ctx, paul, w.draftNow().Edit) },
		"another text": func(w *world, paul account.Caller) error {
			return w.SetText(w.Ctx, paul, w.draftNow().Edit, policies.Default+"# x\n")
		},
		"proposed again": func(w *world, paul account.Caller) error { return w.Propose(w.Ctx, paul, w.draftNow().Edit, "mine") },
		"published": func(w *world, paul account.Caller) error {
			w.guard(paul)
			_, err := w.Publish(w.Ctx, paul, w.draftNow().Edit, "x")
			return err
		},
		"another version": func(w *world, paul account.Caller) error {
			w.guard(paul)
			w.Must(w.AddRule(w.Ctx, paul, w.draftNow().Edit, deny(denyProcess)))
			_, err := w.Publish(w.Ctx, paul, w.draftNow().Edit, "x")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				paul, ulla := w.Specialist("Paul Adam", policies.PolicyAdministrator), w.Specialist("Ulla User", policies.UserAdministrator)
				w.add(allow(wide))
				w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "first"))
				a, _ := w.proposal()
				w.Must(change(w, paul))
				version := w.o.Decider.Version()
				_, err := w.approvals().Approve(w.Ctx, ulla.Actor(), a.ID)
				w.Want("approve", err, approval.ErrSettled)
				assert.Equal(t, version, w.o.Decider.Version(), "published all the same")
			})
		})
	}
}

// TestStoppedDraft: a draft whose proposal was stopped stays, and is no longer proposed.
func TestStoppedDraft(t *testing.T) {
	each(t, func(w *world) {
		ulla := w.Specialist("Ulla User", policies.UserAdministrator)
		w.add(allow(wide))
		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "first"))
		a, _ := w.proposal()
		_, err := w.approvals().Stop(w.Ctx, ulla.Actor(), a.ID)
		w.Must(err)
		d := w.draftNow()
		assert.False(t, d.Proposed, "%+v", d)
		assert.True(t, d.Changed())
		assert.Equal(t, "Petra Richter", d.ChangedBy)
		w.Want("alone", w.publish(), ErrSecond)
	})
}

// TestPassedDraft: in a firm with one policy administrator the draft is in force after the waiting time, with her as
// the author.
func TestPassedDraft(t *testing.T) {
	each(t, func(w *world) {
		w.add(allow(wide))
		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "first"))
		a, _ := w.proposal()
		require.NotNil(t, a.PassesAt, "nobody else is there, and it never takes effect")
		w.Must(w.approvals().Tick(w.Ctx))
		assert.Equal(t, 1, w.o.Decider.Version(), "at once")
		w.Tick(approval.DefaultDelay + time.Minute)
		w.Must(w.approvals().Tick(w.Ctx))
		v, err := w.Current(w.Ctx, w.petra)
		w.Must(err)
		assert.Equal(t, 2, v.Number)
		assert.Equal(t, "Petra Richter", v.Author)
		assert.Equal(t, w.petra.ID, v.AuthorID.UUID)
		assert.Empty(t, v.Proposer)
		assert.Equal(t, 2, w.o.Decider.Version())
	})
}

// TestSecondOfPolicy: a policy administrator who publishes what another one proposed must meet the same conditions as
// an approver.
func TestSecondOfPolicy(t *testing.T) {
	each(t, func(w *world) {
		paul := w.Specialist("Paul Adam", policies.PolicyAdministrator)
		w.Exec(`INSERT INTO guard_event (id, account_id, what, role, by_id, at) VALUES (?, ?, 'made', '', ?, ?)`, accounttest.ID(), paul.ID, w.petra.ID, w.Now())
		w.add(allow(wide))
		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "first"))
		_, err := w.Publish(w.Ctx, paul, w.draftNow().Edit, "x")
		w.Want("by whom the proposer made", err, ErrSecond)
		w.Exec(`DELETE FROM guard_event`)
		_, err = w.Publish(w.Ctx, paul, w.draftNow().Edit, "x")
		w.Must(err)
		assert.Equal(t, 1, w.count(`approval WHERE state = 'approved'`), "approvals")
	})
	each(t, func(w *world) {
		ulla := w.Specialist("Ulla User", policies.UserAdministrator)
		w.add(allow(wide))
		w.Must(w.Propose(w.Ctx, w.petra, w.draftNow().Edit, "first"))
		a, _ := w.proposal()
		w.Exec(`DELETE FROM account_role WHERE account_id = ?`, w.petra.ID)
		_, err := w.approvals().Approve(w.Ctx, ulla.Actor(), a.ID)
		w.Want("the proposer keeps policies no more", err, approval.ErrVoid)
	})
}
