package account

import (
	"context"
	"strings"
	"testing"
	"time"

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

// TestChangedDuringASignIn: between the comparing of a password and the session it may be changed, or the account be
// deactivated or gone: then there is no session.
func TestChangedDuringASignIn(t *testing.T) {
	each(t, func(w *world) {
		for name, change := range map[string]string{
			"password changed": `UPDATE account SET password_hash = 'another' WHERE id = ?`,
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
			if hook.do != nil {
				w.Fatal("nothing happened meanwhile")
			}
			if change == "" {
				w.want(name, err, nil)
				continue
			}
			w.want(name, err, ErrSignIn)
			if n := w.count("session WHERE account_id = ?", anna.ID); token != "" || n != 0 {
				w.Errorf("%s: token %q, %d sessions", name, token, n)
			}
		}
	})
}

// TestFailuresAreForgotten: after a day of quiet a person has all the free tries again, and not a second earlier.
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
		if fresh < 2 || fresh > 10 {
			w.Fatalf("%d tries to begin with", fresh)
		}
		w.wait(forgetAfter - time.Second)
		if n := tries("203.0.113.2"); n != 1 {
			w.Errorf("a second before: %d tries, want the one that the delay's end allows", n)
		}
		w.wait(forgetAfter)
		if n := tries("203.0.113.3"); n != fresh {
			w.Errorf("a day later: %d tries, want %d", n, fresh)
		}
	})
}
