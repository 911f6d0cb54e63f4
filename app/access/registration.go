package access

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
)

var (
	// ErrCodeLocked says that the code had too many wrong attempts and that the person must request a new one.
	ErrCodeLocked = fault.New(fault.TooMany, "code.locked")
	// ErrCodeDay says that there were 15 wrong attempts today.
	ErrCodeDay = fault.New(fault.TooMany, "code.day")
	// ErrCodeWait and ErrLinkWait say that a new code or link was requested too soon or too often; RetryAfter says when
	// the next is possible.
	ErrCodeWait = fault.New(fault.TooMany, "code.wait")
	ErrLinkWait = fault.New(fault.TooMany, "link.wait")
	// ErrAgain says that an account with this e-mail address was created or deleted while the form was being processed.
	ErrAgain = fault.New(fault.Conflict, "register.again")
)

// Invitation is the content of the registration page.
type Invitation struct {
	Customer, CustomerNumber string
	FirstName, Name          string
	Username                 string // the e-mail address the invitation was sent to
	Locale                   string // the access's locale
	Expires                  time.Time
	NeedsCode                bool   // an SMS was sent or is queued
	CodeLate                 bool   // with NeedsCode: the SMS could not be sent, or did not arrive
	MobileEnd                string // last three digits
	HasAccount               bool   // the person signs in instead of choosing a password
	CodeLocked               bool
	NextCodeAt               time.Time // when a new code or link can be requested; zero: now
}

// RegisterForm is the form that the end user submits. With HasAccount the password is that of the existing account; it
// is not needed if the caller is already signed in to that account.
type RegisterForm struct{ Code, Password, PasswordRepeat string }

// Registrant is a person who has registered. Session is the value of the cookie for the session that was opened for
// them. It is always new, so nobody else can know it. It is empty if the caller has a session already.
type Registrant struct{ Username, Session string }

// look finds the access of a token without changing anything. It returns the errors of package secret. ErrUnknownLink
// also means a link of an earlier generation, to an earlier address, or of a deactivated access, so that it reveals
// nothing to whoever has the link. Every other link of a registered access is ErrUsedLink. An expired link to the
// present address is ErrExpiredLink. With these two errors look also returns the access.
func (s *Service) look(ctx context.Context, token string) (r row, l secret.Link, err error) {
	l, errLink := secret.Find(ctx, s.db, secret.Register, token, s.now())
	expired := errors.Is(errLink, secret.ErrExpiredLink)
	if errLink != nil && !expired && !errors.Is(errLink, secret.ErrUsedLink) {
		return row{}, secret.Link{}, errLink
	}
	r, ok, err := accessByID(ctx, s.db, l.SubjectID)
	switch {
	case err != nil:
		return row{}, secret.Link{}, err
	case !ok || r.DeactivatedAt != nil || !s.key.IsBound(l, r.Email):
		return row{}, secret.Link{}, secret.ErrUnknownLink
	case r.RegisteredAt != nil:
		return r, l, secret.ErrUsedLink
	case expired:
		return r, l, secret.ErrExpiredLink
	case errLink != nil || l.Generation != r.Generation:
		return row{}, secret.Link{}, secret.ErrUnknownLink
	}
	return r, l, nil
}

// Invitation reads the invitation of a token. It changes nothing, because virus scanners follow links. Errors: those of
// package secret. With ErrExpiredLink and ErrUsedLink only Username, Locale and NextCodeAt are set.
func (s *Service) Invitation(ctx context.Context, token string) (Invitation, error) {
	r, l, err := s.look(ctx, token)
	if err != nil {
		if errors.Is(err, secret.ErrUsedLink) || errors.Is(err, secret.ErrExpiredLink) {
			return Invitation{Username: r.Email, Locale: r.Locale, NextCodeAt: nextSend(r, s.now())}, err
		}
		return Invitation{}, err
	}
	cu, ok, err := customerByID(ctx, s.db, r.CustomerID)
	if err != nil {
		return Invitation{}, err
	}
	if !ok {
		return Invitation{}, secret.ErrUnknownLink
	}
	needs, late, err := s.needsCode(ctx, r)
	if err != nil {
		return Invitation{}, err
	}
	_, has, err := s.accounts.ByEmail(ctx, s.db, r.Email)
	if err != nil {
		return Invitation{}, err
	}
	now := s.now()
	inv := Invitation{
		Customer: cu.Name(), CustomerNumber: cu.Label(), FirstName: r.FirstName, Name: r.access().Name(),
		Username: r.Email, Locale: r.Locale, Expires: l.ExpiresAt, HasAccount: has, NeedsCode: needs,
	}
	if needs {
		inv.MobileEnd = r.Mobile[len(r.Mobile)-3:]
		inv.CodeLate = late
		inv.CodeLocked = locked(r, now) != nil
		inv.NextCodeAt = nextSend(r, now)
	}
	return inv, nil
}

// Opened records once per generation that a person, not a scanner, has opened the page. The page calls it with a POST
// request of its own. An invalid token is no error here: the page shows it.
func (s *Service) Opened(ctx context.Context, token string) error {
	r, _, err := s.look(ctx, token)
	if err != nil {
		if fault.CodeOf(err) == fault.Internal {
			return err
		}
		return nil
	}
	return s.opened(ctx, r)
}

func (s *Service) opened(ctx context.Context, r row) error {
	if r.OpenedAt != nil {
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return markOpened(ctx, tx, r.ID, r.Generation, s.now())
	})
}

// Register redeems the link. If nobody is signed in, it also signs the person in, because they have just proved to have
// the link, the code and the password. It checks the link, then the password, then the code, so that a weak password
// does not use up an attempt. An attempt is counted and committed before the code is compared.
//
// Errors: those of package secret; Invalid with Fields at code ("required", "code.malformed", "code.wrong" with Args
// left), password ("required", "password.wrong" or the password rules) and password_repeat; TooMany ErrCodeLocked,
// ErrCodeDay, or that of SignIn; ErrAgain; ErrHeld; Unavailable when too many people register at once.
func (s *Service) Register(
	ctx context.Context, token string, f RegisterForm, signedIn account.Caller, from account.Browser,
) (who Registrant, err error) {
	r, l, err := s.look(ctx, token)
	if err != nil {
		return Registrant{}, err
	}
	if err := s.opened(ctx, r); err != nil {
		return Registrant{}, err
	}
	cu, ok, err := customerByID(ctx, s.db, r.CustomerID)
	if err != nil {
		return Registrant{}, err
	}
	if !ok {
		return Registrant{}, secret.ErrUnknownLink
	}
	owner, has, err := s.accounts.ByEmail(ctx, s.db, r.Email)
	if err != nil {
		return Registrant{}, err
	}
	needs, _, err := s.needsCode(ctx, r)
	if err != nil {
		return Registrant{}, err
	}
	known := has && signedIn.ID == owner.ID
	var code string
	var errCode, errPassword error
	if needs {
		code, errCode = f.parseCode()
	}
	if !known {
		errPassword = s.checkPassword(r, cu.Name(), f, has)
	}
	if err := merge(errCode, errPassword); err != nil {
		return Registrant{}, err
	}
	if has && !known {
		if err := s.checkOwner(ctx, owner, f.Password, from); err != nil {
			return Registrant{}, err
		}
	}
	if needs {
		if err := s.tryCode(ctx, r, code); err != nil {
			return Registrant{}, err
		}
	}
	hash := ""
	if !has {
		if hash, err = s.accounts.Hash(ctx, f.Password); err != nil { // slow, so not inside the tx
			return Registrant{}, err
		}
	}
	return s.redeem(ctx, token, l, checked{owner, has, hash, signedIn.ID == uuid.Nil}, from)
}

// parseCode returns the code that was typed.
func (f RegisterForm) parseCode() (string, error) {
	if strings.TrimSpace(f.Code) == "" {
		return "", fault.At("code", "required")
	}
	return secret.ParseCode(f.Code)
}

// checkPassword checks what needs no query. has says that there is an account, so the password is not a new one.
func (s *Service) checkPassword(r row, customer string, f RegisterForm, has bool) error {
	switch {
	case !has:
		return s.accounts.CheckPassword(f.Password, f.PasswordRepeat, r.FirstName, r.LastName, r.Email, r.Mobile, customer)
	case f.Password == "":
		return fault.At("password", "required")
	}
	return nil
}

// checkOwner checks that the person knows the password of the account with their e-mail address. Guesses are delayed as
// at sign-in.
func (s *Service) checkOwner(ctx context.Context, owner account.Account, password string, from account.Browser) error {
	err := s.accounts.Verify(ctx, owner.ID, password, from)
	if fault.CodeOf(err) == fault.Unauthenticated {
		return merge(fault.At("password", "password.wrong"))
	}
	return err
}

// checked holds the results of Register's checks before the tx.
type checked struct {
	owner   account.Account // if has: the account whose password was right
	has     bool
	hash    string // if not has: the hash of the new account's password
	signsIn bool   // nobody is signed in with the browser
}

// redeem registers in one tx. Its UPDATE succeeds for only one of several concurrent callers.
func (s *Service) redeem(
	ctx context.Context, token string, l secret.Link, who checked, from account.Browser,
) (done Registrant, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.now()
		if err := s.courier.CancelAccess(ctx, tx, l.SubjectID); err != nil {
			return err
		}
		r, ok, err := markRegistered(ctx, tx, l.SubjectID, l.Generation, now)
		if err != nil {
			return err
		}
		if !ok {
			return s.whyNotRegistered(ctx, tx, l.SubjectID)
		}
		if !s.key.IsBound(l, r.Email) {
			return secret.ErrUnknownLink
		}
		if err := s.mayRedeem(ctx, tx, r); err != nil {
			return err
		}
		if _, err := secret.Redeem(ctx, tx, secret.Register, token, now); err != nil {
			return err
		}
		if err := voidCodes(ctx, tx, r.ID); err != nil {
			return err
		}
		a, err := s.accountFor(ctx, tx, r, who)
		if err != nil {
			return err
		}
		if err := setAccount(ctx, tx, r.ID, a.ID); err != nil {
			if store.IsForeignKey(err) {
				return ErrAgain
			}
			return err
		}
		done = Registrant{Username: a.Username}
		by := audit.Actor{ID: a.ID, Name: a.Name, Address: from.Address, RequestID: from.RequestID}
		if err := s.audit.Write(ctx, tx, by, r.record(audit.AccessRegistered, nil)); err != nil {
			return err
		}
		if who.signsIn {
			if done.Session, err = s.accounts.OpenSession(ctx, tx, a.ID, from); err != nil {
				return err
			}
		}
		return s.customers.Refresh(ctx, tx, r.CustomerID)
	})
	if errors.Is(err, ErrHeld) {
		err = errors.Join(err, s.holdRedeemed(ctx, l.SubjectID, from))
	}
	if err != nil {
		return Registrant{}, err
	}
	return done, nil
}

// accountFor returns the account for an access: the one whose password was checked, or a new one.
func (s *Service) accountFor(ctx context.Context, tx bun.IDB, r row, who checked) (account.Account, error) {
	now, exists, err := s.accounts.ByEmail(ctx, tx, r.Email)
	switch {
	case err != nil:
		return account.Account{}, err
	case exists != who.has || exists && now.ID != who.owner.ID:
		return account.Account{}, ErrAgain
	case exists:
		return now, nil
	}
	a, err := s.accounts.CreateEndUser(ctx, tx, account.EndUser{
		Name: r.access().Name(), Email: r.Email, Locale: r.Locale, PasswordHash: who.hash,
	})
	if fault.CodeOf(err) == fault.Invalid {
		err = ErrAgain // the address is taken: the person has just registered at another customer
	}
	return a, err
}

func (s *Service) whyNotRegistered(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	r, ok, err := accessByID(ctx, tx, id)
	switch {
	case err != nil:
		return err
	case ok && r.RegisteredAt != nil && r.DeactivatedAt == nil:
		return secret.ErrUsedLink
	}
	return secret.ErrUnknownLink
}

// NewLink sends a new link to the stored address for an expired token. For every other token it returns nil after the
// same time as for an unknown one, and sends nothing. Errors: TooMany ErrLinkWait (one per minute, five per day, codes
// included).
//
// Expired links are kept although they are of an earlier generation now. If the new mail does not arrive, the person
// can open the old link and request another one.
func (s *Service) NewLink(ctx context.Context, token string, from account.Browser) error {
	r, _, err := s.look(ctx, token)
	if !errors.Is(err, secret.ErrExpiredLink) {
		if fault.CodeOf(err) == fault.Internal {
			return err
		}
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.courier.CancelAccess(ctx, tx, r.ID); err != nil {
			return err
		}
		now := s.now()
		if _, err := s.take(ctx, tx, r, now, ErrLinkWait); err != nil {
			return err
		}
		renewed, ok, err := renew(ctx, tx, r.ID, now, 0)
		if err != nil {
			return err
		}
		if !ok {
			return secret.ErrUnknownLink
		}
		if err := voidCodes(ctx, tx, r.ID); err != nil {
			return err
		}
		if err := s.invite(ctx, tx, renewed); err != nil {
			return err
		}
		if err := s.audit.Write(ctx, tx, guest(renewed, from), renewed.record(audit.AccessLinkAsked, nil)); err != nil {
			return err
		}
		return s.customers.Refresh(ctx, tx, r.CustomerID)
	})
}
