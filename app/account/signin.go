package account

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/entry"
	"kontor/app/store"
)

// SignIn checks login (e-mail or username) and password and opens a session. token is the value of the cookie and
// always new. If the browser already had a session, the caller ends it with SignOut.
//
// Errors: Unauthenticated "sign_in.wrong" for every reason (unknown login, deactivated account, no password yet, no
// access any more, wrong password), after the same work; TooMany "sign_in.slow_down" with RetryAfter; Unavailable
// "busy" when too many people are signing in for this one to be served before ctx ends.
func (s *Service) SignIn(ctx context.Context, login, password string, from Browser) (a Account, token string, err error) {
	defer func() { s.sawSignIn(ctx, login, from, err) }()
	a, token, err = s.signIn(ctx, login, password, from)
	if errors.Is(err, errChanged) { // perhaps only renewed, by another sign-in of the same person
		a, token, err = s.signIn(ctx, login, password, from)
	}
	if errors.Is(err, errChanged) {
		err = ErrSignIn
	}
	return a, token, err
}

// errChanged says that the stored password changed while it was compared.
var errChanged = errors.New("the password changed meanwhile")

// signIn is one attempt of SignIn. It may return errChanged; then the attempt is not counted.
func (s *Service) signIn(ctx context.Context, login, password string, from Browser) (a Account, token string, err error) {
	found, folded, err := find(ctx, s.db, login)
	if err != nil {
		return Account{}, "", err
	}
	a = found.Account
	leave, err := s.gate.enter(ctx, whose(a, folded), from)
	if err != nil {
		return Account{}, "", err
	}
	defer leave()
	try, err := s.reserve(ctx, whose(a, folded), from)
	if store.IsForeignKey(err) { // the account was deleted in the meantime
		err = ErrSignIn
	}
	if err != nil {
		return Account{}, "", err
	}
	hash := a.PasswordHash
	if !maySignIn(a, found.HasAccess) {
		hash = ""
	}
	ok, stale, err := s.hasher.verify(ctx, password, hash)
	if err != nil {
		s.giveBack(ctx, try)
		return Account{}, "", err
	}
	if err := try.answer(ok); err != nil {
		return Account{}, "", err
	}
	renewed := ""
	if stale {
		if renewed, err = s.hasher.hash(ctx, password); err != nil {
			return Account{}, "", err
		}
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// In the meantime the account may have been deactivated, or its password may have been changed.
		current, err := lockAccount(ctx, tx, a.ID)
		if store.IsNoRows(err) {
			return ErrSignIn
		}
		if err != nil {
			return err
		}
		if current.PasswordHash != hash {
			return errChanged
		}
		if renewed != "" {
			if err := setPassword(ctx, tx, a.ID, renewed); err != nil {
				return err
			}
		}
		if err := s.settle(ctx, tx, try); err != nil {
			return err
		}
		token, err = s.OpenSession(ctx, tx, a.ID, from)
		return err
	})
	if errors.Is(err, errChanged) {
		s.giveBack(ctx, try)
	}
	if err != nil {
		return Account{}, "", err
	}
	return a, token, nil
}

// find returns the account with a login, or an empty one when there is none, and the folded login.
func find(ctx context.Context, db bun.IDB, login string) (found withAccess, folded string, err error) {
	folded, sensible := foldLogin(login)
	if !sensible {
		return withAccess{}, folded, nil
	}
	if before := store.FoldBefore(login); before != folded && entry.IsText(before, false) {
		if found, err = findLogin(ctx, db, before); err == nil || !store.IsNoRows(err) {
			return found, folded, err
		}
	}
	if found, err = findLogin(ctx, db, folded); store.IsNoRows(err) {
		return withAccess{}, folded, nil
	}
	return found, folded, err
}

// Verify checks the password of a known account, before a change that requires the password or when a person joins
// another customer. It counts like SignIn and returns the same errors, but requires no role and opens no session.
func (s *Service) Verify(ctx context.Context, id uuid.UUID, password string, from Browser) (err error) {
	a, err := findAccount(ctx, s.db, id)
	if store.IsNoRows(err) {
		return ErrSignIn
	}
	if err != nil {
		return err
	}
	defer func() { s.sawVerify(a, from, err) }()
	leave, err := s.gate.enter(ctx, whose(a, ""), from)
	if err != nil {
		return err
	}
	defer leave()
	try, err := s.reserve(ctx, whose(a, ""), from)
	if err != nil {
		return err
	}
	return s.compare(ctx, a, password, try)
}

// verifyOwn checks the password of a person who is signed in. It has a counter of its own: only somebody with a session
// can reach it, so failed sign-ins of others do not block the person here.
func (s *Service) verifyOwn(ctx context.Context, a Account, password string, from Browser) (err error) {
	defer func() { s.sawVerify(a, from, err) }()
	try := tried{who: whose(a, ""), from: from}
	try.slots = []slot{s.slotOf("own", perAccount, try.who)}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := holdPerson(ctx, tx, try.who); err != nil {
			return err
		}
		wait, err := s.count(ctx, tx, try.slots)
		if err != nil {
			return err
		}
		return slowDown(wait)
	})
	if err != nil {
		return err
	}
	return s.compare(ctx, a, password, try)
}

// compare checks the password of an attempt that was already counted.
func (s *Service) compare(ctx context.Context, a Account, password string, try tried) error {
	hash := a.PasswordHash
	if !a.Active {
		hash = ""
	}
	ok, _, err := s.hasher.verify(ctx, password, hash)
	if err != nil {
		s.giveBack(ctx, try)
		return err
	}
	if err := try.answer(ok); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.settle(ctx, tx, try) })
}

// OpenSession signs an account in without a password, inside the tx that registered it or set its password. token is
// the value of the cookie. Error: ErrSignIn for a deactivated or unknown account.
func (s *Service) OpenSession(ctx context.Context, tx bun.IDB, id uuid.UUID, from Browser) (token string, err error) {
	a, err := lockAccount(ctx, tx, id)
	if store.IsNoRows(err) || err == nil && !a.Active {
		return "", ErrSignIn
	}
	if err != nil {
		return "", err
	}
	token, err = s.newSession(ctx, tx, a.ID, from)
	if err != nil {
		return "", err
	}
	return token, s.audit.Write(ctx, tx, itself(a, from), a.record(audit.AccountSignedIn, nil))
}
