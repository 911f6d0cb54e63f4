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

// ForgotPassword sends a ResetPassword link to the person with the login, if they may sign in. Otherwise it sends
// nothing; the caller cannot tell the difference. A person gets no second mail within a minute (then two, four … up to
// an hour); this is no error either. The only error of its own is TooMany "sign_in.slow_down", for a network address
// with too many requests. A request from a browser that is known to the person does not count for its address.
func (s *Service) ForgotPassword(ctx context.Context, login string, from Browser) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		found, login, err := find(ctx, tx, login)
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
			return nil // an unknown login, or a person who may not sign in
		}
		if err := s.post(ctx, tx, found.Account, mail{kind: courier.ResetPassword, to: found.Account.Email, life: resetPasswordLife}); err != nil {
			return err
		}
		by := audit.Actor{Name: "Kontor", Address: from.Address, RequestID: from.RequestID} // nobody has proved their identity
		return s.audit.Write(ctx, tx, by, found.Account.record(audit.AccountPasswordAsked, nil))
	})
}

// PasswordLink reads a SetPassword or ResetPassword token without changing anything. Errors: those of links. With
// secret.ErrUsedLink and secret.ErrExpiredLink it returns an account that contains only the person's language.
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

// fits checks that a link is valid for the loaded account: the account is active and still has the address the link was
// sent to.
func (s *Service) fits(l secret.Link, a Account, loading error) error {
	if store.IsNoRows(loading) || loading == nil && (!a.Active || !s.key.IsBound(l, a.Email)) {
		return secret.ErrUnknownLink
	}
	return loading
}

// SetPassword redeems a SetPassword or ResetPassword token. It sets the password, ends all sessions of the account and
// resets all its counters of failed sign-ins. It returns the account; the sign-in page is filled in with its username.
// Errors: those of links; Invalid as from CheckPassword, which leaves the link valid.
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
		// Lock the account first, as the composer does: a link that is minted in the meantime is either invalidated
		// here or never minted.
		a, err = lockAccount(ctx, tx, l.SubjectID)
		if err = s.fits(l, a, err); err != nil {
			return err
		}
		if _, err := secret.Redeem(ctx, tx, l.Purpose, token, s.now()); err != nil {
			return err
		}
		if err := s.replacePassword(ctx, tx, itself(a, from), a, newPassword{hash: hash}); err != nil {
			return err
		}
		for _, other := range []secret.Purpose{secret.SetPassword, secret.ResetPassword} {
			if other != l.Purpose { // a used link stays, to say that it was used; links of the other kind become void
				if err := secret.Void(ctx, tx, other, a.ID); err != nil {
					return err
				}
			}
		}
		// A person who can read the account's mail is its owner. Wrong guesses by others must not keep them out now.
		return s.knowAddress(ctx, tx, whose(a, ""), from)
	})
	if err != nil {
		return Account{}, err
	}
	return a, nil
}
