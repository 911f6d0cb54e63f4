package account

import (
	"context"
	"errors"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/store"
	"kontor/policies"
)

// Approvals is what this package needs of approval.Service.
type Approvals interface {
	Excused(ctx context.Context, db bun.IDB, id uuid.UUID) (bool, error)
	Own(ctx context.Context, db bun.IDB, id uuid.UUID, accounts []uuid.UUID) ([]uuid.UUID, error)
	Made(ctx context.Context, tx bun.IDB, account uuid.UUID, by audit.Actor, roles []policies.Role) error
	Gave(ctx context.Context, tx bun.IDB, account uuid.UUID, by audit.Actor, roles []policies.Role) error
	Took(ctx context.Context, tx bun.IDB, account uuid.UUID, by audit.Actor, roles []policies.Role) error
	Propose(ctx context.Context, tx bun.IDB, by audit.Actor, p approval.Proposal) (approval.Approval, error)
	Cancel(ctx context.Context, tx bun.IDB, kind approval.Kind, subject uuid.UUID, by audit.Actor) error
	Handle(handlers map[approval.Kind]approval.Handler)
}

// RolesWanted is the detail of a proposal for roles.
type RolesWanted struct {
	Roles []policies.Role `json:"roles"`
}

// second returns those of the gained roles that need a second person's approval when c gives them to a. Guarding roles
// need it, unless c is excused (approvals.Excused) and a already has a guarding role. If c is not excused and created
// the account recently, it counts as c's own. Then every role that would grant a permission that c lacks needs approval
// as well. An account without an id is being created now.
func (s *Service) second(ctx context.Context, tx bun.IDB, c Caller, a Account, gained []policies.Role) ([]policies.Role, error) {
	if len(gained) == 0 {
		return nil, nil
	}
	free, err := s.approvals.Excused(ctx, tx, c.ID)
	if err != nil {
		return nil, err
	}
	guarding := approval.GuardsAmong(gained)
	if free {
		if approval.Guards(a.Roles) {
			return nil, nil
		}
		return guarding, nil
	}
	own := a.ID == uuid.Nil
	if !own {
		made, err := s.approvals.Own(ctx, tx, c.ID, []uuid.UUID{a.ID})
		if err != nil {
			return nil, err
		}
		own = len(made) > 0
	}
	policy, err := s.newestPolicy(ctx, tx)
	if err != nil {
		return nil, err
	}
	document := policy.Document()
	return slices.DeleteFunc(slices.Clone(gained), func(r policies.Role) bool {
		return !slices.Contains(guarding, r) && (!own || document.Covers(c.Roles, r))
	}), nil
}

// rolesFor is the proposal to give roles to an account. It voids an earlier one by the same person.
func rolesFor(a Account, roles []policies.Role, why string) approval.Proposal {
	return approval.Proposal{
		Kind: approval.Roles, SubjectID: a.ID, ConcernedID: a.ID, Subject: a.Name, Detail: RolesWanted{roles}, Why: why,
	}
}

// handlers returns the functions that apply approved proposals about accounts.
func (s *Service) handlers() map[approval.Kind]approval.Handler {
	return map[approval.Kind]approval.Handler{
		approval.Roles:        {Apply: s.applyRoles},
		approval.Reactivation: {Apply: s.applyReactivation},
	}
}

// proposed loads the account that a proposal is about and locks it. It returns ErrVoid if the proposer may no longer
// manage specialist users. The caller has locked the holders of roles.
func (s *Service) proposed(ctx context.Context, tx bun.IDB, p approval.Approval) (a Account, err error) {
	c, err := s.CallerOf(ctx, tx, p.ProposedBy)
	if errors.Is(err, ErrNobody) {
		return Account{}, approval.ErrVoid
	}
	if err != nil {
		return Account{}, err
	}
	policy, err := s.newestPolicy(ctx, tx)
	if err != nil {
		return Account{}, err
	}
	may, err := policy.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: policies.Manage})
	if err != nil {
		return Account{}, err
	}
	a, err = lockAccount(ctx, tx, p.SubjectID.UUID)
	if store.IsNoRows(err) || err == nil && (!a.Specialist || !may) {
		return Account{}, approval.ErrVoid
	}
	if err != nil {
		return Account{}, err
	}
	return a, loadRoles(ctx, tx, &a)
}

func (s *Service) applyRoles(ctx context.Context, tx bun.Tx, p approval.Approval, by audit.Actor) error {
	a, err := s.proposed(ctx, tx, p)
	if err != nil {
		return err
	}
	var wanted RolesWanted
	if err := p.Read(&wanted); err != nil {
		return err
	}
	gained := minus(wanted.Roles, a.Roles)
	if !a.Active || len(gained) == 0 {
		return approval.ErrVoid
	}
	return s.giveRoles(ctx, tx, &a, rolesGiven{
		roles: append(slices.Clone(a.Roles), gained...), giver: audit.Actor{ID: p.ProposedBy, Name: p.Proposer}, by: by,
	})
}

func (s *Service) applyReactivation(ctx context.Context, tx bun.Tx, p approval.Approval, by audit.Actor) error {
	a, err := s.proposed(ctx, tx, p)
	if err != nil {
		return err
	}
	if a.Active {
		return approval.ErrVoid
	}
	if err := s.approvals.Gave(ctx, tx, a.ID, audit.Actor{ID: p.ProposedBy}, a.Roles); err != nil {
		return err
	}
	return s.reactivate(ctx, tx, Caller{ID: by.ID, Name: by.Name, Address: by.Address}, &a)
}

// rolesGiven are the roles that an account is to have from now on.
type rolesGiven struct {
	roles []policies.Role
	giver audit.Actor // who decided it, or proposed it
	by    audit.Actor // who performs it: giver, or who approved the proposal
}

// giveRoles replaces the roles of an account.
func (s *Service) giveRoles(ctx context.Context, tx bun.IDB, a *Account, g rolesGiven) error {
	roles, _ := inOrder(g.roles)
	changes := audit.Changes{}
	note(changes, "roles", joinRoles(a.Roles), joinRoles(roles))
	if len(changes) == 0 {
		return nil
	}
	gained, lost := minus(roles, a.Roles), minus(a.Roles, roles)
	if err := s.approvals.Gave(ctx, tx, a.ID, g.giver, gained); err != nil {
		return err
	}
	if err := s.approvals.Took(ctx, tx, a.ID, g.giver, lost); err != nil {
		return err
	}
	if err := s.tellRoles(ctx, tx, *a, gained, lost); err != nil {
		return err
	}
	if err := replaceRoles(ctx, tx, a.ID, roles); err != nil {
		return err
	}
	a.Roles = roles
	return s.audit.Write(ctx, tx, g.by, a.record(audit.AccountRolesChanged, changes))
}

// CallerOf returns a person as a caller, for something they requested earlier. It returns ErrNobody when they can no
// longer sign in.
func (s *Service) CallerOf(ctx context.Context, db bun.IDB, id uuid.UUID) (Caller, error) {
	w, err := findFacts(ctx, db, id)
	if store.IsNoRows(err) || err == nil && (!w.Account.Active || w.Account.PasswordHash == "") {
		return Caller{}, ErrNobody
	}
	if err != nil {
		return Caller{}, err
	}
	return Caller{ID: id, Name: w.Account.Name, Roles: allRoles(w.Account, w.HasAccess)}, nil
}
