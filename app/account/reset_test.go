package account

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/secret"
)

func TestForgotPassword(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		otto := w.specialist("Otto Off")
		w.must(w.Deactivate(w.ctx, w.admin(), otto.ID))
		_, off, _ := w.endUser("Ole Off")
		w.exec("UPDATE access SET deactivated_at = registered_at WHERE id = ?", off)
		w.endUser("Eva Ende")
		for i, login := range []string{"nobody@x.de", "", "\x00", otto.Email, "ole.off@customer.example"} {
			w.must(w.ForgotPassword(w.ctx, login, Browser{Address: string(rune('a' + i))}))
		}
		w.wantMails()
		token := w.signIn(anna.Email, good)
		w.must(w.ForgotPassword(w.ctx, " Anna.Berg@firm.example", office))
		w.must(w.ForgotPassword(w.ctx, "eva.ende@customer.example", office))
		w.wantMails("reset_password anna.berg@firm.example", "reset_password eva.ende@customer.example")
		c, _ := w.send()
		assert.Equal(w, "de", c.Locale, "the end user's language")
		mail, link := w.compose1(w.box.posts[0])
		data := mail.Data.(courier.AccountData)
		assert.Equal(w, "https://kontor.example/password/reset/"+link, data.Link, "mail")
		assert.WithinDuration(w, w.now().Add(time.Hour), data.Expires, 0)
		assert.True(w, w.alive(token), "asking alone ended a session: anybody can ask")
		assert.Equal(w, 0, w.count("link WHERE hash = ?", link), "a token is stored as it is")

		w.wait(59 * time.Second)
		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, err := w.PasswordLink(w.ctx, link)
		require.NoError(w, err, "within a minute")
		assert.Len(w, w.box.posts, 2, "within a minute: mails")
		w.wait(time.Second)
		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, err = w.PasswordLink(w.ctx, link)
		assert.ErrorIs(w, err, secret.ErrUnknownLink, "the first link after a second was asked for")
		w.wantLogged(audit.AccountPasswordAsked, 3)
	})
}

// TestForgotFlood: a network address is slowed down, whichever logins it asks for.
func TestForgotFlood(t *testing.T) {
	each(t, func(w *world) {
		tries := 0
		for ; tries < 100 && slow(w.ForgotPassword(w.ctx, "nobody"+string(rune('a'+tries)), office)) == 0; tries++ {
		}
		assert.Equal(w, mailsAddress.free+1, tries, "slowed down after")
	})
}

func TestSetPassword(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		session := w.signIn(anna.Email, good)
		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, token := w.send()
		_, twin := w.send() // a second attempt at the same mail
		for range 6 {
			_, _, _ = w.SignIn(w.ctx, anna.Email, "guess", Browser{Address: "203.0.113.1"})
		}
		set := func(token, password, repeat string) error {
			_, err := w.SetPassword(w.ctx, token, password, repeat, office)
			return err
		}
		for _, bad := range []string{"", "x", token[:42], token + "A", secret.NewToken(), "\x00\xff"} {
			w.want("token "+bad, set(bad, better, better), secret.ErrUnknownLink)
		}
		w.wantForm("weak", set(token, "Anna.Berg2026", "Anna.Berg2026"), "password password.weak")
		w.wantForm("repeat", set(token, better, good), "password_repeat password.repeat")
		w.wait(resetPasswordLife - time.Second)
		assert.True(w, w.alive(w.signIn(anna.Email, good)), "looking at a link changed something")
		a, err := w.PasswordLink(w.ctx, token)
		require.NoError(w, err)
		assert.Equal(w, anna.Username, a.Username, "link")
		a, err = w.SetPassword(w.ctx, token, better, better, Browser{Address: "203.0.113.7"})
		require.NoError(w, err)
		assert.Equal(w, anna.Username, a.Username, "set")
		assert.False(w, w.alive(session), "a session of the old password is alive")
		w.want("used", set(token, good, good), secret.ErrUsedLink)
		w.want("its twin", set(twin, good, good), secret.ErrUsedLink)
		_, _, err = w.SignIn(w.ctx, anna.Email, better, Browser{Address: "203.0.113.7"})
		assert.NoError(w, err, "after resetting, guessing by others keeps the owner out")
		_, _, err = w.SignIn(w.ctx, anna.Email, good, office)
		w.want("the old password", err, ErrSignIn)

		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, token = w.send()
		w.wait(resetPasswordLife)
		w.want("too late", set(token, good, good), secret.ErrExpiredLink)
		_, err = w.PasswordLink(w.ctx, token)
		w.want("looking too late", err, secret.ErrExpiredLink)

		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, token = w.send()
		post := w.box.posts[0]
		w.must(w.Deactivate(w.ctx, w.admin(), anna.ID))
		w.want("deactivated", set(token, good, good), secret.ErrUnknownLink)
		w.wantMails()
		c, _ := w.compose1(post)
		assert.True(w, c.Void, "a mail to a deactivated account goes out")
	})
}

// TestSetPasswordRace (as S2): one link sets one password.
func TestSetPasswordRace(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, token := w.send()
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := w.SetPassword(w.ctx, token, better, better, office)
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, secret.ErrUsedLink) {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(w, 1, won.Load(), "passwords set")
		w.wantLogged(audit.AccountPasswordSet, 1)
	})
}
