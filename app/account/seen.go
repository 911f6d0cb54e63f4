package account

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/policies"
)

// sawSignIn counts a refused sign-in with a login as it was typed. The log names the account of the login. It never contains a login that belongs to
// nobody, because people type passwords there by mistake. sawSignIn looks the account up again after SignIn has done
// the same work in both cases. If the lookup fails, the login counts as nobody's.
func (s *Service) sawSignIn(ctx context.Context, login string, from Browser, err error) {
	action := audit.SignInUnknown
	switch fault.CodeOf(err) {
	case fault.Unauthenticated:
	case fault.TooMany:
		action = audit.SignInSlowed
	default:
		return
	}
	var a Account
	if found, _, err := find(ctx, s.db, login); err == nil {
		a = found.Account
	}
	if a.ID != uuid.Nil && action == audit.SignInUnknown {
		action = audit.SignInFailed
	}
	s.saw(action, a, audit.Actor{Address: from.Address, RequestID: from.RequestID})
}

// sawVerify counts a wrong password that was given for a known account, for example to confirm a change.
func (s *Service) sawVerify(a Account, from Browser, err error) {
	switch fault.CodeOf(err) {
	case fault.Unauthenticated:
		s.saw(audit.PasswordGuessed, a, audit.Actor{Address: from.Address, RequestID: from.RequestID})
	case fault.TooMany:
		s.saw(audit.SignInSlowed, a, audit.Actor{Address: from.Address, RequestID: from.RequestID})
	}
}

func (s *Service) saw(action audit.Action, a Account, by audit.Actor) {
	s.audit.Saw(audit.Sighting{Action: action, By: by, SubjectID: a.ID, Subject: a.Name})
}

// Existing returns which of the accounts exist, and prevents their deletion until the tx ends.
func (s *Service) Existing(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	return existing(ctx, tx, ids)
}

// SpecialistsAmong returns those of some ids that are specialist users whom the caller may read, in one query.
func (s *Service) SpecialistsAmong(ctx context.Context, c Caller, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	if may, err := s.decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: policies.Read}); err != nil || !may {
		return nil, err
	}
	return specialistsAmong(ctx, s.db, ids)
}

// NameOf returns the name of an account, "" when there is none.
func (s *Service) NameOf(ctx context.Context, db bun.IDB, id uuid.UUID) (string, error) {
	return nameOf(ctx, db, id)
}
