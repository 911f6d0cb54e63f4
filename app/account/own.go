package account

import (
	"context"
	"errors"
	"strconv"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
)

// Own holds what a person may change about themselves on /account.
type Own struct {
	Name, Username, Locale string
	Shortcuts              bool
}

// Get returns the caller's account with its roles. Error: ErrNobody.
func (s *Service) Get(ctx context.Context, c Caller) (Account, error) {
	if c.ID == uuid.Nil {
		return Account{}, ErrNobody
	}
	a, err := findAccount(ctx, s.db, c.ID)
	if store.IsNoRows(err) {
		return Account{}, ErrNobody
	}
	return a, err
}

// change runs fn in a tx that locks the caller's account. Error: ErrNobody when there is no such active account.
func (s *Service) change(ctx context.Context, c Caller, fn func(ctx context.Context, tx bun.Tx, a *Account) error) error {
	if c.ID == uuid.Nil {
		return ErrNobody
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		a, err := lockAccount(ctx, tx, c.ID)
		if store.IsNoRows(err) || err == nil && !a.Active {
			return ErrNobody
		}
		if err != nil {
			return err
		}
		return fn(ctx, tx, &a)
	})
}

// UpdateOwn saves what the caller changed about themselves. Errors: ErrNobody; Invalid with fields name ("required",
// "too_long" with max, "control_characters"), username (the same; "username.malformed" with blanks or somebody else's
// e-mail address; "username.taken"), locale ("locale.unknown").
func (s *Service) UpdateOwn(ctx context.Context, c Caller, o Own) error {
	err := s.change(ctx, c, func(ctx context.Context, tx bun.Tx, a *Account) error {
		var form fault.Form
		form.AddError(complainText("name", &o.Name))
		form.AddError(complainUsername("username", &o.Username, a.Email))
		form.AddError(complainLocale("locale", o.Locale))
		if err := form.Err(); err != nil {
			return err
		}
		changes := audit.Changes{}
		note(changes, "name", a.Name, o.Name)
		note(changes, "username", a.Username, o.Username)
		note(changes, "locale", a.Locale, o.Locale)
		note(changes, "shortcuts", strconv.FormatBool(a.Shortcuts), strconv.FormatBool(o.Shortcuts))
		if len(changes) == 0 {
			return nil
		}
		a.setName(o.Name)
		a.setUsername(o.Username)
		a.Locale, a.Shortcuts = o.Locale, o.Shortcuts
		if err := saveAccount(ctx, tx, a); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountUpdated, changes))
	})
	if store.IsUnique(err, "account.username_folded") {
		var form fault.Form
		form.Add("username", "username.taken")
		return form.Err()
	}
	return err
}

func note(changes audit.Changes, field, before, after string) {
	if before != after {
		changes[field] = [2]string{before, after}
	}
}

// PasswordForm changes the caller's own password.
type PasswordForm struct{ Current, Password, Repeat string }

// ChangePassword sets a new password and ends all other sessions of the caller. The session with the token keep stays
// and gets a new token, which ChangePassword returns as fresh. fresh is "" when keep is not a session of the caller.
// Errors: ErrNobody; Invalid with fields current_password ("password.wrong"), password and password_repeat (see
// CheckPassword); TooMany "sign_in.slow_down" after several wrong passwords.
func (s *Service) ChangePassword(ctx context.Context, c Caller, f PasswordForm, keep string) (fresh string, err error) {
	a, err := s.Get(ctx, c)
	if err != nil {
		return "", err
	}
	var form fault.Form
	wrong, err := s.confirm(ctx, c, a, "current_password", f.Current)
	if err != nil {
		return "", err
	}
	form.AddError(wrong)
	s.complainNew(&form, f.Password, f.Repeat, a.personal())
	if err := form.Err(); err != nil {
		return "", err
	}
	hash, err := s.hasher.hash(ctx, f.Password)
	if err != nil {
		return "", err
	}
	err = s.change(ctx, c, func(ctx context.Context, tx bun.Tx, now *Account) error {
		if now.PasswordHash != a.PasswordHash { // changed from another browser in the meantime
			form.Add("current_password", "password.wrong")
			return form.Err()
		}
		if err := s.void(ctx, tx, a.ID, courier.SetPassword, courier.ResetPassword); err != nil {
			return err
		}
		if err := s.replacePassword(ctx, tx, c.Actor(), *now, newPassword{hash: hash, keep: keep}); err != nil {
			return err
		}
		fresh, err = s.renew(ctx, tx, now.ID, keep)
		return err
	})
	if err != nil {
		return "", err
	}
	return fresh, nil
}

// confirm checks the caller's password before an action that a stranger at an unlocked screen must not do. If the
// password in the field is missing or wrong, it returns that as wrong.
func (s *Service) confirm(ctx context.Context, c Caller, a Account, field, password string) (wrong *fault.Error, err error) {
	if password == "" { // an empty field does not count as a wrong password
		return fault.At(field, "required"), nil
	}
	err = s.verifyOwn(ctx, a, password, Browser{Address: c.Address, RequestID: c.RequestID})
	if errors.Is(err, ErrSignIn) {
		return fault.At(field, "password.wrong"), nil
	}
	return nil, err
}

// newPassword is the hash of a new password, and the token of the session that stays ("" for none).
type newPassword struct{ hash, keep string }

// replacePassword stores the hash of a new password. It ends sessions and pending requests that somebody with the old
// password may have started. Failed sign-ins with the old password no longer count.
func (s *Service) replacePassword(ctx context.Context, tx bun.IDB, by audit.Actor, a Account, p newPassword) error {
	if err := setPassword(ctx, tx, a.ID, p.hash); err != nil {
		return err
	}
	if err := deleteSessions(ctx, tx, a.ID, keptHash(p.keep)); err != nil {
		return err
	}
	if err := s.settleAll(ctx, tx, a.ID); err != nil {
		return err
	}
	if err := setPendingEmail(ctx, tx, a.ID, ""); err != nil {
		return err
	}
	if err := s.void(ctx, tx, a.ID, courier.ConfirmEmail); err != nil {
		return err
	}
	// Links for setting a password are left to the caller: a used link must keep saying that it was used.
	if err := s.courier.CancelAccount(ctx, tx, a.ID, courier.SetPassword, courier.ResetPassword); err != nil {
		return err
	}
	if a.PasswordHash != "" { // setting the first password is no change
		if err := s.tell(ctx, tx, a, courier.PasswordChanged, ""); err != nil {
			return err
		}
	}
	return s.audit.Write(ctx, tx, by, a.record(audit.AccountPasswordSet, nil))
}

// void invalidates the links of these kinds and cancels the mails that would contain new ones.
func (s *Service) void(ctx context.Context, tx bun.IDB, account uuid.UUID, kinds ...courier.Kind) error {
	for _, k := range kinds {
		if err := secret.Void(ctx, tx, purposes[k], account); err != nil {
			return err
		}
	}
	return s.courier.CancelAccount(ctx, tx, account, kinds...)
}

// AskEmail sends a ConfirmEmail link to the caller's new address. If the address belongs to somebody else, nothing is
// sent, but the answer is the same. Errors: ErrNobody; Invalid with fields email (see ValidEmail; "email.same") and
// email_password ("required", "password.wrong"); TooMany "sign_in.slow_down".
func (s *Service) AskEmail(ctx context.Context, c Caller, email, password string) error {
	a, err := s.Get(ctx, c)
	if err != nil {
		return err
	}
	var form fault.Form
	if f := complainEmail("email", &email); f != nil {
		form.AddError(f)
	} else if email == a.Email {
		form.Add("email", "email.same")
	}
	wrong, err := s.confirm(ctx, c, a, "email_password", password)
	if err != nil {
		return err
	}
	form.AddError(wrong)
	if err := form.Err(); err != nil {
		return err
	}
	return s.change(ctx, c, func(ctx context.Context, tx bun.Tx, a *Account) error {
		other, taken, err := s.ByEmail(ctx, tx, email)
		if err != nil || taken && other.ID != a.ID {
			return err
		}
		if err := setPendingEmail(ctx, tx, a.ID, email); err != nil {
			return err
		}
		if err := s.post(ctx, tx, *a, mail{kind: courier.ConfirmEmail, to: email, life: confirmEmailLife}); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountEmailAsked, nil))
	})
}

// EmailLinkLocale returns the language of the person to whom a ConfirmEmail link was sent, even if the link is used or
// expired. It returns "" for an unknown or replaced link, and for an account without a language.
func (s *Service) EmailLinkLocale(ctx context.Context, token string) string {
	l, dead := secret.Find(ctx, s.db, secret.ConfirmEmail, token, s.now())
	used := errors.Is(dead, secret.ErrUsedLink)
	if dead != nil && !used && !errors.Is(dead, secret.ErrExpiredLink) {
		return ""
	}
	a, err := findAccount(ctx, s.db, l.SubjectID)
	if err != nil || !used && (!a.Active || a.PendingEmail == "" || !s.key.IsBound(l, a.PendingEmail)) {
		return ""
	}
	return a.Locale
}

// ConfirmEmail redeems a link sent by AskEmail. The new address takes effect, also as the username if that was the old
// address; a mail to the old address says so. The token authorises the change, so the handler must be a POST. Errors:
// those of links (secret.ErrUnknownLink, ErrUsedLink, ErrExpiredLink); Conflict "email.taken" when somebody else took
// the address in the meantime.
func (s *Service) ConfirmEmail(ctx context.Context, token string, from Browser) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		l, err := secret.Redeem(ctx, tx, secret.ConfirmEmail, token, s.now())
		if err != nil {
			return err
		}
		a, err := lockAccount(ctx, tx, l.SubjectID)
		wanted := a.Active && a.PendingEmail != "" && s.key.IsBound(l, a.PendingEmail)
		if store.IsNoRows(err) || err == nil && !wanted {
			return secret.ErrUnknownLink
		}
		if err != nil {
			return err
		}
		old := a.Email
		if a.UsernameFolded == a.EmailFolded {
			a.setUsername(a.PendingEmail)
		}
		a.setEmail(a.PendingEmail)
		a.PendingEmail = ""
		if err := saveAccount(ctx, tx, &a); err != nil {
			return err
		}
		if a.Specialist {
			if err := keepFormer(ctx, tx, a.ID, old); err != nil {
				return err
			}
		}
		by := Caller{ID: a.ID, Name: a.Name, Address: from.Address}
		if err := s.tellAddressed(ctx, tx, by, a); err != nil {
			return err
		}
		// links in mails to the old address are no longer valid
		if err := s.void(ctx, tx, a.ID, courier.SetPassword, courier.ResetPassword); err != nil {
			return err
		}
		if err := s.post(ctx, tx, a, mail{kind: courier.EmailChanged, to: old, life: tellLife}); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, a, courier.EmailConfirmed, ""); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, itself(a, from), a.record(audit.AccountEmailChanged, audit.Changes{"email": {old, a.Email}}))
	})
	if store.IsUnique(err, "account.email_folded") || store.IsUnique(err, "account.username_folded") {
		return fault.New(fault.Conflict, "email.taken")
	}
	return err
}
