package policy

import (
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/store"
	"kontor/policies"
)

// Approvals is what this package needs of approval.Service.
type Approvals interface {
	Excused(ctx context.Context, db bun.IDB, id uuid.UUID) (bool, error)
	Propose(ctx context.Context, tx bun.IDB, by audit.Actor, p approval.Proposal) (approval.Approval, error)
	Settle(ctx context.Context, tx bun.IDB, p approval.Proposed, by audit.Actor) error
	Cancel(ctx context.Context, tx bun.IDB, kind approval.Kind, subject uuid.UUID, by audit.Actor) error
	Handle(handlers map[approval.Kind]approval.Handler)
}

// DraftProposed is the detail of a proposal: the number of the proposed draft's edit, and the lines in which the draft
// differed from the published policy. The person who approves sees these lines without the permission to edit policies.
type DraftProposed struct {
	Edit    int      `json:"edit"`
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// handlers returns this package's approval handlers.
func (s *Service) handlers() map[approval.Kind]approval.Handler {
	return map[approval.Kind]approval.Handler{approval.PolicyChange: {Apply: s.applyDraft, Drop: s.dropDraft}}
}

// applyDraft publishes the proposed draft if it is unchanged and its proposer may still publish.
func (s *Service) applyDraft(ctx context.Context, tx bun.Tx, a approval.Approval, by audit.Actor) error {
	var at DraftProposed
	if err := a.Read(&at); err != nil {
		return err
	}
	d, err := s.draft(ctx, tx)
	if err != nil {
		return err
	}
	if d.Edit != at.Edit || !d.Proposed || d.ProposedBy != a.ProposedBy {
		return approval.ErrVoid
	}
	if err := d.publishable(); err != nil {
		return err
	}
	keeper, err := s.stillKeeps(ctx, tx, a.ProposedBy)
	if err != nil {
		return err
	}
	if !keeper {
		return approval.ErrVoid
	}
	next, err := policies.New(d.Text)
	if err != nil {
		return err
	}
	c := account.Caller{ID: by.ID, Name: by.Name, Address: by.Address}
	p := publication{text: d.Text, comment: d.Comment, action: audit.PolicyPublished, proposer: a.Proposer, second: true, next: next}
	if by.ID == uuid.Nil { // the waiting time is over: the proposer is the author
		c, p.proposer = account.Caller{ID: a.ProposedBy, Name: a.Proposer}, ""
	}
	p.done = func(ctx context.Context, tx bun.IDB, v Version) error {
		return save(ctx, tx, c, Draft{Text: v.Text, Base: v.Number, Edit: d.Edit})
	}
	v, err := s.publishIn(ctx, tx, c, &p)
	if err == nil {
		store.AfterCommit(ctx, func() { s.adopt(v.Number, next) })
	}
	return err
}

// dropDraft clears the proposal of the draft. The draft stays.
func (s *Service) dropDraft(ctx context.Context, tx bun.Tx, a approval.Approval) error {
	d, err := s.draft(ctx, tx)
	if err != nil || !d.Proposed || d.ProposedBy != a.ProposedBy {
		return err
	}
	d.unpropose()
	return save(ctx, tx, account.Caller{Name: d.ChangedBy}, d)
}

// stillKeeps says whether the person can still sign in and manage policies.
func (s *Service) stillKeeps(ctx context.Context, tx bun.IDB, id uuid.UUID) (bool, error) {
	v, err := newest(ctx, tx)
	if err != nil {
		return false, err
	}
	inForce, err := s.InForce(v)
	if err != nil {
		return false, err
	}
	people, err := specialists(ctx, tx)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(people, func(p personRow) bool { return p.ID == id && p.Password })
	if i < 0 {
		return false, nil
	}
	return inForce.Allows(policies.Request{Roles: people[i].roles(), Object: policies.ObjectPolicy, Action: policies.Manage})
}

// withdraw cancels the open proposal of the draft, because the draft is no longer what was proposed.
func (s *Service) withdraw(ctx context.Context, tx bun.IDB, c account.Caller) error {
	return s.o.Approvals.Cancel(ctx, tx, approval.PolicyChange, uuid.Nil, c.Actor())
}

// raises says whether the change gives the caller a right that they can't get alone now. A caller who holds every
// guarding role has nothing to gain. What a person can get alone: their own roles, the end user role, which anybody can
// give themselves, and, with the permission to manage specialist users, the role of another specialist user.
func (s *Service) raises(ctx context.Context, db bun.IDB, c account.Caller, old, next *policies.Decider) (bool, error) {
	reach := append(slices.Clone(c.Roles), policies.EndUser)
	makes, err := old.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: policies.Manage})
	if err != nil {
		return false, err
	}
	if makes {
		reach = append(reach, policies.Specialist)
	}
	if !policies.Widens(old.Document(), next.Document(), reach) {
		return false, nil
	}
	free, err := s.o.Approvals.Excused(ctx, db, c.ID)
	return err == nil && !free, err
}
