package account

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/secret"
)

// KnownFor is how long a browser or an address stays known after the last sign-in from it.
const KnownFor = keepAddress

// knownMost is how many known browsers an account can have. Beyond that, the browser that was unused for longest is
// forgotten.
const knownMost = 20

// Remember makes a browser known to the account with a login (e-mail or username). The person has just signed in with
// the browser, or has proved their identity in another way. Remember returns the browser's new token, for a cookie that
// outlives the session; the token in from.Known becomes invalid. A known browser gets no permissions: it only has its
// own counter of wrong passwords. The token is "" when nobody has the login.
//
// A browser that several people use is known to each of them: all of them get the new token.
func (s *Service) Remember(ctx context.Context, login string, from Browser) (token string, err error) {
	found, _, err := find(ctx, s.db, login)
	if err != nil || found.Account.ID == uuid.Nil {
		return "", err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	token = secret.NewToken()
	hash, now := secret.HashToken(token), s.now()
	return token, s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if len(from.Known) == tokenLength {
			if err := moveBrowser(ctx, tx, secret.HashToken(from.Known), hash); err != nil {
				return err
			}
		}
		b := knownBrowser{ID: id, AccountID: found.Account.ID, TokenHash: hash, SeenAt: now}
		if err := putBrowser(ctx, tx, b); err != nil {
			return err
		}
		return trimBrowsers(ctx, tx, found.Account.ID, knownMost)
	})
}

// knownBrowser returns the id of the browser if the person knows it, otherwise uuid.Nil. It runs the same query for a
// person who does not exist.
func (s *Service) knownBrowser(ctx context.Context, db bun.IDB, who person, from Browser) (uuid.UUID, error) {
	if len(from.Known) != tokenLength {
		return uuid.Nil, nil
	}
	return findBrowser(ctx, db, who.account.UUID, secret.HashToken(from.Known), s.now().Add(-KnownFor))
}
