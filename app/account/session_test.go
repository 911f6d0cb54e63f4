package account

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/secret"
)

// TestSessionEnds (S19): the idle and the absolute timeout are exact to the second.
func TestSessionEnds(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		idle := w.signIn("anna.berg@firm.example", good)
		w.wait(30*time.Minute - time.Second)
		if !w.alive(idle) {
			w.Error("ended before it was idle for 30 minutes")
		}
		w.wait(30*time.Minute - time.Second)
		if !w.alive(idle) {
			w.Error("being used did not keep it")
		}
		w.wait(30 * time.Minute)
		if w.alive(idle) {
			w.Error("idle for 30 minutes and alive")
		}

		busy := w.signIn("anna.berg@firm.example", good)
		for range 12*4 - 1 {
			w.wait(15 * time.Minute)
			if !w.alive(busy) {
				w.Fatal("ended while in use")
			}
		}
		w.wait(15*time.Minute - time.Second)
		if !w.alive(busy) {
			w.Error("ended before 12 hours")
		}
		w.wait(time.Second)
		if w.alive(busy) {
			w.Error("alive after 12 hours")
		}
		if n := w.count("session"); n != 2 {
			w.Errorf("%d sessions kept before the clean-up, want 2", n)
		}
		w.must(w.CleanUp(w.ctx))
		if n := w.count("session"); n != 0 {
			w.Errorf("%d sessions left", n)
		}
	})
}

// TestTouch: reading pages writes to the database only once a minute.
func TestTouch(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		token := w.signIn("anna.berg@firm.example", good)
		start := w.now()
		seen := func() time.Duration {
			var at time.Time
			w.must(w.db.NewRaw("SELECT last_seen_at FROM session").Scan(w.ctx, &at))
			return at.Sub(start)
		}
		w.wait(59 * time.Second)
		if w.alive(token); seen() != 0 {
			w.Errorf("written after %s", seen())
		}
		w.wait(time.Second)
		if w.alive(token); seen() != time.Minute {
			w.Errorf("last seen after %s, want a minute", seen())
		}
		w.wait(30 * time.Second)
		if w.alive(token); seen() != time.Minute {
			w.Errorf("written again after half a minute: %s", seen())
		}
	})
}

// TestRevoked (S16): a withdrawn permission takes effect with the next request.
func TestRevoked(t *testing.T) {
	for name, revoke := range map[string]func(w *world, a Account, access, customer uuid.UUID){
		"access deactivated": func(w *world, _ Account, access, _ uuid.UUID) {
			w.exec("UPDATE access SET deactivated_at = created_at WHERE id = ?", access)
		},
		"access removed": func(w *world, _ Account, access, _ uuid.UUID) { w.exec("DELETE FROM access WHERE id = ?", access) },
		"customer goes": func(w *world, _ Account, _, customer uuid.UUID) {
			w.exec("UPDATE customer SET deleting = TRUE WHERE id = ?", customer)
		},
		"account deactivated": func(w *world, a Account, _, _ uuid.UUID) {
			w.exec("UPDATE account SET active = FALSE WHERE id = ?", a.ID)
		},
		"account deleted": func(w *world, a Account, access, _ uuid.UUID) {
			w.exec("DELETE FROM access WHERE id = ?", access)
			w.exec("DELETE FROM account WHERE id = ?", a.ID)
		},
		"sessions revoked":     func(w *world, a Account, _, _ uuid.UUID) { w.must(w.RevokeOf(w.ctx, w.db, a.ID)) },
		"signed out elsewhere": func(w *world, a Account, _, _ uuid.UUID) { w.must(w.SignOutEverywhere(w.ctx, caller(a), "")) },
		"password changed": func(w *world, a Account, _, _ uuid.UUID) {
			_, err := w.ChangePassword(w.ctx, caller(a), good, better, better, "")
			w.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				eva, access, customer := w.endUser("Eva Ende")
				token := w.signIn(eva.Email, good)
				if !w.alive(token) {
					w.Fatal("no session")
				}
				revoke(w, eva, access, customer)
				if w.alive(token) {
					w.Error("still signed in")
				}
			})
		})
	}
}

func TestRolesOfSession(t *testing.T) {
	each(t, func(w *world) {
		roles := func(token string) string {
			signed, err := w.Authenticate(w.ctx, token)
			w.must(err)
			if signed == nil {
				return ""
			}
			return joinRoles(signed.Roles)
		}
		eva, access, _ := w.endUser("Eva Ende")
		token := w.signIn(eva.Email, good)
		if got := roles(token); got != "end_user" {
			w.Errorf("end user is %q", got)
		}
		// roles of the firm are nothing without working for it
		w.exec("INSERT INTO account_role (account_id, role) VALUES (?, 'user_administrator'), (?, 'end_user')", eva.ID, eva.ID)
		if got := roles(token); got != "end_user" {
			w.Errorf("end user with stray rows is %q", got)
		}
		w.exec("UPDATE account SET specialist = TRUE WHERE id = ?", eva.ID)
		if got := roles(token); got != "user_administrator, end_user" {
			w.Errorf("both is %q", got)
		}
		w.exec("UPDATE access SET deactivated_at = created_at WHERE id = ?", access)
		if got := roles(token); got != "user_administrator" {
			w.Errorf("specialist user is %q", got)
		}
		w.exec("DELETE FROM account_role WHERE account_id = ?", eva.ID)
		if signed, err := w.Authenticate(w.ctx, token); err != nil || signed == nil || len(signed.Roles) != 0 {
			w.Errorf("without any role: %+v, %v", signed, err)
		}
		w.exec("INSERT INTO account_role (account_id, role) VALUES (?, 'specialist'), (?, 'auditor')", eva.ID, eva.ID)
		if got := roles(token); got != "specialist, auditor" {
			w.Errorf("given both: %q", got)
		}
	})
}

func TestOwnSessions(t *testing.T) {
	each(t, func(w *world) {
		anna, otto := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		w.signIn(anna.Email, good)
		w.wait(20 * time.Minute)
		two := w.signIn(anna.Email, good)
		w.wait(time.Second)
		three := w.signIn(anna.Email, good)
		other := w.signIn(otto.Email, good)
		w.wait(15 * time.Minute) // the first is idle by now
		list, err := w.Sessions(w.ctx, caller(anna))
		w.must(err)
		if len(list) != 2 || list[0].IDHash != secret.HashToken(three) || list[1].IDHash != secret.HashToken(two) {
			w.Errorf("sessions %+v", list)
		}
		w.must(w.SignOutEverywhere(w.ctx, caller(anna), two))
		if !w.alive(two) || w.alive(three) || !w.alive(other) {
			w.Errorf("kept %v, other %v, somebody else's %v", w.alive(two), w.alive(three), w.alive(other))
		}
		w.must(w.SignOutEverywhere(w.ctx, caller(anna), other)) // somebody else's token keeps nothing
		if w.alive(two) || !w.alive(other) {
			w.Error("all sessions were to end, and only the caller's")
		}
		w.wantLogged(audit.AccountSignedOutAll, 2)
		_, err = w.Sessions(w.ctx, Caller{})
		w.want("nobody's sessions", err, ErrNobody)
		w.want("nobody everywhere", w.SignOutEverywhere(w.ctx, Caller{}, ""), ErrNobody)
	})
}

func TestBadCookies(t *testing.T) {
	each(t, func(w *world) {
		for _, token := range []string{"", "x", secret.NewToken(), secret.NewToken() + "A", "'; DROP TABLE session; --aaaaaaaaaaaaaaaaaaa", "\x00\xff"} {
			if w.alive(token) {
				w.Errorf("%q is a session", token)
			}
			w.must(w.SignOut(w.ctx, token, office))
		}
	})
}

func TestCleanUp(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		w.signIn(anna.Email, good)
		_, _, err := w.SignIn(w.ctx, "nobody", "guess", Browser{Address: "203.0.113.1"})
		w.want("a guess", err, ErrSignIn)
		w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := w.mint(ctx, tx, anna.ID, secret.ResetPassword, anna.Email, w.now().Add(time.Hour))
			return err
		}))
		rows := func() [3]int { return [3]int{w.count("session"), w.count("link"), w.count("sign_in_throttle")} }
		for _, c := range []struct {
			after time.Duration
			want  [3]int
		}{
			{0, [3]int{1, 1, 4}},                        // the known address, two addresses, nobody's account
			{31 * time.Minute, [3]int{0, 1, 4}},         //
			{24 * time.Hour, [3]int{0, 1, 1}},           // the known address
			{88 * 24 * time.Hour, [3]int{0, 1, 1}},      //
			{24*time.Hour + time.Hour, [3]int{0, 0, 0}}, //
		} {
			w.wait(c.after)
			w.must(w.CleanUp(w.ctx))
			if got := rows(); got != c.want {
				w.Errorf("%s later: %v sessions, links, counters; want %v", c.after, got, c.want)
			}
		}
	})
}
