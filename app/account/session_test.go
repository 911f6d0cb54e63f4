package account

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		assert.True(w, w.alive(idle), "ended before it was idle for 30 minutes")
		w.wait(30*time.Minute - time.Second)
		assert.True(w, w.alive(idle), "being used did not keep it")
		w.wait(30 * time.Minute)
		assert.False(w, w.alive(idle), "idle for 30 minutes and alive")

		busy := w.signIn("anna.berg@firm.example", good)
		for range 12*4 - 1 {
			w.wait(15 * time.Minute)
			require.True(w, w.alive(busy), "ended while in use")
		}
		w.wait(15*time.Minute - time.Second)
		assert.True(w, w.alive(busy), "ended before 12 hours")
		w.wait(time.Second)
		assert.False(w, w.alive(busy), "alive after 12 hours")
		assert.Equal(w, 2, w.count("session"), "sessions kept before the clean-up")
		w.must(w.CleanUp(w.ctx))
		assert.Equal(w, 0, w.count("session"), "sessions left")
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
			_, err := w.ChangePassword(w.ctx, caller(a), PasswordForm{good, better, better}, "")
			w.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				eva, access, customer := w.endUser("Eva Ende")
				token := w.signIn(eva.Email, good)
				require.True(w, w.alive(token), "no session")
				revoke(w, eva, access, customer)
				assert.False(w, w.alive(token), "still signed in")
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
		assert.Equal(w, "end_user", roles(token), "end user")
		// The firm's roles have no effect for an account that is no specialist user.
		w.exec("INSERT INTO account_role (account_id, role) VALUES (?, 'user_administrator'), (?, 'end_user')", eva.ID, eva.ID)
		assert.Equal(w, "end_user", roles(token), "end user with stray rows")
		w.exec("UPDATE account SET specialist = TRUE WHERE id = ?", eva.ID)
		assert.Equal(w, "user_administrator, end_user", roles(token), "both")
		w.exec("UPDATE access SET deactivated_at = created_at WHERE id = ?", access)
		assert.Equal(w, "user_administrator", roles(token), "specialist user")
		w.exec("DELETE FROM account_role WHERE account_id = ?", eva.ID)
		signed, err := w.Authenticate(w.ctx, token)
		require.NoError(w, err, "without any role")
		require.NotNil(w, signed, "without any role")
		assert.Empty(w, signed.Roles, "without any role")
		w.exec("INSERT INTO account_role (account_id, role) VALUES (?, 'specialist'), (?, 'auditor')", eva.ID, eva.ID)
		assert.Equal(w, "specialist, auditor", roles(token), "given both")
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
		require.Len(w, list, 2, "sessions")
		assert.Equal(w, secret.HashToken(three), list[0].IDHash)
		assert.Equal(w, secret.HashToken(two), list[1].IDHash)
		w.must(w.SignOutEverywhere(w.ctx, caller(anna), two))
		assert.True(w, w.alive(two), "kept %v", w.alive(two))
		assert.False(w, w.alive(three), "other %v", w.alive(three))
		assert.True(w, w.alive(other), "somebody else's %v", w.alive(other))
		w.must(w.SignOutEverywhere(w.ctx, caller(anna), other)) // another person's token keeps no session
		assert.False(w, w.alive(two), "all sessions were to end, and only the caller's")
		assert.True(w, w.alive(other), "all sessions were to end, and only the caller's")
		w.wantLogged(audit.AccountSignedOutAll, 2)
		_, err = w.Sessions(w.ctx, Caller{})
		w.want("nobody's sessions", err, ErrNobody)
		w.want("nobody everywhere", w.SignOutEverywhere(w.ctx, Caller{}, ""), ErrNobody)
	})
}

func TestBadCookies(t *testing.T) {
	each(t, func(w *world) {
		for _, token := range []string{"", "x", secret.NewToken(), secret.NewToken() + "A", "'; DROP TABLE session; --aaaaaaaaaaaaaaaaaaa", "\x00\xff"} {
			assert.False(w, w.alive(token), "%q is a session", token)
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
			_, err := w.mint(ctx, tx, secret.Link{Purpose: secret.ResetPassword, SubjectID: anna.ID, ExpiresAt: w.now().Add(time.Hour)}, anna.Email)
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
			assert.Equal(w, c.want, rows(), "%s later: sessions, links, counters", c.after)
		}
	})
}
