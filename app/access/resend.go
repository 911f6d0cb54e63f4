package access

import (
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/policies"
)

var (
	// ErrRefused says that an address has refused mail. Only Resend has it tried again, for one person at a time.
	ErrRefused = fault.New(fault.Conflict, "access.refused")
	// ErrSentAgain says that something else was sent, or that the person has registered, since.
	ErrSentAgain = fault.New(fault.Conflict, "access.sent_again")
)

// MayResendAny returns policies.ErrForbidden unless the caller may send invitations of some accesses again.
func (s *Service) MayResendAny(c account.Caller) error {
	scope, err := s.decider.Scope(c.Roles, policies.ObjectAccess, policies.Resend)
	if err == nil && scope.Nothing() {
		err = policies.ErrForbidden
	}
	return err
}

// Open returns the accesses of customers whose end users have not registered yet, by customer, whoever may see them.
func (s *Service) Open(ctx context.Context, customers []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	of := map[uuid.UUID][]uuid.UUID{}
	const atOnce = 500
	for part := range slices.Chunk(customers, atOnce) {
		var rows []row
		err := s.db.NewSelect().Model(&rows).Column("id", "customer_id").Where("customer_id IN (?)", bun.List(part)).
			Where("registered_at IS NULL").Where("deactivated_at IS NULL").Order("created_at", "id").Scan(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			of[r.CustomerID] = append(of[r.CustomerID], r.ID)
		}
	}
	return of, nil
}

// Sent is an invitation that was sent again by ResendIn.
type Sent struct {
	Generation int  `json:"g"`
	Uninvited  bool `json:"u,omitempty"` // nothing was sent before
}

// ResendIn is Resend inside the caller's tx, for many accesses one after the other. An address that has refused mail is not
// tried again. Errors: as Resend, ErrRefused.
func (s *Service) ResendIn(ctx context.Context, tx bun.Tx, c account.Caller, customerID, id uuid.UUID) (Sent, error) {
	was, err := s.load(ctx, tx, c, ref{customerID, id}, policies.Resend)
	if err != nil {
		return Sent{}, err
	}
	refused, err := s.courier.Refused(ctx, tx, was.Email)
	if err != nil {
		return Sent{}, err
	}
	if refused || was.pendingAndUndeliverable() {
		return Sent{}, ErrRefused
	}
	r, err := s.resend(ctx, tx, c, ref{customerID, id})
	return Sent{Generation: r.Generation, Uninvited: was.Uninvited}, err
}

func (r row) pendingAndUndeliverable() bool { return r.access().pending() && r.Undeliverable != "" }

// Withdraw cancels an invitation that ResendIn has sent, inside the caller's tx, if nothing of it has left yet. left says
// that something has; then it stays as it is. Its link and that of the invitation before are void, so the access is one
// whose link has expired. Errors: as Resend, ErrSentAgain.
func (s *Service) Withdraw(ctx context.Context, tx bun.Tx, c account.Caller, of Withdrawal) (left bool, err error) {
	// the lock order of all txs: messages first
	states, err := s.courier.StatesOf(ctx, tx, of.AccessID, of.Generation)
	if err != nil {
		return false, err
	}
	r, err := s.load(ctx, tx, c, ref{of.CustomerID, of.AccessID}, policies.Resend)
	if err != nil {
		return false, err
	}
	if r.Generation != of.Generation || !r.access().pending() {
		return false, ErrSentAgain
	}
	if slices.ContainsFunc(states, func(state courier.State) bool { return state != courier.Queued }) {
		return true, nil
	}
	if err := s.courier.CancelAccess(ctx, tx, r.ID); err != nil {
		return false, err
	}
	if err := s.void(ctx, tx, r.ID); err != nil {
		return false, err
	}
	if err := expire(ctx, tx, r.ID, s.now(), of.Uninvited); err != nil {
		return false, err
	}
	if err := s.audit.Write(ctx, tx, c.Actor(), r.record(audit.AccessWithdrawn, nil)); err != nil {
		return false, err
	}
	return false, s.customers.Refresh(ctx, tx, of.CustomerID)
}

// Withdrawal is an invitation that is to be cancelled.
type Withdrawal struct {
	CustomerID, AccessID uuid.UUID
	Sent
}

// NamesFor returns the names of the people with accesses, by the accesses' ids, as far as the caller may read them.
func (s *Service) NamesFor(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	within, nothing, err := s.customers.Within(c, want(policies.Read))
	if err != nil || nothing || len(ids) == 0 {
		return nil, err
	}
	var rows []row
	err = s.db.NewSelect().TableExpr("access AS a").ColumnExpr("a.id, a.first_name, a.last_name").
		Join("JOIN customer ON customer.id = a.customer_id").Where("a.id IN (?)", bun.List(ids)).Where("NOT customer.deleting").
		Where("?", store.All(within)).Scan(ctx, &rows)
	names := make(map[uuid.UUID]string, len(rows))
	for _, r := range rows {
		names[r.ID] = r.access().Name()
	}
	return names, err
}
