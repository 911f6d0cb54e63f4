package account

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/policies"
)

// TestSawSignIn: the log entry of a failed sign-in. It never contains a login that belongs to nobody.
func TestSawSignIn(t *testing.T) {
	const typed = "my-passw0rd-in-the-wrong-field"
	each(t, func(w *world) {
		var lines bytes.Buffer
		w.audit.Tell(slog.New(slog.NewTextHandler(&lines, nil)))
		anna, otto := w.specialist("Anna Berg"), w.specialist("Otto Off")
		w.must(w.Deactivate(w.ctx, w.admin(), otto.ID))
		home := Browser{Address: "198.51.100.7", RequestID: "request-7"}
		signIn := func(login, password string) { _, _, _ = w.SignIn(w.ctx, login, password, home) }
		for _, c := range []struct {
			what    string
			do      func()
			action  audit.Action
			subject string
		}{
			{"wrong password", func() { signIn(anna.Email, "guess") }, audit.SignInFailed, "Anna Berg"},
			{"by username, shouted", func() { signIn(strings.ToUpper(anna.Username), "guess") }, audit.SignInFailed, "Anna Berg"},
			{"deactivated", func() { signIn(otto.Email, good) }, audit.SignInFailed, "Otto Off"},
			{"nobody", func() { signIn(typed, "x") }, audit.SignInUnknown, ""},
			{"nothing that can be a login", func() { signIn(typed+"\x00", "x") }, audit.SignInUnknown, ""},
			{"another nobody", func() { signIn(typed+"2", "x") }, audit.SignInUnknown, ""},
			{"asked for it again", func() {
				_, _ = w.ChangePassword(w.ctx, Caller{ID: anna.ID, Address: home.Address, RequestID: home.RequestID}, PasswordForm{typed, better, better}, "")
			}, audit.PasswordGuessed, "Anna Berg"},
			{"asked for it on joining", func() { _ = w.Verify(w.ctx, anna.ID, typed, home) }, audit.PasswordGuessed, "Anna Berg"},
			{"too many", func() {
				for range perAccount.free + 3 {
					signIn(anna.Email, "guess")
				}
			}, audit.SignInSlowed, "Anna Berg"},
			{"too many of nobody", func() {
				for range perAccount.free + 3 {
					signIn(typed, "guess")
				}
			}, audit.SignInSlowed, ""},
		} {
			w.wait(forgetAfter + time.Hour) // another hour, and no failures before
			lines.Reset()
			before := w.audit.Counts()[c.action]
			c.do()
			w.must(w.audit.Flush(w.ctx))
			page, err := w.audit.Page(w.ctx, audit.Filter{})
			entries := page.Entries
			w.must(err)
			i := slices.IndexFunc(entries, func(e audit.Entry) bool {
				return e.Action == c.action && e.At.After(w.now().Add(-time.Minute)) && e.Subject == c.subject
			})
			if !assert.GreaterOrEqual(w, i, 0, "%s: not in the log: %+v", c.what, entries[:min(3, len(entries))]) {
				continue
			}
			e := entries[i]
			assert.Empty(w, e.Actor, c.what)
			assert.False(w, e.ActorID.Valid, "%s", c.what)
			assert.Equal(w, home.Address, e.Address, c.what)
			assert.Equal(w, c.subject != "", e.SubjectID.Valid, c.what)
			assert.NotEqual(w, before, w.audit.Counts()[c.action], c.what)
			assert.Contains(w, lines.String(), "event="+string(c.action), "%s: lines", c.what)
			assert.Contains(w, lines.String(), "request=request-7", c.what)
			for _, secret := range []string{typed, "guess", "Anna", "anna.berg", good} {
				assert.NotContains(w, lines.String(), secret, "%s: the program's log says", c.what)
			}
		}
		var all []audit.Entry
		w.must(w.db.NewSelect().Model(&all).Scan(w.ctx))
		for _, e := range all {
			for _, field := range []string{e.Actor, e.Subject, e.Detail, e.Fold, e.Address} {
				assert.NotContains(w, field, typed, "the log holds what was typed: %+v", e)
			}
		}
	})
}

// TestSawTwins: an earlier version allowed one account for each spelling of an address. The log entry of a failed
// sign-in names the account that the spelling signs in to.
func TestSawTwins(t *testing.T) {
	each(t, func(w *world) {
		a, b := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		const own, ascii = "müller@bücher.example", "müller@xn--bcher-kva.example"
		named := func(login string) string {
			w.wait(forgetAfter + time.Hour)
			_, _, err := w.SignIn(w.ctx, login, "guess", office)
			assert.ErrorIs(w, err, ErrSignIn, login)
			w.must(w.audit.Flush(w.ctx))
			page, err := w.audit.Page(w.ctx, audit.Filter{})
			entries := page.Entries
			w.must(err)
			return string(entries[0].Action) + " " + entries[0].Subject
		}
		w.exec("UPDATE account SET email = ?1, email_folded = ?1 WHERE id = ?0", b.ID, own)
		got, want := named(own), string(audit.SignInFailed)+" Otto Ort"
		assert.Equal(w, want, got, "alone: the log says")
		w.exec("UPDATE account SET email = ?1, email_folded = ?1 WHERE id = ?0", a.ID, ascii)
		for login, name := range map[string]string{own: "Otto Ort", ascii: "Anna Berg"} {
			got, want := named(login), string(audit.SignInFailed)+" "+name
			assert.Equal(w, want, got, "%s: the log says", login)
		}
	})
}

// TestSawNothing: a sign-in that succeeds at once, or that cannot be processed, is not logged as a failure.
func TestSawNothing(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		w.signIn(anna.Email, good)
		w.sawSignIn(w.ctx, anna.Email, office, errBusy)
		w.sawSignIn(w.ctx, anna.Email, office, fault.New(fault.Invalid, "x"))
		w.sawVerify(anna, office, nil)
		w.must(w.audit.Flush(w.ctx))
		want := []audit.Action{audit.AccountCreated, audit.AccountSignedIn}
		assert.Equal(w, want, w.logged(), "log")
	})
}

// TestExisting: Existing returns exactly the accounts that exist.
func TestExisting(t *testing.T) {
	each(t, func(w *world) {
		anna, admin := w.specialist("Anna Berg"), w.admin()
		there, err := w.Existing(w.ctx, w.db, []uuid.UUID{anna.ID, admin.ID})
		require.NoError(w, err)
		assert.True(w, there[anna.ID], "%v", there)
		assert.False(w, there[admin.ID])
		assert.Len(w, there, 1)
	})
}

// TestNotices: who gets which notice about which change.
func TestNotices(t *testing.T) {
	each(t, func(w *world) {
		// All are specialist users. The cases differ in the roles that they hold.
		anna := w.specialist("Anna Berg", policies.Auditor, policies.PolicyAdministrator)
		petra := w.specialist("Petra Lind", policies.PolicyAdministrator)
		udo := w.specialist("Udo Amt", policies.UserAdministrator)
		off := w.specialist("Otto Off", policies.Auditor)
		w.must(w.Deactivate(w.ctx, w.admin(), off.ID))
		neu := w.specialist("Neu Ling")
		admin := w.admin()
		roles := func(a Account, r ...policies.Role) {
			w.approved(a.ID, func(ctx context.Context, tx bun.Tx, a *Account) error {
				return w.giveRoles(ctx, tx, a, rolesGiven{roles: r, giver: admin.Actor(), by: admin.Actor()})
			})
		}
		for _, c := range []struct {
			what string
			do   func()
			want []string
		}{
			{"granted", func() { roles(neu, policies.Auditor, policies.PolicyAdministrator) }, []string{
				"roles_changed neu.ling@firm.example policy_administrator,auditor;",
				"role_granted anna.berg@firm.example policy_administrator,auditor", "role_granted petra.lind@firm.example policy_administrator"}},
			{"taken away", func() { roles(neu, policies.Auditor) }, []string{"roles_changed neu.ling@firm.example ;policy_administrator"}},
			{"one for another", func() { roles(neu, policies.UserAdministrator) }, []string{
				"roles_changed neu.ling@firm.example user_administrator;auditor", "role_granted udo.amt@firm.example user_administrator"}},
			{"nothing new", func() { roles(neu, policies.UserAdministrator) }, nil},
			{"deactivated", func() { w.must(w.Deactivate(w.ctx, admin, neu.ID)) }, nil},
			{"given back", func() {
				w.approved(neu.ID, func(ctx context.Context, tx bun.Tx, a *Account) error { return w.reactivate(ctx, tx, admin, a) })
			}, []string{"role_granted udo.amt@firm.example user_administrator"}},
			{"added with a role", func() {
				_, err := w.AddSpecialist(w.ctx, admin, SpecialistForm{Name: "Max", Email: "max@firm.example", Roles: []policies.Role{policies.Specialist}})
				w.must(err)
			}, []string{"set_password max@firm.example"}},
			{"added without", func() {
				token, err := w.AddByCommand(w.ctx, SpecialistForm{Name: "Mia", Email: "mia@firm.example"})
				w.must(err)
				_, err = w.SetPassword(w.ctx, token, good, good, office) // the first password is no change
				w.must(err)
			}, nil},
			{"by the command line", func() {
				_, err := w.AddByCommand(w.ctx, SpecialistForm{Name: "Mo", Email: "mo@firm.example", Roles: []policies.Role{policies.PolicyAdministrator}})
				w.must(err)
			}, []string{"role_granted anna.berg@firm.example policy_administrator", "role_granted petra.lind@firm.example policy_administrator"}},
			{"password changed", func() {
				_, err := w.ChangePassword(w.ctx, caller(udo), PasswordForm{good, better, better}, "")
				w.must(err)
			},
				[]string{"password_changed udo.amt@firm.example "}},
			{"password wrong", func() { _, _ = w.ChangePassword(w.ctx, caller(udo), PasswordForm{good, good, good}, "") }, nil},
			{"password by a link", func() {
				w.must(w.ForgotPassword(w.ctx, petra.Email, office))
				_, token := w.send()
				w.box.posts = nil
				_, err := w.SetPassword(w.ctx, token, better, better, office)
				w.must(err)
			}, []string{"password_changed petra.lind@firm.example "}},
			{"name only", func() {
				w.must(w.UpdateOwn(w.ctx, caller(anna), Own{Name: "Anna Tal", Username: "anna"}))
			}, nil},
		} {
			w.box.posts = nil
			c.do()
			var got []string
			for _, p := range w.box.posts {
				about := p.About
				if p.Kind == courier.RoleGranted {
					_, about, _ = strings.Cut(about, ";")
				}
				if line := string(p.Kind) + " " + p.Recipient; p.Kind == courier.SetPassword {
					got = append(got, line)
				} else {
					got = append(got, line+" "+about)
				}
			}
			slices.Sort(got)
			slices.Sort(c.want)
			assert.Equal(w, c.want, got, "%s: told", c.what)
		}
	})
}

// TestComposeNotices: the notices' content in the person's language, and when a notice is void.
func TestComposeNotices(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg", policies.Auditor)
		otto := w.specialist("Otto Ort")
		admin := w.admin()
		w.must(w.UpdateSpecialist(w.ctx, admin, otto.ID, SpecialistForm{Name: "Otto Ort", Locale: "de", Version: 1}))
		w.box.posts = nil
		w.approved(otto.ID, func(ctx context.Context, tx bun.Tx, a *Account) error {
			return w.giveRoles(ctx, tx, a, rolesGiven{roles: []policies.Role{policies.Auditor}, giver: admin.Actor(), by: admin.Actor()})
		})
		own, holders := w.box.posts[0], w.box.posts[1]
		c, _ := w.compose1(own)
		d := c.Data.(courier.RolesData)
		assert.Equal(w, otto.Email, c.To, "to Otto")
		assert.Equal(w, "de", c.Locale)
		assert.Equal(w, courier.RolesChanged, c.Template)
		assert.Equal(w, []string{"auditor"}, d.Gained)
		assert.Empty(w, d.Lost)
		assert.Equal(w, []string{"auditor"}, d.Roles)
		assert.Equal(w, "Otto Ort", d.Name)
		c, _ = w.compose1(holders)
		d = c.Data.(courier.RolesData)
		assert.Equal(w, anna.Email, c.To, "to Anna")
		assert.Equal(w, "en", c.Locale)
		assert.Equal(w, "Otto Ort", d.Person)
		assert.Equal(w, "Anna Berg", d.Name)
		assert.Equal(w, []string{"auditor"}, d.Gained)
		// Even if a thief changes the address next, the owner is told about the password.
		_, err := w.ChangePassword(w.ctx, caller(anna), PasswordForm{good, better, better}, "")
		w.must(err)
		password := w.box.posts[2]
		w.must(w.AskEmail(w.ctx, caller(anna), "thief@evil.example", better))
		_, token := w.send()
		w.must(w.ConfirmEmail(w.ctx, token, office))
		c, _ = w.compose1(password)
		assert.False(w, c.Void, "the old address is not told of the password: %+v", c)
		assert.Equal(w, "anna.berg@firm.example", c.To, "the old address is not told of the password")
		all := slices.Clone(w.box.posts)
		w.must(w.Deactivate(w.ctx, admin, anna.ID))
		for _, p := range all {
			if p.AccountID != anna.ID {
				continue
			}
			c, _ := w.compose1(p)
			assert.Equal(w, p.Kind != courier.EmailChanged, c.Void, "to a deactivated account")
		}
		for _, p := range w.box.posts {
			if p.AccountID == anna.ID && p.Kind != courier.EmailChanged && p.Kind != courier.ConfirmEmail {
				w.Errorf("%s still waits", p.Kind)
			}
		}
		w.exec("DELETE FROM account WHERE id = ?", otto.ID)
		for _, p := range []courier.Post{own, {Kind: courier.RoleGranted, AccountID: anna.ID, Recipient: anna.Email, About: holders.About}} {
			c, _ := w.compose1(p)
			assert.True(w, c.Void, "%s of an account that is gone: %+v", p.Kind, c)
		}
	})
}

// TestTenSessions: an eleventh session ends the oldest one, and other people's sessions do not count.
func TestTenSessions(t *testing.T) {
	each(t, func(w *world) {
		anna, otto := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		other := w.signIn(otto.Email, good)
		var tokens []string
		in := func() { w.wait(time.Second); tokens = append(tokens, w.signIn(anna.Email, good)) }
		for range sessionsMost {
			in()
		}
		for i, token := range tokens {
			require.True(w, w.alive(token), "session %d of ten has ended", i+1)
		}
		for n := range 3 {
			in()
			for i, token := range tokens {
				want := i > n
				assert.Equal(w, want, w.alive(token), "with %d sessions: the %d. alive is %v", len(tokens), i+1, !want)
			}
		}
		assert.True(w, w.alive(other), "somebody else's session ended")
		// The limit holds for sessions of the same moment, too, and the newest session is never the one that ends.
		for range 2 * sessionsMost {
			require.True(w, w.alive(w.signIn(anna.Email, good)), "the new session ended")
		}
		assert.Equal(w, sessionsMost, w.count("session WHERE account_id = ?", anna.ID), "sessions")
		// An expired session does not count, so an older session that is in use does not end for it.
		w.wait(time.Hour)
		old := w.signIn(anna.Email, good)
		w.wait(time.Second)
		for range sessionsMost - 1 {
			w.signIn(anna.Email, good)
		}
		for range 3 {
			w.wait(15 * time.Minute)
			require.True(w, w.alive(old), "a session in use ended")
		}
		w.signIn(anna.Email, good)
		assert.True(w, w.alive(old), "a session that was good ended, for ones that were not")
	})
}

// TestEndSessions: people end their own sessions one by one, administrators those of a specialist user, and no others.
func TestEndSessions(t *testing.T) {
	each(t, func(w *world) {
		anna, otto := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		eva, _, _ := w.endUser("Eva Ende")
		one, two, three := w.signIn(anna.Email, good), w.signIn(anna.Email, good), w.signIn(anna.Email, good)
		other := w.signIn(otto.Email, good)
		handleOf := func(token string) string { return w.handle(Session{IDHash: secret.HashToken(token)}) }
		alive := func(want ...string) {
			w.Helper()
			for _, token := range []string{one, two, three, other} {
				if !assert.Equal(w, slices.Contains(want, token), w.alive(token), "alive are %v %v %v, and Otto's %v", w.alive(one), w.alive(two), w.alive(three), w.alive(other)) {
					return
				}
			}
		}
		list, err := w.Sessions(w.ctx, caller(anna))
		w.must(err)
		for _, x := range list {
			assert.NotEmpty(w, x.Handle, "handle")
			assert.NotContains(w, x.IDHash, x.Handle)
			assert.False(w, w.alive(x.Handle))
		}
		for _, nothing := range []string{"", "x", handleOf(other), secret.HashToken(one), one} {
			w.must(w.EndSession(w.ctx, caller(anna), nothing))
			w.must(w.EndSessionOf(w.ctx, w.admin(), anna.ID, nothing))
		}
		alive(one, two, three, other)
		w.must(w.EndSession(w.ctx, caller(anna), handleOf(one)))
		w.must(w.EndSession(w.ctx, caller(anna), handleOf(one))) // once more
		alive(two, three, other)
		w.want("nobody", w.EndSession(w.ctx, Caller{}, handleOf(two)), ErrNobody)
		w.want("a colleague", w.EndSessionOf(w.ctx, caller(otto), anna.ID, handleOf(two)), policies.ErrForbidden)
		w.want("a colleague, all", w.EndSessionsOf(w.ctx, caller(otto), anna.ID), policies.ErrForbidden)
		auditor := Caller{ID: otto.ID, Roles: []policies.Role{policies.Auditor}}
		_, err = w.SessionsOf(w.ctx, auditor, anna.ID)
		w.want("reading alone", err, policies.ErrForbidden)
		alive(two, three, other)
		list, err = w.SessionsOf(w.ctx, w.admin(), anna.ID)
		require.NoError(w, err)
		assert.Len(w, list, 2)
		w.must(w.EndSessionOf(w.ctx, w.admin(), anna.ID, handleOf(two)))
		alive(three, other)
		w.must(w.EndSessionsOf(w.ctx, w.admin(), anna.ID))
		w.must(w.EndSessionsOf(w.ctx, w.admin(), anna.ID)) // none is left
		alive(other)
		for what, err := range map[string]error{
			"an end user": w.EndSessionsOf(w.ctx, w.admin(), eva.ID), "nobody at all": w.EndSessionsOf(w.ctx, w.admin(), w.admin().ID),
			"one of an end user": w.EndSessionOf(w.ctx, w.admin(), eva.ID, "x"), "listing an end user's": func() error { _, err := w.SessionsOf(w.ctx, w.admin(), eva.ID); return err }(),
		} {
			w.want(what, err, ErrUnknown)
		}
		w.must(w.SignOut(w.ctx, other, office))
		w.must(w.SignOut(w.ctx, other, office)) // signing out without a session is not logged
		alive()
		w.wantLogged(audit.AccountSessionEnded, 2)
		w.wantLogged(audit.AccountSessionsEnded, 1)
		w.wantLogged(audit.AccountSignedOut, 1)
	})
}

// TestNewIDKeepsNobodyElse: a new password renews the caller's own session. A token of another person's session is not
// renewed.
func TestNewIDKeepsNobodyElse(t *testing.T) {
	each(t, func(w *world) {
		anna, otto := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		others := w.signIn(otto.Email, good)
		for _, keep := range []string{"", others, secret.NewToken(), "\x00"} {
			fresh, err := w.ChangePassword(w.ctx, caller(anna), PasswordForm{good, good + "!", good + "!"}, keep)
			w.must(err)
			assert.Empty(w, fresh, "kept %q: new token", keep)
			assert.True(w, w.alive(others), "kept %q: Otto's session %v", keep, w.alive(others))
			_, err = w.ChangePassword(w.ctx, caller(anna), PasswordForm{good + "!", good, good}, "")
			w.must(err)
		}
	})
}
