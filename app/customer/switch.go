package customer

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/job"
)

// switchAtOnce is the maximum number of customers that are processed inside the tx that deactivates or reactivates
// their administrator. A job processes more, switchChunk in a tx.
const (
	switchAtOnce = 200
	switchChunk  = 500
)

// administratorSwitched is a callback of account.Service, inside the tx that deactivated or reactivated a specialist
// user. Customers that nobody else administers need attention from now on, or no longer. Few customers are updated at
// once, many by a job, so that nobody has to wait. A job that is still open starts again from the beginning.
func (s *Service) administratorSwitched(ctx context.Context, tx bun.IDB, c account.Caller, a account.Account) error {
	ids, err := s.administered(ctx, tx, a.ID, uuid.Nil, switchAtOnce+1)
	if err != nil {
		return err
	}
	if len(ids) > switchAtOnce {
		if err := s.noteSwitch(ctx, tx, a.ID); err != nil {
			return err
		}
		_, err := s.jobs.Add(ctx, tx, job.Order{Kind: job.AdministratorSwitch, SubjectID: a.ID, By: c.ID})
		return err
	}
	return s.refreshNeeds(ctx, tx, ids)
}

// switchStep processes a chunk of the customers of a specialist user who was deactivated or reactivated.
func (s *Service) switchStep(ctx context.Context, j job.Job) (job.Progress, error) {
	p := job.Progress{}
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := s.continueSwitch(ctx, tx, j.SubjectID)
		p = job.Progress{Done: j.Done + int64(n), Finished: n < s.switchChunk}
		return err
	})
	if err == nil {
		err = s.step()
	}
	return p, err
}

// continueSwitch processes the next customers and returns their number. Fewer than a chunk means that they were the
// last.
func (s *Service) continueSwitch(ctx context.Context, tx bun.IDB, specialist uuid.UUID) (n int, err error) {
	after, open, err := s.lockSwitch(ctx, tx, specialist)
	if err != nil || !open {
		return 0, err
	}
	ids, err := s.administered(ctx, tx, specialist, after, s.switchChunk)
	if err != nil {
		return 0, err
	}
	if err := s.refreshNeeds(ctx, tx, ids); err != nil {
		return 0, err
	}
	if len(ids) < s.switchChunk {
		return len(ids), s.endSwitch(ctx, tx, specialist)
	}
	return len(ids), s.moveSwitch(ctx, tx, specialist, ids[len(ids)-1])
}

// refreshNeeds recomputes from when on customers need attention, like Refresh, but for many at once.
func (s *Service) refreshNeeds(ctx context.Context, tx bun.IDB, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	list, err := s.lockNeeds(ctx, tx, ids)
	if err != nil {
		return err
	}
	accesses, err := s.accessStates(ctx, tx, ids)
	if err != nil {
		return err
	}
	of := map[uuid.UUID][]accessState{}
	for _, a := range accesses {
		of[a.CustomerID] = append(of[a.CustomerID], a)
	}
	administrators, err := s.countAdministrators(ctx, tx, ids)
	if err != nil {
		return err
	}
	now := s.now()
	changed := map[needs][]int64{} // numbers by the new needs, because most customers get the same
	for _, c := range list {
		if n := needsOf(of[c.ID], administrators[c.ID], c.needs, now, s.reminder); !n.equal(c.needs) {
			changed[n] = append(changed[n], c.Number)
		}
	}
	for n, numbers := range changed {
		if err := s.setNeeds(ctx, tx, numbers, n); err != nil {
			return err
		}
	}
	return nil
}

// Left says which customers have no active administrator besides a specialist user.
type Left struct {
	Count    int64 // customers that no other active specialist user administers
	Examples []Row // some of them; only customers that the caller may read
}

// examples is the number of customers that are named, examplesOut the number of customers among which they are
// searched.
const (
	examples    = 10
	examplesOut = 2000
)

// LeftBy says which customers would have no active administrator without this specialist user. The caller must have
// checked the permission to know the count. The examples are only customers that the caller may read.
func (s *Service) LeftBy(ctx context.Context, c account.Caller, specialist uuid.UUID) (Left, error) {
	n, err := s.countLeft(ctx, specialist)
	if err != nil || n == 0 {
		return Left{}, err
	}
	rows, err := s.administeredRows(ctx, c, specialist, true)
	return Left{Count: n, Examples: rows}, err
}

// AdministeredBy returns some customers that a specialist user administers, only customers that the caller may read.
func (s *Service) AdministeredBy(ctx context.Context, c account.Caller, specialist uuid.UUID) ([]Row, error) {
	return s.administeredRows(ctx, c, specialist, false)
}
