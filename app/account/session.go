package account

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/secret"
	"kontor/app/store"
)

// touchEvery is the accuracy of last_seen_at. Showing a page reads the database and must not write to it every time.
const touchEvery = time.Minute

func (s *Service) newSession(ctx context.Context, tx bun.IDB, account uuid.UUID, from Browser) (token string, err error) {
	now := s.now()
	token = secret.NewToken()
	session := Session{
		IDHash: secret.HashToken(token), AccountID: account, CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(s.absolute),
		Address: oneLine(from.Address), Agent: oneLine(from.Agent),
	}
	if err := insertSession(ctx, tx, session); err != nil {
		return "", err
	}
	if err := deleteOldest(ctx, tx, session, s.validity(now), sessionsMost-1); err != nil {
		return "", err
	}
	return token, setSignedIn(ctx, tx, account, now)
}

// oneLine cleans a request header from an unknown client so that databases and logs accept it.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > maxText {
		s = string(r[:maxText])
	}
	return s
}

// Authenticate finds the session of a cookie and records that it was used. It returns nil, nil when there is no valid
// session: the token is unknown, the session is idle or too old, the account is deactivated, or an end user has no
// active access. It reads the database every time, so ending a session takes effect at once and in every process.
func (s *Service) Authenticate(ctx context.Context, token string) (*Signed, error) {
	signed, err := s.AuthenticateInBackground(ctx, token)
	if err != nil || signed == nil {
		return nil, err
	}
	if now := s.now(); now.Sub(signed.Session.LastSeenAt) >= touchEvery {
		if err := touchSession(ctx, s.db, signed.Session.IDHash, now, now.Add(-touchEvery)); store.Outage(err) != nil {
			return signed, nil //nolint:nilerr // what can be read can still be shown
		} else if err != nil {
			return nil, err
		}
		signed.Session.LastSeenAt = now
	}
	return signed, nil
}

// AuthenticateInBackground is Authenticate for requests that a page sends by itself while nobody works with it. Such a
// request does not count as use of the session, so the session can still become idle.
func (s *Service) AuthenticateInBackground(ctx context.Context, token string) (*Signed, error) {
	if len(token) != tokenLength {
		return nil, nil
	}
	row, err := findSession(ctx, s.db, secret.HashToken(token), s.validity(s.now()))
	if store.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !maySignIn(row.Account, row.HasAccess) {
		return nil, nil
	}
	signed := &Signed{Account: row.Account, Session: row.Session, Roles: allRoles(row.Account, row.HasAccess)}
	if signed.Account.Specialist {
		signed.For = row.standsFor()
	}
	return signed, nil
}

// tokenLength is the length of a session token in characters: base64url without padding.
const tokenLength = (secret.TokenBytes*8 + 5) / 6

// SignOut ends one session. An unknown token is no error.
func (s *Service) SignOut(ctx context.Context, token string, from Browser) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		a, err := endSession(ctx, tx, secret.HashToken(token))
		if store.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, itself(a, from), a.record(audit.AccountSignedOut, nil))
	})
}

// SignOutEverywhere ends all the caller's sessions but the one with the token keep ("" for all). Error: ErrNobody.
func (s *Service) SignOutEverywhere(ctx context.Context, c Caller, keep string) error {
	return s.change(ctx, c, func(ctx context.Context, tx bun.Tx, a *Account) error {
		if err := deleteSessions(ctx, tx, a.ID, keptHash(keep)); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, c.Actor(), a.record(audit.AccountSignedOutAll, nil))
	})
}

// RevokeOf ends all sessions of accounts, inside the caller's tx.
func (s *Service) RevokeOf(ctx context.Context, tx bun.IDB, ids ...uuid.UUID) error {
	return deleteAllSessions(ctx, tx, ids)
}

func keptHash(token string) string {
	if token == "" {
		return ""
	}
	return secret.HashToken(token)
}
