package handover

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
)

// Accounts is what this package needs of account.Service.
type Accounts interface {
	CallerOf(ctx context.Context, db bun.IDB, id uuid.UUID) (account.Caller, error)
	OnSwitched(f account.Switched)
}

// Approvals is what this package needs of approval.Service.
type Approvals interface {
	Own(ctx context.Context, db bun.IDB, id uuid.UUID, accounts []uuid.UUID) ([]uuid.UUID, error)
	Propose(ctx context.Context, tx bun.IDB, by audit.Actor, p approval.Proposal) (approval.Approval, error)
	Handle(handlers map[approval.Kind]approval.Handler)
}

// request is a handover or a deputy that somebody wants, and the detail of a proposal to make it.
type request interface {
	kind() approval.Kind
	holder() uuid.UUID // the person whose assignments are passed on
}

// handoverRequest is what Start is asked for.
type handoverRequest struct {
	From uuid.UUID   `json:"from"`
	To   []uuid.UUID `json:"to"`
	Move bool        `json:"move"`
}

func (d handoverRequest) kind() approval.Kind { return approval.Handover }
func (d handoverRequest) holder() uuid.UUID   { return d.From }

// deputyRequest is what AddDeputy is asked for.
type deputyRequest struct {
	Specialist uuid.UUID  `json:"specialist"`
	Form       DeputyForm `json:"form"`
}

func (d deputyRequest) kind() approval.Kind { return approval.Deputy }
func (d deputyRequest) holder() uuid.UUID   { return d.Specialist }

// handlers returns this package's approval handlers.
func (s *Service) handlers() map[approval.Kind]approval.Handler {
	return map[approval.Kind]approval.Handler{
		approval.Handover: {Apply: s.applyHandover},
		approval.Deputy:   {Apply: s.applyDeputy},
	}
}

// ask proposes a handover or a deputy instead when the account of one of the recipients counts as the caller's own,
// usually because the caller recently created it (see Approvals.Own). It returns whether it proposed. Nothing is
// proposed for the caller's own assignments: callers may pass those on.
func (s *Service) ask(ctx context.Context, tx bun.Tx, c account.Caller, wanted request, to []Person) (bool, error) {
	if wanted.holder() == c.ID {
		return false, nil
	}
	ids := make([]uuid.UUID, len(to))
	for i, p := range to {
		ids[i] = p.ID
	}
	own, err := s.o.Approvals.Own(ctx, tx, c.ID, ids)
	if err != nil || len(own) == 0 {
		return false, err
	}
	name := ""
	for _, p := range to {
		if p.ID == own[0] {
			name = p.Name
		}
	}
	_, err = s.o.Approvals.Propose(ctx, tx, c.Actor(), approval.Proposal{
		Kind: wanted.kind(), SubjectID: own[0], ConcernedID: own[0], Subject: name, Detail: wanted,
	})
	return err == nil, err
}

// proposer returns the proposer as a caller; approval.ErrVoid when they can't sign in any more.
func (s *Service) proposer(ctx context.Context, tx bun.IDB, p approval.Approval) (account.Caller, error) {
	c, err := s.o.Accounts.CallerOf(ctx, tx, p.ProposedBy)
	if errors.Is(err, account.ErrNobody) {
		err = approval.ErrVoid
	}
	return c, err
}

// applyHandover begins the handover in the name of its proposer, if they still may, and adds the job that does it.
func (s *Service) applyHandover(ctx context.Context, tx bun.Tx, p approval.Approval, _ audit.Actor) error {
	var d handoverRequest
	if err := p.Read(&d); err != nil {
		return err
	}
	c, err := s.proposer(ctx, tx, p)
	if err != nil {
		return err
	}
	h, _, err := s.begin(ctx, tx, c, d, true)
	if err != nil {
		return err
	}
	_, err = s.o.Jobs.Add(ctx, tx, h.order(false))
	return err
}

func (s *Service) applyDeputy(ctx context.Context, tx bun.Tx, p approval.Approval, _ audit.Actor) error {
	var d deputyRequest
	if err := p.Read(&d); err != nil {
		return err
	}
	c, err := s.proposer(ctx, tx, p)
	if err != nil {
		return err
	}
	_, err = s.addDeputy(ctx, tx, c, d, true)
	return err
}
