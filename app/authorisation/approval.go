package authorisation

import (
	"context"
	"errors"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
)

// Accounts is what this package needs of account.Service.
type Accounts interface {
	CallerOf(ctx context.Context, db bun.IDB, id uuid.UUID) (account.Caller, error)
}

// Approvals is what this package needs of approval.Service.
type Approvals interface {
	Own(ctx context.Context, db bun.IDB, id uuid.UUID, accounts []uuid.UUID) ([]uuid.UUID, error)
	Propose(ctx context.Context, tx bun.IDB, by audit.Actor, p approval.Proposal) (approval.Approval, error)
	Withdraw(ctx context.Context, tx bun.IDB, id uuid.UUID, by audit.Actor) (done bool, err error)
	Handle(handlers map[approval.Kind]approval.Handler)
}

// assigned is an assignment that is to be made, and the detail of a proposal to make it: the people who are to administer the customer or, with Transactions, to process
// these transactions.
type assigned struct {
	Specialists  []uuid.UUID `json:"specialists"`
	Transactions []uuid.UUID `json:"transactions,omitempty"`
}

// handlers returns this package's approval handlers.
func (s *Service) handlers() map[approval.Kind]approval.Handler {
	return map[approval.Kind]approval.Handler{approval.Assignment: {Apply: s.applyAssignment}}
}

// ask proposes an assignment instead when the account of one of the people counts as the caller's own, usually because
// the caller recently created it (see Approvals.Own), and the caller does not administer the customer. It returns
// the id of the proposal, Nil if it made none.
func (ch change) ask(ctx context.Context, people []person, a assigned) (proposal uuid.UUID, err error) {
	if administers, err := ch.callerAdministers(ctx); err != nil || administers {
		return uuid.Nil, err
	}
	own, err := ch.approvals.Own(ctx, ch.tx, ch.caller.ID, a.Specialists)
	if err != nil || len(own) == 0 {
		return uuid.Nil, err
	}
	i := slices.IndexFunc(people, func(p person) bool { return p.ID == own[0] })
	made, err := ch.approvals.Propose(ctx, ch.tx, ch.caller.Actor(), approval.Proposal{
		Kind: approval.Assignment, SubjectID: own[0], CustomerID: ch.customerID, ConcernedID: own[0], Subject: people[i].Name, Detail: a,
	})
	return made.ID, err
}

// applyAssignment makes the assignment in the name of its proposer, if they still may.
func (s *Service) applyAssignment(ctx context.Context, tx bun.Tx, p approval.Approval, _ audit.Actor) error {
	var a assigned
	if err := p.Read(&a); err != nil {
		return err
	}
	c, err := s.accounts.CallerOf(ctx, tx, p.ProposedBy)
	if errors.Is(err, account.ErrNobody) {
		return approval.ErrVoid
	}
	if err != nil {
		return err
	}
	ch := change{s, tx, c, p.CustomerID.UUID}
	if len(a.Transactions) == 0 {
		_, err = ch.addAdministrators(ctx, a.Specialists, true)
	} else {
		_, _, err = ch.addProcessors(ctx, a, true)
	}
	return err
}
