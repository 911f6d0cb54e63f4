package account

import (
	"context"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/policies"
)

// CreateFirst creates the first specialist user, with every role, if there is none yet; otherwise created is false. If
// password is "", CreateFirst generates one. shown is the password in both cases. Several processes may call
// CreateFirst at once: only one creates the user. A given password is the operator's choice, so only its length is
// checked. Error: Invalid with fields name, email, password.
func (s *Service) CreateFirst(ctx context.Context, email, name, password string) (shown string, created bool, err error) {
	if some, err := HasSpecialist(ctx, s.db); err != nil || some {
		return "", false, err
	}
	f := SpecialistForm{Name: name, Email: email, Roles: policies.FirmRoles}
	form := f.validate(false)
	if password == "" {
		// two registration codes: 69 bits, easy to read off a terminal
		password = secret.ShowCode(secret.NewCode()) + "-" + secret.ShowCode(secret.NewCode())
	}
	switch n := utf8.RuneCountInString(password); {
	case n < minPassword:
		form.AddError(fault.At("password", "password.short").With("min", minPassword))
	case n > maxPassword:
		form.AddError(fault.At("password", "password.long").With("max", maxPassword))
	}
	if err := form.Err(); err != nil {
		return "", false, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return "", false, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockHolders(ctx, tx); err != nil {
			return err
		}
		some, err := HasSpecialist(ctx, tx)
		created = err == nil && !some
		if !created {
			return err
		}
		_, err = s.create(ctx, tx, System.Actor(), f, hash)
		return err
	})
	if err != nil || !created {
		return "", false, emailTaken(err)
	}
	return password, true, nil
}

// AddByCommand is `app user add`. It has no caller: whoever may run the program may do everything. If the form has no
// role, the account gets specialist. It returns the one-time token of a SetPassword link, valid for setPasswordLife; no
// mail is sent. Error: Invalid as from AddSpecialist.
func (s *Service) AddByCommand(ctx context.Context, f SpecialistForm) (token string, err error) {
	if len(f.Roles) == 0 {
		f.Roles = []policies.Role{policies.Specialist}
	}
	if err := f.validate(false).Err(); err != nil {
		return "", err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		a, err := s.create(ctx, tx, System.Actor(), f, "")
		if err != nil {
			return err
		}
		token, err = s.mint(ctx, tx, secret.Link{Purpose: secret.SetPassword, SubjectID: a.ID, ExpiresAt: s.now().Add(setPasswordLife)}, a.Email)
		return err
	})
	return token, emailTaken(err)
}

// ByEmail finds an account by its e-mail address in any spelling; ok is false when there is none. An earlier version
// allowed one account for each spelling. If there are two such accounts, ByEmail returns the one with the given
// spelling.
func (s *Service) ByEmail(ctx context.Context, db bun.IDB, email string) (a Account, ok bool, err error) {
	folded := store.FoldEmail(email)
	if before := store.FoldBefore(email); before != folded && entry.IsText(before, false) {
		if a, err = findByEmail(ctx, db, before); err == nil || !store.IsNoRows(err) {
			return a, err == nil, err
		}
	}
	a, err = findByEmail(ctx, db, folded)
	if store.IsNoRows(err) {
		return Account{}, false, nil
	}
	return a, err == nil, err
}

// Hash hashes a password that CheckPassword has accepted, for CreateEndUser. It takes about 25 ms and waits in
// the same queue as sign-ins. Never call it inside a tx: on SQLite that would block all writers. Error: Unavailable
// "busy" when ctx ends first.
func (s *Service) Hash(ctx context.Context, password string) (string, error) {
	return s.hasher.hash(ctx, password)
}

// EndUser is an end user whose account is to be created.
type EndUser struct {
	Name, Email, Locale string
	PasswordHash        string // made by Hash
}

// CreateEndUser creates an end user's account inside the registration's tx. The username is initially the e-mail
// address. Error: Invalid with field email ("email.taken", see ValidEmail).
func (s *Service) CreateEndUser(ctx context.Context, tx bun.IDB, u EndUser) (Account, error) {
	var form fault.Form
	form.AddError(complainEmail("email", &u.Email))
	if err := form.Err(); err != nil {
		return Account{}, err
	}
	a, err := s.newAccount(u.Name, u.Email, u.Locale, u.PasswordHash)
	if err != nil {
		return Account{}, err
	}
	return a, emailTaken(insertAccount(ctx, tx, &a))
}
