package secret_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
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
		if err != nil {
			t.Fatal(err)
		}
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
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", c.what, err, c.want)
				}
				if known := c.want != secret.ErrUnknownLink; (l.SubjectID == subject) != known {
					t.Errorf("%s: link of %v", c.what, l.SubjectID)
				}
			}
			if c.want != nil {
				if _, err := redeem(db, c.purpose, c.token, c.now); !errors.Is(err, c.want) {
					t.Errorf("redeem %s: %v, want %v", c.what, err, c.want)
				}
			}
		}
		l, err := redeem(db, secret.Register, token, expired.Add(-time.Second))
		if err != nil || l.SubjectID != subject || l.CustomerID.UUID != customer || l.Generation != 3 || l.Address != "mac" || l.UsedAt == nil {
			t.Errorf("redeemed %+v, %v", l, err)
		}
		if l, err := redeem(db, secret.Register, token, start); !errors.Is(err, secret.ErrUsedLink) || l.SubjectID != subject {
			t.Errorf("again: %v, %v", l, err)
		}
		if _, err := secret.Find(ctx, db, secret.Register, token, expired); !errors.Is(err, secret.ErrUsedLink) {
			t.Errorf("used and expired: %v; it leads to signing in", err)
		}
		if _, err := secret.Find(ctx, db, secret.Register, other, start); err != nil {
			t.Errorf("somebody else's link: %v", err)
		}
		var n int
		if err := db.NewRaw("SELECT count(*) FROM link WHERE hash IN (?, ?)", token, other).Scan(ctx, &n); err != nil || n != 0 {
			t.Errorf("%d tokens stored as they are, %v", n, err)
		}
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
		if _, err := redeem(db, secret.Register, twins[1], start); err != nil {
			t.Fatal(err)
		}
		find := func(purpose secret.Purpose, token string, want error) {
			t.Helper()
			if _, err := secret.Find(ctx, db, purpose, token, start); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		for _, token := range twins {
			find(secret.Register, token, secret.ErrUsedLink)
		}
		find(secret.Register, next, nil)
		find(secret.ResetPassword, reset, nil)
		if err := secret.Void(ctx, db, secret.Register, subject); err != nil {
			t.Fatal(err)
		}
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
				if won.Load() != 1 || tries.Load() != 100 {
					t.Errorf("%d redeemed it in %d tries; want 1 in 100", won.Load(), tries.Load())
				}
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
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if _, err := redeem(db, secret.Register, token, start); err != nil {
			t.Error(err)
		}
	})
}
