package account

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
)

// after does something once, right after a query was answered: what somebody else does between two steps.
type after struct {
	query string
	do    func()
}

func (a *after) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (a *after) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if do := a.do; do != nil && strings.Contains(e.Query, a.query) {
		a.do = nil
		do()
	}
}

// TestChangedDuringASignIn: if the password is changed, or the account is deactivated or deleted, after the password
// was compared, no session is opened. Another hash of the same password, from another sign-in of the person, makes no
// difference.
func TestChangedDuringASignIn(t *testing.T) {
	each(t, func(w *world) {
		renewed, err := w.hasher.hash(w.ctx, good)
		w.must(err)
		changed, err := w.hasher.hash(w.ctx, "another "+good)
		w.must(err)
		for name, change := range map[string]string{
			"password changed": `UPDATE account SET password_hash = '` + changed + `' WHERE id = ?`,
			"password renewed": `UPDATE account SET password_hash = '` + renewed + `' WHERE id = ?`,
			"deactivated":      `UPDATE account SET active = FALSE WHERE id = ?`,
			"gone":             `DELETE FROM account WHERE id = ?`,
			"nothing":          ``,
		} {
			anna := w.specialist("Anna " + letters(name))
			plain := w.db.DB
			hook := &after{query: "a.username_folded =", do: func() {
				if change != "" {
					_, err := plain.NewRaw(change, anna.ID).Exec(w.ctx)
					w.must(err)
				}
			}}
			w.db.DB = plain.WithQueryHook(hook)
			_, token, err := w.SignIn(w.ctx, anna.Email, good, office)
			w.db.DB = plain
			require.Nil(w, hook.do, "nothing happened meanwhile")
			if change == "" || strings.Contains(change, renewed) {
				w.want(name, err, nil)
				assert.Zero(w, w.count("sign_in_throttle WHERE account_id = ? AND failures > 0", anna.ID), "%s: failures", name)
				continue
			}
			w.want(name, err, ErrSignIn)
			n := w.count("session WHERE account_id = ?", anna.ID)
			assert.Empty(w, token, "%s: token, sessions", name)
			assert.Equal(w, 0, n, name)
		}
	})
}

// TestFailuresAreForgotten: after exactly one day without failures a person has all free attempts again.
func TestFailuresAreForgotten(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		guess := func(address string) error {
			_, _, err := w.SignIn(w.ctx, "anna.berg@firm.example", "guess", Browser{Address: address})
			return err
		}
		tries := func(address string) (n int) {
			for ; n < 20; n++ {
				if err := guess(address); slow(err) > 0 {
					return n
				}
			}
			return n
		}
		fresh := tries("203.0.113.1")
		require.GreaterOrEqual(w, fresh, 2, "tries to begin")
		require.LessOrEqual(w, fresh, 10)
		w.wait(forgetAfter - time.Second)
		assert.Equal(w, 1, tries("203.0.113.2"), "tries")
		w.wait(forgetAfter)
		assert.Equal(w, fresh, tries("203.0.113.3"), "a day later: tries")
	})
}

// TestPasswordChangedTwiceAtOnce: if two browsers change a password at once, the second is told that its current
// password is wrong.
func TestPasswordChangedTwiceAtOnce(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		plain := w.db.DB
		hook := &after{query: "account_role", do: func() { // the account has been read, and its password not compared yet
			_, err := plain.NewRaw(`UPDATE account SET password_hash = 'another' WHERE id = ?`, anna.ID).Exec(w.ctx)
			w.must(err)
		}}
		a, err := w.Get(w.ctx, caller(anna))
		w.must(err)
		w.must(w.verifyOwn(w.ctx, a, good, office)) // the password was right a moment ago
		w.db.DB = plain.WithQueryHook(hook)
		_, err = w.ChangePassword(w.ctx, caller(anna), PasswordForm{good, better, better}, "")
		w.db.DB = plain
		w.wantForm("the second", err, "current_password password.wrong")
		n := w.count("account WHERE password_hash = 'another'")
		assert.Nil(w, hook.do, "the first one's password is gone")
		assert.Equal(w, 1, n, "the first one's password is gone")
	})
}

// TestDeputiesOfASession: a session stands in for others from the start of a deputyship until just before its end.
func TestDeputiesOfASession(t *testing.T) {
	each(t, func(w *world) {
		anna, ben := w.specialist("Anna Berg"), w.specialist("Ben Bau")
		starts := w.now().Add(time.Minute)
		ends := starts.Add(time.Minute)
		w.exec(`INSERT INTO deputy (id, specialist_id, deputy_id, starts_at, ends_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			uuid.Must(uuid.NewV7()), anna.ID, ben.ID, starts, ends, w.now(), anna.ID)
		token := w.signIn(ben.Email, good)
		for _, c := range []struct {
			wait time.Duration
			want int
		}{{time.Minute - time.Microsecond, 0}, {time.Microsecond, 1}, {time.Minute - time.Microsecond, 1}, {time.Microsecond, 0}} {
			w.wait(c.wait)
			signed, err := w.Authenticate(w.ctx, token)
			w.must(err)
			assert.Len(w, signed.For, c.want, "at %s: the people stood in for", w.now())
		}
	})
}
