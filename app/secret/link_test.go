package secret_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

var start = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// mint makes links of one subject and returns their tokens.
func mint(t *testing.T, db *store.DB, l secret.Link, n int) (tokens []string) {
	t.Helper()
	if l.SubjectID == uuid.Nil {
		l.SubjectID = uuid.Must(uuid.NewV7())
	}
	l.CreatedAt, l.ExpiresAt = start, start.Add(time.Hour)
	for range n {
		token, err := secret.Mint(context.Background(), db, l)
		require.NoError(t, err)
		tokens = append(tokens, token)
	}
	return tokens
}

func redeem(db *store.DB, purpose secret.Purpose, token string, now time.Time) (l secret.Link, err error) {
	err = db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) (err error) {
		l, err = secret.Redeem(ctx, tx, purpose, token, now)
		return err
	})
	return l, err
}

// TestLink: Find changes nothing. Redeem works once, for the link's purpose, until a second before it expires (S5, S6).
func TestLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		subject, customer := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		token := mint(t, db, secret.Link{
			Purpose: secret.Register, SubjectID: subject, CustomerID: uuid.NullUUID{UUID: customer, Valid: true}, Generation: 3, Address: "mac",
		}, 1)[0]
		other := mint(t, db, secret.Link{Purpose: secret.Register}, 1)[0]
		expired := start.Add(time.Hour)
		for _, c := range []struct {
			what    string
			purpose secret.Purpose
			token   string
			now     time.Time
			want    error
		}{
			{"good", secret.Register, token, start, nil},
			{"the last second", secret.Register, token, expired.Add(-time.Second), nil},
			{"the end", secret.Register, token, expired, secret.ErrExpiredLink},
			{"a year later", secret.Register, token, expired.AddDate(1, 0, 0), secret.ErrExpiredLink},
			{"another purpose", secret.ResetPassword, token, start, secret.ErrUnknownLink},
			{"cut", secret.Register, token[:42], start, secret.ErrUnknownLink},
			{"longer", secret.Register, token + "A", start, secret.ErrUnknownLink},
			{"its hash", secret.Register, secret.HashToken(token), start, secret.ErrUnknownLink},
			{"random", secret.Register, secret.NewToken(), start, secret.ErrUnknownLink},
			{"nothing", secret.Register, "", start, secret.ErrUnknownLink},
			{"no text", secret.Register, "\x00\xff", start, secret.ErrUnknownLink},
			{"SQL", secret.Register, "' OR 1=1 --", start, secret.ErrUnknownLink},
		} {
			for range 3 { // a scanner looks as often as it likes (S1)
				l, err := secret.Find(ctx, db, c.purpose, c.token, c.now)
				assert.ErrorIs(t, err, c.want, c.what)
				known := c.want != secret.ErrUnknownLink
				assert.Equal(t, known, l.SubjectID == subject, "%s: link", c.what)
			}
			if c.want != nil {
				_, err := redeem(db, c.purpose, c.token, c.now)
				assert.ErrorIs(t, err, c.want, "redeem %s", c.what)
			}
		}
		l, err := redeem(db, secret.Register, token, expired.Add(-time.Second))
		require.NoError(t, err, "redeemed")
		assert.Equal(t, subject, l.SubjectID)
		assert.Equal(t, customer, l.CustomerID.UUID)
		assert.Equal(t, 3, l.Generation)
		assert.Equal(t, "mac", l.Address)
		assert.NotNil(t, l.UsedAt)
		l, err = redeem(db, secret.Register, token, start)
		assert.ErrorIs(t, err, secret.ErrUsedLink, "again")
		assert.Equal(t, subject, l.SubjectID, "again")
		_, err = secret.Find(ctx, db, secret.Register, token, expired)
		assert.ErrorIs(t, err, secret.ErrUsedLink, "used and expired:; it leads to signing in")
		_, err = secret.Find(ctx, db, secret.Register, other, start)
		assert.NoError(t, err, "somebody else's link")
		var n int
		err = db.NewRaw("SELECT count(*) FROM link WHERE hash IN (?, ?)", token, other).Scan(ctx, &n)
		require.NoError(t, err, "tokens stored as they")
		assert.Equal(t, 0, n)
	})
}

// TestGenerations: redeeming one link uses up the links of its generation and no others; Void deletes all links of a
// purpose.
func TestGenerations(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		subject := uuid.Must(uuid.NewV7())
		twins := mint(t, db, secret.Link{Purpose: secret.Register, SubjectID: subject, Generation: 1}, 3)
		next := mint(t, db, secret.Link{Purpose: secret.Register, SubjectID: subject, Generation: 2}, 1)[0]
		reset := mint(t, db, secret.Link{Purpose: secret.ResetPassword, SubjectID: subject, Generation: 1}, 1)[0]
		_, err := redeem(db, secret.Register, twins[1], start)
		require.NoError(t, err)
		find := func(purpose secret.Purpose, token string, want error) {
			t.Helper()
			_, err := secret.Find(ctx, db, purpose, token, start)
			assert.ErrorIs(t, err, want)
		}
		for _, token := range twins {
			find(secret.Register, token, secret.ErrUsedLink)
		}
		find(secret.Register, next, nil)
		find(secret.ResetPassword, reset, nil)
		require.NoError(t, secret.Void(ctx, db, secret.Register, subject))
		find(secret.Register, next, secret.ErrUnknownLink)
		find(secret.Register, twins[0], secret.ErrUnknownLink)
		find(secret.ResetPassword, reset, nil)
	})
}

// TestRedeemAtOnce (S2): of a hundred concurrent calls, with one link or with the links of one generation, exactly one
// redeems.
func TestRedeemAtOnce(t *testing.T) {
	for name, links := range map[string]int{"one link": 1, "a generation": 4} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				tokens := mint(t, db, secret.Link{Purpose: secret.Register, Generation: 1}, links)
				var won, tries atomic.Int32
				var wg sync.WaitGroup
				for i := range 100 {
					wg.Go(func() {
						err := db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
							tries.Add(1)
							_, err := secret.Redeem(ctx, tx, secret.Register, tokens[i%links], start)
							return err
						})
						if err == nil {
							won.Add(1)
						} else if !errors.Is(err, secret.ErrUsedLink) {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				assert.EqualValues(t, 1, won.Load(), "%d redeemed it in %d tries", won.Load(), tries.Load())
				assert.EqualValues(t, 100, tries.Load())
			})
		})
	}
}

// TestRedeemRolledBack: after a redemption that is rolled back the link is still valid.
func TestRedeemRolledBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		token := mint(t, db, secret.Link{Purpose: secret.Register}, 1)[0]
		boom := errors.New("boom")
		err := db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
			if _, err := secret.Redeem(ctx, tx, secret.Register, token, start); err != nil {
				return err
			}
			return boom
		})
		require.ErrorIs(t, err, boom)
		_, err = redeem(db, secret.Register, token, start)
		assert.NoError(t, err)
	})
}
