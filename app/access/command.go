package access

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
)

// ResendByCommand is Resend without a caller and without the pause: whoever may run the program may do everything.
// Errors: ErrNotFound, ErrRegistered, ErrDeactivated, ErrWaiting.
func (s *Service) ResendByCommand(ctx context.Context, customerID, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.courier.CancelAccess(ctx, tx, id); err != nil {
			return err
		}
		r, ok, err := s.again(ctx, tx, id, 0)
		if err != nil {
			return err
		}
		if !ok {
			return s.whyNotAgain(ctx, tx, customerID, id)
		}
		if err := s.audit.Write(ctx, tx, account.System.Actor(), r.record(audit.AccessResent, nil)); err != nil {
			return err
		}
		if err := s.customers.Refresh(ctx, tx, customerID); err != nil {
			return err
		}
		return s.courier.Free(ctx, tx, r.Email)
	})
}
