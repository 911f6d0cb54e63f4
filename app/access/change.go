package access

import (
	"context"
	"errors"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/secret"
	"kontor/policies"
)

// Correction is a form that changes an access of this version.
type Correction struct {
	Form
	Version int
}

// Correct changes an access. If it is pending, a changed e-mail or mobile number voids the old link and code at once
// and sends new ones, unless the person has not been invited. If it is registered, the e-mail address is the person's own, so Correct ignores the one in the form. A
// form without changes does nothing. Errors: NotFound, Forbidden; Invalid as from Validate, "email.twice"; ErrVersion,
// together with the present access.
func (s *Service) Correct(ctx context.Context, c account.Caller, customerID, id uuid.UUID, form Correction) (Access, error) {
	var r row
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		cu, err := s.customers.Authorise(ctx, tx, c, customerID, want(policies.Update))
		if err != nil {
			return err
		}
		old, err := stored(ctx, tx, ref{customerID, id})
		if err != nil {
			return err
		}
		r = old
		f := form.Form
		if old.RegisteredAt != nil {
			f.Email = old.Email
		}
		if f, err = Validate(f, cu.Country); err != nil {
			return err
		}
		if old.Version != form.Version {
			return ErrVersion
		}
		changes := changesOf(old, f)
		if len(changes) == 0 {
			return nil
		}
		readdressed := f.Email != old.Email && old.RegisteredAt == nil
		again := old.access().pending() && (f.Email != old.Email || f.Mobile != old.Mobile)
		if again {
			if err := s.courier.CancelAccess(ctx, tx, id); err != nil {
				return err
			}
		}
		saved, ok, err := saveForm(ctx, tx, id, form.Version, f)
		if err != nil {
			return twice(err)
		}
		if !ok {
			return ErrVersion
		}
		if readdressed && (again || old.Waiting) {
			if again, err = s.rejudge(ctx, tx, c, &saved); err != nil {
				return err
			}
		}
		if again && !old.Uninvited {
			if saved, ok, err = s.again(ctx, tx, id, 0); err != nil {
				return err
			}
			if !ok {
				return ErrVersion // registered or deactivated between the two statements
			}
		}
		r = saved
		if err := s.audit.Write(ctx, tx, c.Actor(), r.record(audit.AccessUpdated, changes)); err != nil {
			return err
		}
		return s.customers.Refresh(ctx, tx, customerID)
	})
	if errors.Is(err, ErrVersion) {
		if now, ok, errNow := accessOf(ctx, s.db, customerID, id); errNow == nil && ok {
			r = now
		}
	}
	return r.access(), err
}

// Resend is the action Send again: it begins a new generation, which voids the links and codes of the previous one. It
// also lets the courier try an address again that refused mail. Errors: NotFound, Forbidden, ErrRegistered,
// ErrDeactivated, ErrWaiting; ErrJustSent within 10 s of the last invitation.
func (s *Service) Resend(ctx context.Context, c account.Caller, customerID, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := s.load(ctx, tx, c, ref{customerID, id}, policies.Resend); err != nil {
			return err
		}
		r, err := s.resend(ctx, tx, c, ref{customerID, id})
		if err != nil {
			return err
		}
		return s.courier.Free(ctx, tx, r.Email)
	})
}

// resend sends again, for a caller who was authorised.
func (s *Service) resend(ctx context.Context, tx bun.IDB, c account.Caller, of ref) (row, error) {
	if err := s.courier.CancelAccess(ctx, tx, of.id); err != nil {
		return row{}, err
	}
	r, ok, err := s.again(ctx, tx, of.id, resendPause)
	if err != nil {
		return row{}, err
	}
	if !ok {
		return row{}, s.whyNotAgain(ctx, tx, of.customerID, of.id)
	}
	if err := s.audit.Write(ctx, tx, c.Actor(), r.record(audit.AccessResent, nil)); err != nil {
		return row{}, err
	}
	return r, s.customers.Refresh(ctx, tx, of.customerID)
}

// TryAddress lets the courier try a registered end user's address again after it refused mail. For a person who is not
// registered, use Resend. Errors: NotFound, Forbidden, ErrDeactivated, ErrWaiting, ErrNotRegistered.
func (s *Service) TryAddress(ctx context.Context, c account.Caller, customerID, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := s.load(ctx, tx, c, ref{customerID, id}, policies.Resend)
		switch {
		case err != nil:
			return err
		case r.Waiting:
			return ErrWaiting
		case r.DeactivatedAt != nil:
			return ErrDeactivated
		case r.RegisteredAt == nil:
			return ErrNotRegistered
		}
		if err := s.audit.Write(ctx, tx, c.Actor(), r.record(audit.AccessAddressFreed, nil)); err != nil {
			return err
		}
		if err := s.customers.Refresh(ctx, tx, customerID); err != nil {
			return err
		}
		return s.courier.Free(ctx, tx, r.address())
	})
}

// whyNotAgain returns the reason why an invitation was not sent again.
func (s *Service) whyNotAgain(ctx context.Context, tx bun.IDB, customerID, id uuid.UUID) error {
	r, ok, err := accessOf(ctx, tx, customerID, id)
	switch {
	case err != nil:
		return err
	case !ok:
		return ErrNotFound
	case r.Waiting:
		return ErrWaiting
	case r.DeactivatedAt != nil:
		return ErrDeactivated
	case r.RegisteredAt != nil:
		return ErrRegistered
	}
	return ErrJustSent.After(max(r.InvitedAt.Add(resendPause).Sub(s.now()), time.Second))
}

// Deactivate deactivates an access: its links are void, its messages are cancelled, and the end user's next request is
// refused. If the access waits for approval, the proposal is cancelled. Sessions of people without another active
// access end, so that Reactivate does not bring them back. Deactivating twice does nothing. Errors: NotFound,
// Forbidden.
func (s *Service) Deactivate(ctx context.Context, c account.Caller, customerID, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if old, err := s.load(ctx, tx, c, ref{customerID, id}, policies.Update); err != nil {
			return err
		} else if old.Waiting {
			return s.giveUp(ctx, tx, c, old)
		}
		if err := s.courier.CancelAccess(ctx, tx, id); err != nil {
			return err
		}
		r, ok, err := deactivate(ctx, tx, id, s.now())
		if err != nil || !ok {
			return err
		}
		if err := s.void(ctx, tx, id); err != nil {
			return err
		}
		if err := s.audit.Write(ctx, tx, c.Actor(), r.record(audit.AccessDeactivated, nil)); err != nil {
			return err
		}
		if err := s.customers.Refresh(ctx, tx, customerID); err != nil || !r.AccountID.Valid {
			return err
		}
		return s.revokeUnlessAdmitted(ctx, tx, r.AccountID.UUID)
	})
}

// revokeUnlessAdmitted ends the sessions of an account that may no longer sign in.
func (s *Service) revokeUnlessAdmitted(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	in, err := activeElsewhere(ctx, tx, id)
	if err != nil || in {
		return err
	}
	a, _, err := account.ByID(ctx, tx, id)
	if err != nil || a.Specialist { // a specialist user needs no access to sign in
		return err
	}
	return s.accounts.RevokeOf(ctx, tx, id)
}

// Reactivate reactivates a deactivated access: a registered person can sign in again, another person is invited anew if
// they were invited before.
// If a second person must approve it, the access waits for approval. Reactivating twice does nothing. Errors: NotFound,
// Forbidden.
func (s *Service) Reactivate(ctx context.Context, c account.Caller, customerID, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		old, err := s.load(ctx, tx, c, ref{customerID, id}, policies.Update)
		if err != nil || old.Waiting || old.DeactivatedAt == nil {
			return err
		}
		owner, err := s.judge(ctx, tx, c.ID, &old)
		if err != nil {
			return err
		}
		if _, err := setJudged(ctx, tx, &old); err != nil {
			return err
		}
		if old.Waiting {
			if err := s.propose(ctx, tx, c.Actor(), old, owner); err != nil {
				return err
			}
			return s.customers.Refresh(ctx, tx, customerID)
		}
		r, ok, err := reactivate(ctx, tx, id)
		if err != nil || !ok {
			return err
		}
		if r.RegisteredAt == nil && !r.Uninvited {
			if r, _, err = s.again(ctx, tx, id, 0); err != nil {
				return err
			}
		}
		if err := s.audit.Write(ctx, tx, c.Actor(), r.record(audit.AccessReactivated, nil)); err != nil {
			return err
		}
		return s.customers.Refresh(ctx, tx, customerID)
	})
}

// again begins the next generation: it voids the links and codes of the previous one and queues new messages. The
// caller has cancelled the old messages. ok is false when the access is not pending, or when the last invitation is
// less than pause ago.
func (s *Service) again(ctx context.Context, tx bun.IDB, id uuid.UUID, pause time.Duration) (r row, ok bool, err error) {
	r, ok, err = renew(ctx, tx, id, s.now(), pause)
	if err != nil || !ok {
		return r, ok, err
	}
	if err := s.void(ctx, tx, id); err != nil {
		return r, false, err
	}
	return r, true, s.invite(ctx, tx, r)
}

// void invalidates all links and codes of an access.
func (s *Service) void(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	if err := secret.Void(ctx, tx, secret.Register, id); err != nil {
		return err
	}
	return voidCodes(ctx, tx, id)
}

func changesOf(old row, f Form) audit.Changes {
	changes := audit.Changes{}
	for _, v := range []struct{ field, was, is string }{
		{"first_name", old.FirstName, f.FirstName}, {"last_name", old.LastName, f.LastName},
		{"email", old.Email, f.Email}, {"mobile", old.Mobile, f.Mobile}, {"locale", old.Locale, f.Locale},
	} {
		if v.was != v.is {
			changes[v.field] = [2]string{v.was, v.is}
		}
	}
	return changes
}
