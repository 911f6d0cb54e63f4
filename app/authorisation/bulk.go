package authorisation

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/policies"
)

// MayManageAny returns policies.ErrForbidden unless the caller may manage the authorisations of some customers.
func (s *Service) MayManageAny(c account.Caller) error {
	scope, err := s.decider.Scope(c.Roles, wantManage.Object, wantManage.Action)
	if err == nil && scope.Nothing() {
		err = policies.ErrForbidden
	}
	return err
}

// CheckPeople says what is wrong with a choice of people, whatever they are to administer. Errors: Invalid at specialist, as
// AddAdministrators.
func (s *Service) CheckPeople(ctx context.Context, specialists []uuid.UUID) error {
	var form fault.Form
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := change{s, tx, account.Caller{}, uuid.Nil}.choosePeople(ctx, &form, specialists)
		return err
	})
	if err != nil {
		return err
	}
	return form.Err()
}

// AddAdministratorsIn is AddAdministrators inside the caller's tx. It returns the administrators who are new. If a second
// person is needed, it has made a proposal instead, and returns its id.
func (s *Service) AddAdministratorsIn(
	ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, specialists []uuid.UUID,
) (fresh []assignment.Administrator, proposal uuid.UUID, err error) {
	made, err := change{s, tx, c, customerID}.addAdministrators(ctx, specialists, false)
	return made.fresh, made.proposal, err
}

// TakeBackAdministrators removes administrators again, inside the caller's tx: those who have not been removed in the
// meantime, nor appointed again by somebody. It also removes the last ones. Errors: NotFound (the customer), Forbidden.
func (s *Service) TakeBackAdministrators(
	ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, list []assignment.Administrator,
) (taken int, err error) {
	ch := change{s, tx, c, customerID}
	if err := ch.authorise(ctx, wantManage); err != nil {
		return 0, err
	}
	for _, a := range list {
		was, ok, err := assignment.RemoveAdministrator(ctx, tx, customerID, a.SpecialistID)
		if err != nil {
			return 0, err
		}
		if !ok {
			continue
		}
		if was.CreatedBy != a.CreatedBy || !was.CreatedAt.Truncate(time.Microsecond).Equal(a.CreatedAt.Truncate(time.Microsecond)) {
			if _, err := assignment.AddAdministrator(ctx, tx, was); err != nil {
				return 0, err
			}
			continue
		}
		p, err := named(ctx, tx, a.SpecialistID)
		if err != nil {
			return 0, err
		}
		if err := ch.log(ctx, audit.AdministratorRemoved, p, nil); err != nil {
			return 0, err
		}
		if taken++; a.SpecialistID != c.ID { // whom somebody else removes does not come back by undoing an earlier removal
			if err := endRemovals(ctx, tx, customerID, []uuid.UUID{a.SpecialistID}, s.now()); err != nil {
				return 0, err
			}
		}
	}
	return taken, s.customers.Refresh(ctx, tx, customerID)
}

// WithdrawProposal ends a proposal of the caller that still waits, inside the caller's tx. done says whether it did.
func (s *Service) WithdrawProposal(ctx context.Context, tx bun.Tx, c account.Caller, proposal uuid.UUID) (done bool, err error) {
	return s.approvals.Withdraw(ctx, tx, proposal, c.Actor())
}
