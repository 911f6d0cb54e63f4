package account

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/secret"
)

// KnownFor is how long a browser or address is known after the last sign-in from it.
const KnownFor = keepAddress

// knownMost is how many browsers are known of one account; the one that was not used for longest goes.
const knownMost = 20

// Remember makes a browser known to the account with a login (e-mail or username) that has just signed in with it, or
// has shown in another way who they are. It returns the browser's new token, for a cookie that outlives the session; the
// one in from.Known is good no more. To know a browser opens nothing: it has a counter of wrong passwords of its own. ""
// when nobody has the login.
//
// A browser that several people use is known to each of them: the token moves with all.
func (s *Service) Remember(ctx context.Context, login string, from Browser) (token string, err error) {
	found, _, err := s.find(ctx, s.db, login)
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

// knownBrowser is the id under which a browser is known to the person, Nil when it is not. It asks the same of the
// database for who does not exist.
func (s *Service) knownBrowser(ctx context.Context, db bun.IDB, who person, from Browser) (uuid.UUID, error) {
	if len(from.Known) != tokenLength {
		return uuid.Nil, nil
	}
	return findBrowser(ctx, db, who.account.UUID, secret.HashToken(from.Known), s.now().Add(-KnownFor))
}
