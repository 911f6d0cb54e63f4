package account

import (
	"context"
	"slices"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// SpecialistForm adds or changes a specialist user.
type SpecialistForm struct {
	Name, Email, Locale string
	Roles               []policies.Role
	Version             int    // of the account, for changes
	Why                 string // the reason, for the person who approves the roles
}

// SpecialistFilter narrows the list.
type SpecialistFilter struct {
	Query    string // words of name, e-mail or username; folded
	Inactive bool   // include deactivated users
	After    string // cursor; an invalid one is ignored
}

// SpecialistPage is one page of specialist users, sorted by name.
type SpecialistPage struct {
	Items []Account
	Next  string // cursor, "" at the end
	// SignIns says that the caller may see when people have signed in last. Else nobody has.
	SignIns bool
}

// SpecialistPageSize is how many specialist users a page has.
const SpecialistPageSize = listing.PageSize

// Specialists lists specialist users by name, with their roles (specialist read). Error: Forbidden.
func (s *Service) Specialists(ctx context.Context, c Caller, f SpecialistFilter) (SpecialistPage, error) {
	if err := s.require(c, policies.Read); err != nil {
		return SpecialistPage{}, err
	}
	items, err := listSpecialists(ctx, s.db, f, SpecialistPageSize+1)
	if err != nil {
		return SpecialistPage{}, err
	}
	items, more := listing.Cut(items)
	page := SpecialistPage{Items: items}
	if page.SignIns, err = s.seesSignIns(c); err != nil {
		return SpecialistPage{}, err
	}
	if !page.SignIns {
		for i := range page.Items {
			page.Items[i].LastSignInAt = nil
		}
	}
	if more {
		last := items[len(items)-1]
		page.Next = cursor{last.NameSort, last.ID}.String()
	}
	return page, nil
}

// seesSignIns says whether the firm shows the caller when people have signed in last.
func (s *Service) seesSignIns(c Caller) (bool, error) {
	manages, err := s.decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: policies.Manage})
	return err == nil && s.firm.ShowsSignIn(manages), err
}

// cursor is the position where a page ended.
type cursor struct {
	name string
	id   uuid.UUID
}

// cursorVersion changes when the meaning of a cursor does. Cursors of another version are ignored.
const cursorVersion = 2

func (c cursor) String() string { return listing.Encode(cursorVersion, c.id, c.name) }

// readCursor returns the zero cursor, which is before every account, for text that String did not make.
func readCursor(s string) (c cursor) {
	if !listing.Decode(s, cursorVersion, &c.id, &c.name) {
		return cursor{}
	}
	return c
}

// Specialist returns a specialist user with their roles (specialist read). Errors: Forbidden, ErrUnknown.
func (s *Service) Specialist(ctx context.Context, c Caller, id uuid.UUID) (Account, error) {
	if err := s.require(c, policies.Read); err != nil {
		return Account{}, err
	}
	a, err := findAccount(ctx, s.db, id)
	if store.IsNoRows(err) || err == nil && !a.Specialist {
		return Account{}, ErrUnknown
	}
	if err != nil {
		return Account{}, err
	}
	sees, err := s.seesSignIns(c)
	if !sees {
		a.LastSignInAt = nil
	}
	return a, err
}

// validate checks and normalises the form. Fields: name, email (unless withoutEmail), roles ("role.unknown"), locale.
func (f *SpecialistForm) validate(withoutEmail bool) *fault.Form {
	var form fault.Form
	form.AddError(complainText("name", &f.Name))
	if !withoutEmail {
		form.AddError(complainEmail("email", &f.Email))
	}
	roles, ok := inOrder(f.Roles)
	if !ok {
		form.Add("roles", "role.unknown")
	}
	f.Roles = roles
	form.AddError(complainLocale("locale", f.Locale))
	if f.Why = entry.Line(f.Why); f.Why != "" {
		form.AddError(complainText("why", &f.Why))
	}
	return &form
}

// AddSpecialist creates a specialist user without a password and sends them a link to set one, in one tx (specialist
// manage). Errors: Forbidden; Invalid with fields name ("required", "too_long" with max, "control_characters"), email
// (see ValidEmail; "email.taken", also by an end user), roles ("role.unknown"), locale ("locale.unknown").
func (s *Service) AddSpecialist(ctx context.Context, c Caller, f SpecialistForm) (a Account, err error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Account{}, err
	}
	form := f.validate(false)
	if err := form.Err(); err != nil {
		return Account{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockHolders(ctx, tx); err != nil {
			return err
		}
		later, err := s.second(ctx, tx, c, Account{}, f.Roles)
		if err != nil {
			return err
		}
		now := f
		now.Roles = minus(f.Roles, later)
		if a, err = s.create(ctx, tx, c.Actor(), now, ""); err != nil {
			return err
		}
		if err := s.tellAddressed(ctx, tx, c, a); err != nil {
			return err
		}
		if len(later) > 0 {
			if _, err := s.approvals.Propose(ctx, tx, c.Actor(), rolesFor(a, later, f.Why)); err != nil {
				return err
			}
		}
		return s.post(ctx, tx, a, mail{kind: courier.SetPassword, to: a.Email, life: setPasswordLife})
	})
	return a, emailTaken(err)
}

// create stores a specialist user with their roles and writes the log.
func (s *Service) create(ctx context.Context, tx bun.IDB, by audit.Actor, f SpecialistForm, hash string) (Account, error) {
	a, err := s.newAccount(f.Name, f.Email, f.Locale, hash)
	if err != nil {
		return Account{}, err
	}
	a.Specialist, a.Roles = true, f.Roles
	if err := insertAccount(ctx, tx, &a); err != nil {
		return Account{}, err
	}
	if err := insertRoles(ctx, tx, a.ID, a.Roles); err != nil {
		return Account{}, err
	}
	if by.ID == uuid.Nil {
		by = System.Actor()
	}
	if err := s.approvals.Made(ctx, tx, a.ID, by, a.Roles); err != nil {
		return Account{}, err
	}
	if err := s.tellHolders(ctx, tx, a, a.Roles); err != nil {
		return Account{}, err
	}
	return a, s.audit.Write(ctx, tx, by, a.record(audit.AccountCreated, audit.Changes{"roles": {"", joinRoles(a.Roles)}}))
}

func (s *Service) newAccount(name, email, locale, hash string) (Account, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Account{}, err
	}
	a := Account{
		ID: id, Locale: locale, PasswordHash: hash, Shortcuts: true, Active: true, Version: 1, CreatedAt: s.now(),
	}
	a.setName(name)
	a.setEmail(email)
	a.setUsername(email)
	return a, nil
}

// emailTaken turns a violated unique constraint for the address into an error at the field email.
func emailTaken(err error) error {
	if store.IsUnique(err, "account.email_folded") || store.IsUnique(err, "account.username_folded") {
		var form fault.Form
		form.Add("email", "email.taken")
		return form.Err()
	}
	return err
}

// UpdateSpecialist changes name, locale and roles, but not the e-mail address (specialist manage). Errors: Forbidden;
// ErrUnknown; ErrVersion; ErrLastHolder when nobody else would hold user_administrator or policy_administrator; Invalid
// with fields name, locale, roles ("role.unknown"; "role.self": nobody can give themselves another role). Roles that
// need a second person's approval are proposed; everything else is saved.
func (s *Service) UpdateSpecialist(ctx context.Context, c Caller, id uuid.UUID, f SpecialistForm) error {
	form := f.validate(true)
	return s.manage(ctx, c, id, func(ctx context.Context, tx bun.Tx, a *Account) error {
		if a.Version != f.Version {
			return ErrVersion
		}
		gained, lost := minus(f.Roles, a.Roles), minus(a.Roles, f.Roles)
		if id == c.ID && len(gained) > 0 {
			form.Add("roles", "role.self")
		}
		if err := form.Err(); err != nil {
			return err
		}
		later, err := s.second(ctx, tx, c, *a, gained)
		if err != nil {
			return err
		}
		roles := minus(f.Roles, later)
		if err := s.keepHolders(ctx, tx, *a, lost); err != nil {
			return err
		}
		if err := s.keepKeeper(ctx, tx, *a, roles, true); err != nil {
			return err
		}
		if len(later) > 0 {
			if _, err := s.approvals.Propose(ctx, tx, c.Actor(), rolesFor(*a, later, f.Why)); err != nil {
				return err
			}
		}
		changes := audit.Changes{}
		note(changes, "name", a.Name, f.Name)
		note(changes, "locale", a.Locale, f.Locale)
		a.setName(f.Name)
		a.Locale = f.Locale
		if len(changes) == 0 && joinRoles(a.Roles) == joinRoles(roles) {
			return nil
		}
		if err := saveAccount(ctx, tx, a); err != nil {
			return err
		}
		if len(changes) > 0 {
			if err := s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountUpdated, changes)); err != nil {
				return err
			}
		}
		return s.giveRoles(ctx, tx, a, rolesGiven{roles: roles, giver: c.Actor(), by: c.Actor()})
	})
}

// manage runs fn in a tx that locks a specialist user's account and the holders of roles: only one tx at a time can
// change who holds which role. Errors: Forbidden, ErrUnknown.
func (s *Service) manage(
	ctx context.Context, c Caller, id uuid.UUID, fn func(ctx context.Context, tx bun.Tx, a *Account) error,
) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := lockHolders(ctx, tx); err != nil {
			return err
		}
		a, err := lockAccount(ctx, tx, id)
		if store.IsNoRows(err) || err == nil && !a.Specialist {
			return ErrUnknown
		}
		if err != nil {
			return err
		}
		if err := loadRoles(ctx, tx, &a); err != nil {
			return err
		}
		return fn(ctx, tx, &a)
	})
}

// keepHolders returns ErrLastHolder if a is about to lose a guarded role that no other active specialist user has. If a
// has a password, the other holder must have one, too. The caller must hold lockHolders.
func (s *Service) keepHolders(ctx context.Context, tx bun.IDB, a Account, lost []policies.Role) error {
	if !a.Active {
		return nil
	}
	for _, r := range lost {
		if !slices.Contains(guarded, r) {
			continue
		}
		others, err := hasOtherHolder(ctx, tx, r, a.ID, a.PasswordHash != "")
		if err != nil {
			return err
		}
		if !others {
			return ErrLastHolder.With("role", string(r))
		}
	}
	return nil
}

// keepKeeper returns ErrLastHolder if nobody who can sign in could manage policies any more after a change: a then has
// these roles, or is inactive. The policy decides which roles that takes, so a is checked even without a guarded role.
// The caller must hold lockHolders.
func (s *Service) keepKeeper(ctx context.Context, tx bun.IDB, a Account, roles []policies.Role, active bool) error {
	if !a.Active || a.PasswordHash == "" {
		return nil
	}
	policy, err := s.newestPolicy(ctx, tx)
	if err != nil {
		return err
	}
	keeps := func(given []policies.Role, hasAccess bool) (bool, error) {
		q := policies.Request{Roles: allRoles(Account{Specialist: true, Roles: given}, hasAccess), Object: policies.ObjectPolicy, Action: policies.Read}
		ok, err := policy.Allows(q)
		if err != nil || !ok {
			return false, err
		}
		q.Action = policies.Manage
		return policy.Allows(q)
	}
	able, err := ableSpecialists(ctx, tx)
	if err != nil {
		return err
	}
	before := false
	for _, w := range able {
		given, self := w.Account.Roles, w.Account.ID == a.ID
		was, err := keeps(given, w.HasAccess)
		if err != nil {
			return err
		}
		if self {
			before = was
			if !active {
				continue
			}
			if was, err = keeps(roles, w.HasAccess); err != nil {
				return err
			}
		}
		if was {
			return nil
		}
	}
	if !before {
		return nil // nor could they before this change
	}
	return ErrLastHolder.With("role", string(policies.PolicyAdministrator))
}

// newestPolicy returns the policy in force: the one of this process, or a newer one that another process has just
// published.
func (s *Service) newestPolicy(ctx context.Context, tx bun.IDB) (*policies.Decider, error) {
	number, text, err := newestPolicy(ctx, tx)
	if err != nil {
		return nil, err
	}
	if number <= s.decider.Version() {
		return s.decider, nil
	}
	return policies.New(text)
}

func minus(a, b []policies.Role) (out []policies.Role) {
	for _, r := range a {
		if !slices.Contains(b, r) {
			out = append(out, r)
		}
	}
	return out
}

func joinRoles(roles []policies.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// Deactivate ends a specialist user's sessions and voids their links, in one tx (specialist manage). The account, its
// roles and its assignments stay; functions registered with OnSwitched do the rest. If the account is already inactive,
// nothing changes. Errors: Forbidden, ErrUnknown, ErrSelf, ErrLastHolder.
func (s *Service) Deactivate(ctx context.Context, c Caller, id uuid.UUID) error {
	return s.manage(ctx, c, id, func(ctx context.Context, tx bun.Tx, a *Account) error {
		if a.ID == c.ID {
			return ErrSelf
		}
		if !a.Active {
			return nil
		}
		if err := s.keepHolders(ctx, tx, *a, a.Roles); err != nil {
			return err
		}
		if err := s.keepKeeper(ctx, tx, *a, nil, false); err != nil {
			return err
		}
		if err := s.approvals.Took(ctx, tx, a.ID, c.Actor(), a.Roles); err != nil {
			return err
		}
		if err := s.approvals.Cancel(ctx, tx, approval.Roles, a.ID, c.Actor()); err != nil {
			return err
		}
		a.Active, a.PendingEmail = false, ""
		if err := saveAccount(ctx, tx, a); err != nil {
			return err
		}
		if err := deleteSessions(ctx, tx, a.ID, ""); err != nil {
			return err
		}
		if err := s.void(ctx, tx, a.ID, courier.SetPassword, courier.ResetPassword, courier.ConfirmEmail); err != nil {
			return err
		}
		if err := s.courier.CancelAccount(ctx, tx, a.ID, notices...); err != nil {
			return err
		}
		if err := s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountDeactivated, nil)); err != nil {
			return err
		}
		return s.tellSwitched(ctx, tx, c, *a)
	})
}

// Reactivate lets a deactivated specialist user sign in again (specialist manage). For a user with a guarding role it
// proposes that to a second person instead. Errors: Forbidden, ErrUnknown.
func (s *Service) Reactivate(ctx context.Context, c Caller, id uuid.UUID) error {
	return s.manage(ctx, c, id, func(ctx context.Context, tx bun.Tx, a *Account) error {
		if a.Active {
			return nil
		}
		if approval.Guards(a.Roles) {
			_, err := s.approvals.Propose(ctx, tx, c.Actor(), approval.Proposal{
				Kind: approval.Reactivation, SubjectID: a.ID, ConcernedID: a.ID, Subject: a.Name,
			})
			return err
		}
		return s.reactivate(ctx, tx, c, a)
	})
}

func (s *Service) reactivate(ctx context.Context, tx bun.IDB, c Caller, a *Account) error {
	a.Active = true
	if err := saveAccount(ctx, tx, a); err != nil {
		return err
	}
	if err := s.tellHolders(ctx, tx, *a, a.Roles); err != nil {
		return err
	}
	if err := s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountReactivated, nil)); err != nil {
		return err
	}
	return s.tellSwitched(ctx, tx, c, *a)
}

// ResendSetPassword sends a new SetPassword link, which voids the one before (specialist manage). It also lets the
// courier try an address again that refused mail. Errors: Forbidden; ErrUnknown; Conflict "account.has_password" or
// "account.inactive".
func (s *Service) ResendSetPassword(ctx context.Context, c Caller, id uuid.UUID) error {
	return s.manage(ctx, c, id, func(ctx context.Context, tx bun.Tx, a *Account) error {
		switch {
		case !a.Active:
			return fault.New(fault.Conflict, "account.inactive")
		case a.PasswordHash != "":
			return fault.New(fault.Conflict, "account.has_password")
		}
		if err := s.post(ctx, tx, *a, mail{kind: courier.SetPassword, to: a.Email, life: setPasswordLife}); err != nil {
			return err
		}
		if err := s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountLinkSent, nil)); err != nil {
			return err
		}
		return s.courier.Free(ctx, tx, a.Email)
	})
}

// TryAddress lets the courier try a specialist user's address again after it refused mail (specialist manage). Errors:
// Forbidden, ErrUnknown; Conflict "account.inactive".
func (s *Service) TryAddress(ctx context.Context, c Caller, id uuid.UUID) error {
	return s.manage(ctx, c, id, func(ctx context.Context, tx bun.Tx, a *Account) error {
		if !a.Active {
			return fault.New(fault.Conflict, "account.inactive")
		}
		if err := s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountAddressFreed, nil)); err != nil {
			return err
		}
		return s.courier.Free(ctx, tx, a.Email)
	})
}
