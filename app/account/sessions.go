package account

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/policies"
)

// sessionsMost is how many sessions a person can have at once. A further one ends the oldest.
const sessionsMost = 10

// ListedSession is a session for display. Its handle identifies it in a form but gives no access.
type ListedSession struct {
	Session
	Handle string
}

// handle returns the identifier of a session for use in pages. The session's id in the database is never shown.
func (s *Service) handle(x Session) string { return s.key.MAC("session handle", x.IDHash)[:32] }

// isHandle says whether handle identifies the session, also if it was made with the key before the last change.
func (s *Service) isHandle(handle string, x Session) bool {
	is := false
	for _, m := range s.key.MACs("session handle", x.IDHash) {
		is = secret.Equal(handle, m[:32]) || is
	}
	return is
}

// Sessions lists the caller's valid sessions, newest first. The session of this browser is the one whose IDHash is
// secret.HashToken of the cookie. Error: ErrNobody.
func (s *Service) Sessions(ctx context.Context, c Caller) ([]ListedSession, error) {
	if c.ID == uuid.Nil {
		return nil, ErrNobody
	}
	return s.sessionsOf(ctx, s.db, c.ID)
}

func (s *Service) sessionsOf(ctx context.Context, db bun.IDB, account uuid.UUID) ([]ListedSession, error) {
	list, err := sessionsOf(ctx, db, account, s.validity(s.now()))
	if err != nil {
		return nil, err
	}
	open := make([]ListedSession, len(list))
	for i, x := range list {
		open[i] = ListedSession{Session: x, Handle: s.handle(x)}
	}
	return open, nil
}

// EndSession ends one of the caller's own sessions. A session that has already ended is no error. Error: ErrNobody.
func (s *Service) EndSession(ctx context.Context, c Caller, handle string) error {
	return s.change(ctx, c, func(ctx context.Context, tx bun.Tx, a *Account) error {
		return s.endSession(ctx, tx, c, *a, handle)
	})
}

func (s *Service) endSession(ctx context.Context, tx bun.IDB, c Caller, a Account, handle string) error {
	open, err := s.sessionsOf(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	for _, x := range open {
		if !s.isHandle(handle, x.Session) {
			continue
		}
		if err := deleteSessionOf(ctx, tx, a.ID, x.IDHash); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountSessionEnded, nil))
	}
	return nil
}

// SessionsOf lists the sessions of a specialist user (specialist manage). Errors: Forbidden, ErrUnknown.
func (s *Service) SessionsOf(ctx context.Context, c Caller, id uuid.UUID) ([]ListedSession, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return nil, err
	}
	a, err := findAccount(ctx, s.db, id)
	if store.IsNoRows(err) || err == nil && !a.Specialist {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return s.sessionsOf(ctx, s.db, a.ID)
}

// EndSessionOf ends one session of a specialist user (specialist manage). A session that has already ended is no error.
// Errors: Forbidden, ErrUnknown.
func (s *Service) EndSessionOf(ctx context.Context, c Caller, id uuid.UUID, handle string) error {
	return s.manage(ctx, c, id, func(ctx context.Context, tx bun.Tx, a *Account) error {
		return s.endSession(ctx, tx, c, *a, handle)
	})
}

// EndSessionsOf ends all sessions of a specialist user (specialist manage). Errors: Forbidden, ErrUnknown.
func (s *Service) EndSessionsOf(ctx context.Context, c Caller, id uuid.UUID) error {
	return s.manage(ctx, c, id, func(ctx context.Context, tx bun.Tx, a *Account) error {
		open, err := s.sessionsOf(ctx, tx, a.ID)
		if err != nil || len(open) == 0 {
			return err
		}
		if err := deleteSessions(ctx, tx, a.ID, ""); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountSessionsEnded, nil))
	})
}

// renew replaces the token of a session, so that an old token that somebody has copied is useless. It returns "" when
// the token belongs to no session of the account.
func (s *Service) renew(ctx context.Context, tx bun.IDB, account uuid.UUID, token string) (fresh string, err error) {
	if token == "" {
		return "", nil
	}
	fresh = secret.NewToken()
	renewed, err := renameSession(ctx, tx, account, secret.HashToken(token), secret.HashToken(fresh))
	if err != nil || !renewed {
		return "", err
	}
	return fresh, nil
}
