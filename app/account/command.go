package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/secret"
)

// The methods for commands take no caller: whoever may run the program may do everything. The log names Kontor as the
// actor.

// ErrNoSuchLogin says that a command's argument is nobody's e-mail address or username.
var ErrNoSuchLogin = errors.New("nobody signs in with that; app user list shows the specialist users")

// Listed is a specialist user as `app user list` shows them.
type Listed struct {
	Account
	Password bool // the person has set a password
	Sessions int
	Failures int // wrong passwords that still count
}

// ListByCommand lists all specialist users by name, including deactivated ones.
func (s *Service) ListByCommand(ctx context.Context) (list []Listed, err error) {
	f := SpecialistFilter{Inactive: true}
	for {
		page, err := listSpecialists(ctx, s.db, f, SpecialistPageSize)
		if err != nil {
			return nil, err
		}
		for _, a := range page {
			row := Listed{Account: a, Password: a.PasswordHash != ""}
			// Raw SQL: the query returns counts, not rows of a table.
			err := s.db.NewRaw(`SELECT (SELECT count(*) FROM session WHERE account_id = ? AND expires_at > ?),
				(SELECT COALESCE(sum(failures), 0) FROM sign_in_throttle WHERE account_id = ? AND updated_at > ?
					AND (subject LIKE 'account:%' OR subject LIKE 'known:%' OR subject LIKE 'browser:%'))`,
				a.ID, s.now(), a.ID, s.now().Add(-forgetAfter)).Scan(ctx, &row.Sessions, &row.Failures)
			if err != nil {
				return nil, err
			}
			list = append(list, row)
		}
		if len(page) < SpecialistPageSize {
			return list, nil
		}
		last := page[len(page)-1]
		f.After = cursor{last.NameSort, last.ID}.String()
	}
}

// ResetByCommand is `app user reset`. For a person who may sign in, it returns the token of a ResetPassword link that
// is valid for setPasswordLife. The current password stays valid until the link is used. Errors: ErrNoSuchLogin, or an
// error that says the person may not sign in.
func (s *Service) ResetByCommand(ctx context.Context, login string) (a Account, token string, err error) {
	err = s.byCommand(ctx, login, func(ctx context.Context, tx bun.Tx, found withAccess) error {
		a = found.Account
		if !maySignIn(found.Account, found.HasAccess) {
			return fmt.Errorf("%s is deactivated: a link would not let them in", a.Name)
		}
		if token, err = s.mint(ctx, tx, secret.Link{Purpose: secret.ResetPassword, SubjectID: a.ID, ExpiresAt: s.now().Add(setPasswordLife)}, a.Email); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, System.Actor(), a.record(audit.AccountPasswordAsked, nil))
	})
	return a, token, err
}

// UnlockByCommand is `app user unlock`: it resets all counters of wrong passwords of an account. It does not reactivate
// the account. Error: ErrNoSuchLogin.
func (s *Service) UnlockByCommand(ctx context.Context, login string) (a Account, err error) {
	err = s.byCommand(ctx, login, func(ctx context.Context, tx bun.Tx, found withAccess) error {
		a = found.Account
		if err := s.settleAll(ctx, tx, a.ID); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, System.Actor(), a.record(audit.AccountUnlocked, nil))
	})
	return a, err
}

// UnlockAddressByCommand lets a network address try to sign in again at once.
func (s *Service) UnlockAddressByCommand(ctx context.Context, address string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, kind := range []string{"address", "asked", "spareat"} { // the order in which every tx locks them
			if err := deleteThrottle(ctx, tx, s.slotAt(kind, perAddress, address).subject); err != nil {
				return err
			}
		}
		return nil
	})
}

// SignOutByCommand is `app user sign-out`: it ends all sessions of an account. Error: ErrNoSuchLogin.
func (s *Service) SignOutByCommand(ctx context.Context, login string) (a Account, err error) {
	err = s.byCommand(ctx, login, func(ctx context.Context, tx bun.Tx, found withAccess) error {
		a = found.Account
		if err := deleteSessions(ctx, tx, a.ID, ""); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, System.Actor(), a.record(audit.AccountSessionsEnded, nil))
	})
	return a, err
}

// SignOutAllByCommand ends everybody's sessions and returns how many there were.
func (s *Service) SignOutAllByCommand(ctx context.Context) (ended int64, err error) {
	res, err := s.db.NewDelete().Model((*Session)(nil)).Where("1 = 1").Exec(ctx)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *Service) byCommand(ctx context.Context, login string, do func(context.Context, bun.Tx, withAccess) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		found, _, err := find(ctx, tx, login)
		switch {
		case err != nil:
			return err
		case found.Account.ID.IsNil():
			return ErrNoSuchLogin
		}
		if found.Account, err = lockAccount(ctx, tx, found.Account.ID); err != nil {
			return err
		}
		return do(ctx, tx, found)
	})
}
