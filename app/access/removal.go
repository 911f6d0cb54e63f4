package access

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/erasure"
	"kontor/app/fault"
	"kontor/policies"
)

// Removed is what RemoveIn deleted, as far as RestoreIn needs it. It contains personal data and a password hash, so
// whoever stores it must encrypt it. It does not contain links, codes, sessions and mails in the built-in mailbox:
// RestoreIn does not bring them back. Messages are the content of the delivery timeline and contain no secrets;
// messages that were still queued are cancelled.
type Removed struct {
	Access row `json:"access"`
	// Messages is empty if an earlier version of the program removed the access.
	Messages []courier.Message `json:"messages,omitempty"`
	Account  *account.Account  `json:"account,omitempty"` // the end user's account, if it was deleted with the access
	Log      []audit.Entry     `json:"log,omitempty"`     // log entries deleted with the account, see account.Erased
}

// Name returns the end user's name.
func (t Removed) Name() string { return t.Access.access().Name() }

// ErrAddressInUse says that an access cannot be restored because the customer has another access with its e-mail
// address by now, or because another account has the end user's address or username.
var ErrAddressInUse = fault.New(fault.Conflict, "access.taken")

// RemoveIn deletes an access with its links, codes and messages, inside the caller's tx. The end user's account is
// deleted with its last access, see account.Service.Erase. RemoveIn returns what it deleted and how many accesses the
// customer has left. The caller decides whether the last access may be removed. Errors: NotFound, Forbidden.
func (s *Service) RemoveIn(ctx context.Context, tx bun.Tx, c account.Caller, customerID, id uuid.UUID) (t Removed, left int64, err error) {
	if _, err := s.load(ctx, tx, c, ref{customerID, id}, policies.Remove); err != nil {
		return Removed{}, 0, err
	}
	return s.remove(ctx, tx, c.Actor(), customerID, id)
}

// remove is RemoveIn without authorisation.
func (s *Service) remove(ctx context.Context, tx bun.Tx, by audit.Actor, customerID, id uuid.UUID) (t Removed, left int64, err error) {
	if err := s.courier.CancelAccess(ctx, tx, id); err != nil {
		return Removed{}, 0, err
	}
	r, ok, err := lockAccess(ctx, tx, id) // after the lock it is certain whether the person registered before
	if err != nil {
		return Removed{}, 0, err
	}
	if !ok {
		return Removed{}, 0, ErrNotFound
	}
	t.Access = r
	if r.Waiting {
		if err := s.approvals.Cancel(ctx, tx, approval.AccessOfOwn, id, by); err != nil {
			return Removed{}, 0, err
		}
	}
	if err := s.void(ctx, tx, id); err != nil {
		return Removed{}, 0, err
	}
	if t.Messages, err = s.courier.OfAccess(ctx, tx, id); err != nil {
		return Removed{}, 0, err
	}
	if err := deleteAccess(ctx, tx, id); err != nil {
		return Removed{}, 0, err
	}
	if left, err = countAccesses(ctx, tx, customerID); err != nil {
		return Removed{}, 0, err
	}
	if err := s.audit.Write(ctx, tx, by, r.record(audit.AccessRemoved, nil)); err != nil {
		return Removed{}, 0, err
	}
	if err := s.customers.Refresh(ctx, tx, customerID); err != nil || !r.AccountID.Valid {
		return t, left, err
	}
	gone, err := s.accounts.Erase(ctx, tx, r.AccountID.UUID)
	if err != nil {
		return t, left, err
	}
	if len(gone) > 0 {
		t.Account, t.Log = &gone[0].Account, gone[0].Log
		return t, left, nil
	}
	return t, left, s.revokeUnlessAdmitted(ctx, tx, r.AccountID.UUID)
}

// Subjects returns what was finally deleted, for package erasure.
func (t Removed) Subjects() []erasure.Subject {
	all := []erasure.Subject{{Kind: erasure.Access, ID: t.Access.ID}}
	if t.Account != nil {
		all = append(all, erasure.Subject{Kind: erasure.Account, ID: t.Account.ID})
	}
	return all
}

// Erasable says how to find removed accesses after a backup was restored, and how to remove them again. The same
// applies to accounts that were deleted with them and that nothing else keeps.
func (s *Service) Erasable() []erasure.Keeper {
	return []erasure.Keeper{
		{Kind: erasure.Access, IDs: func(ctx context.Context) ([]uuid.UUID, error) { return presentIDs(ctx, s.db) }, Erase: s.eraseAgain},
		{Kind: erasure.Account, IDs: func(ctx context.Context) ([]uuid.UUID, error) { return unkeptAccounts(ctx, s.db) }, Erase: s.eraseAccounts},
	}
}

// eraseAgain removes accesses that were removed before the backup was restored, without a way to bring them back.
func (s *Service) eraseAgain(ctx context.Context, ids []uuid.UUID) error {
	for _, id := range ids {
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			r, ok, err := accessByID(ctx, tx, id)
			if err != nil || !ok {
				return err
			}
			_, _, err = s.remove(ctx, tx, account.System.Actor(), r.CustomerID, id)
			return err
		})
		if err != nil && !errors.Is(err, ErrNotFound) { // another process removes it at the same time
			return err
		}
	}
	return nil
}

func (s *Service) eraseAccounts(ctx context.Context, ids []uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := s.accounts.Erase(ctx, tx, ids...)
		return err
	})
}

// Forget erases the account of a removed access once more when the removal can no longer be undone. It deletes log
// entries that somebody wrote about the account while it was being deleted.
func (s *Service) Forget(ctx context.Context, tx bun.IDB, t Removed) error {
	if t.Account == nil {
		return nil
	}
	_, err := s.accounts.Erase(ctx, tx, t.Account.ID)
	return err
}

// RestoreIn brings back what RemoveIn deleted, including the delivery timeline, inside the caller's tx. The caller has
// authorised it. A registered access is as before: the end user signs in with the same password. An access that was
// still invited gets a new invitation, because its link is void. So does a registered access whose account has been
// deleted since then together with another access. invited says that an invitation was queued. Accesses that were
// removed together are restored in the reverse order. Error: ErrAddressInUse.
func (s *Service) RestoreIn(ctx context.Context, tx bun.Tx, c account.Caller, t Removed) (invited bool, err error) {
	r := t.Access
	r.Submission = nil // the form was already processed; another one may have been submitted since then
	if taken, err := hasEmail(ctx, tx, r.CustomerID, r.EmailFolded); err != nil {
		return false, err
	} else if taken {
		return false, ErrAddressInUse
	}
	if r.AccountID.Valid {
		id, err := s.restoreAccount(ctx, tx, r.AccountID.UUID, t)
		if err != nil {
			return false, err
		}
		if r.AccountID = id; !id.Valid {
			r.RegisteredAt, r.CodeEnteredAt, r.OpenedAt = nil, nil, nil
		}
	}
	owner := account.Account{}
	if r.Waiting {
		r.DeactivatedAt = nil
	}
	if r.DeactivatedAt == nil {
		if owner, err = s.judge(ctx, tx, c.ID, &r); err != nil {
			return false, err
		}
	}
	r.Version++ // forms from before the removal are out of date
	if err := insertAccess(ctx, tx, r); err != nil {
		return false, err
	}
	if err := s.courier.PutBack(ctx, tx, t.Messages, r.AccountID); err != nil {
		return false, err
	}
	if r.access().pending() && !r.Uninvited {
		invited = true
		if r, _, err = s.again(ctx, tx, r.ID, 0); err != nil {
			return false, err
		}
	}
	if err := s.audit.Write(ctx, tx, c.Actor(), r.record(audit.AuthorisationRestored, nil)); err != nil {
		return false, err
	}
	if r.Waiting {
		if err := s.propose(ctx, tx, c.Actor(), r, owner); err != nil {
			return false, err
		}
	}
	return invited, s.customers.Refresh(ctx, tx, r.CustomerID)
}

// restoreAccount returns the account of a restored access: the original account, restored if it was deleted with the
// access, or an account that was created for the same address since then. The result is not valid when there is none.
func (s *Service) restoreAccount(ctx context.Context, tx bun.IDB, id uuid.UUID, t Removed) (uuid.NullUUID, error) {
	there, err := s.accounts.Existing(ctx, tx, []uuid.UUID{id})
	if err != nil || there[id] {
		return uuid.NullUUID{UUID: id, Valid: there[id]}, err
	}
	was := t.Account
	if was == nil {
		return uuid.NullUUID{}, nil
	}
	others, err := account.ByLogin(ctx, tx, was.EmailFolded, was.UsernameFolded)
	if err != nil {
		return uuid.NullUUID{}, err
	}
	for _, a := range others {
		if a.EmailFolded == was.EmailFolded {
			return uuid.NullUUID{UUID: a.ID, Valid: true}, nil
		}
	}
	if len(others) > 0 {
		return uuid.NullUUID{}, ErrAddressInUse
	}
	return uuid.NullUUID{UUID: id, Valid: true}, s.accounts.Restore(ctx, tx, account.Erased{Account: *was, Log: t.Log})
}
