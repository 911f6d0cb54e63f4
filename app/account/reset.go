package account

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/secret"
	"kontor/app/store"
)

// ForgotPassword sends a ResetPassword link to whoever the login belongs to, if they may sign in; else nothing, and
// the caller can't tell. A person gets no second mail within a minute (then two, four … up to an hour), silently.
// The only error of its own is TooMany "sign_in.slow_down", for an address that asks again and again; a browser that
// the person has signed in with before is not counted with its address.
func (s *Service) ForgotPassword(ctx context.Context, login string, from Browser) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		found, login, err := s.find(ctx, tx, login)
		if err != nil {
			return err
		}
		who := whose(found.Account, login)
		if err := holdPerson(ctx, tx, who); err != nil {
			return err
		}
		browser, err := s.knownBrowser(ctx, tx, who, from)
		if err != nil {
			return err
		}
		if browser == uuid.Nil {
			wait, err := s.count(ctx, tx, []slot{s.slotAt("asked", mailsAddress, from.Address)})
			if err != nil {
				return err
			}
			if wait > 0 {
				return slowDown(wait)
			}
		}
		wait, err := s.count(ctx, tx, []slot{s.slotOf("mailed", mailsToPerson, who)})
		if err != nil || wait > 0 {
			return err
		}
		if !maySignIn(found.Account, found.HasAccess) {
			return nil // nobody, or somebody who may not sign in
		}
		if err := s.post(ctx, tx, found.Account, courier.ResetPassword, found.Account.Email, ResetPasswordLife); err != nil {
			return err
		}
		by := audit.Actor{Name: "Kontor", Address: from.Address, RequestID: from.RequestID} // whoever asked has not shown who they are
		return s.write(ctx, tx, by, audit.AccountPasswordAsked, found.Account, nil)
	})
}

// PasswordLink looks at a SetPassword or ResetPassword token without changing anything. Errors: those of links. With
// secret.ErrUsedLink and secret.ErrExpiredLink comes an account that has nothing but the language of the person.
func (s *Service) PasswordLink(ctx context.Context, token string) (Account, error) {
	l, dead := s.passwordLink(ctx, token)
	if dead != nil && !errors.Is(dead, secret.ErrUsedLink) && !errors.Is(dead, secret.ErrExpiredLink) {
		return Account{}, dead
	}
	a, err := findAccount(ctx, s.db, l.SubjectID)
	err = s.fits(l, a, err)
	switch {
	case dead != nil && err == nil:
		return Account{Locale: a.Locale}, dead
	case dead != nil:
		return Account{}, dead
	case err != nil:
		return Account{}, err
	}
	return a, nil
}

func (s *Service) passwordLink(ctx context.Context, token string) (l secret.Link, err error) {
	for _, purpose := range []secret.Purpose{secret.ResetPassword, secret.SetPassword} {
		if l, err = secret.Find(ctx, s.db, purpose, token, s.now()); !errors.Is(err, secret.ErrUnknownLink) {
			break
		}
	}
	return l, err
}

// fits says whether a link still is one for the account as it was loaded: active, and at the address the link went to.
func (s *Service) fits(l secret.Link, a Account, loading error) error {
	if store.IsNoRows(loading) || loading == nil && (!a.Active || !s.key.IsBound(l, a.Email)) {
		return secret.ErrUnknownLink
	}
	return loading
}

// SetPassword redeems a SetPassword or ResetPassword token: the password is set, all sessions of the account end, and
// all counters of failed sign-ins start anew. It returns the account, whose username the sign-in page fills in. Errors:
// those of links; Invalid as CheckPassword, which leaves the link as it is.
func (s *Service) SetPassword(ctx context.Context, token, password, repeat string, from Browser) (Account, error) {
	l, err := s.passwordLink(ctx, token)
	if err != nil {
		return Account{}, err
	}
	a, err := findAccount(ctx, s.db, l.SubjectID)
	if err = s.fits(l, a, err); err != nil {
		return Account{}, err
	}
	if err := s.CheckPassword(password, repeat, a.personal()...); err != nil {
		return Account{}, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return Account{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// The account first, as the composer does: a link minted meanwhile is either used up with this one or never made.
		a, err = lockAccount(ctx, tx, l.SubjectID)
		if err = s.fits(l, a, err); err != nil {
			return err
		}
		if _, err := secret.Redeem(ctx, tx, l.Purpose, token, s.now()); err != nil {
			return err
		}
		if err := s.replacePassword(ctx, tx, itself(a, from), a, hash, ""); err != nil {
			return err
		}
		for _, other := range []secret.Purpose{secret.SetPassword, secret.ResetPassword} {
			if other != l.Purpose { // used links stay and say so, the other kind is void
				if err := secret.Void(ctx, tx, other, a.ID); err != nil {
					return err
				}
			}
		}
		// Who reads the person's mail is the person: guessing by others must not keep them out now.
		return s.knowAddress(ctx, tx, whose(a, ""), from)
	})
	if err != nil {
		return Account{}, err
	}
	return a, nil
}
