package account

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
		if c, _ := w.send(); c.Locale != "de" {
			w.Errorf("the end user's language is %s", c.Locale)
		}
		mail, link := w.compose1(w.box.posts[0])
		if data := mail.Data.(courier.AccountData); data.Link != "https://kontor.example/password/reset/"+link || !data.Expires.Equal(w.now().Add(time.Hour)) {
			w.Errorf("mail %+v", data)
		}
		if !w.alive(token) {
			w.Error("asking alone ended a session: anybody can ask")
		}
		if n := w.count("link WHERE hash = ?", link); n != 0 {
			w.Error("a token is stored as it is")
		}

		w.wait(59 * time.Second)
		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		if _, err := w.PasswordLink(w.ctx, link); err != nil || len(w.box.posts) != 2 {
			w.Errorf("within a minute: %v, %d mails; want the same link and no other mail", err, len(w.box.posts))
		}
		w.wait(time.Second)
		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		if _, err := w.PasswordLink(w.ctx, link); !errors.Is(err, secret.ErrUnknownLink) {
			w.Errorf("the first link after a second was asked for: %v", err)
		}
		w.wantLogged(audit.AccountPasswordAsked, 3)
	})
}

// TestForgotFlood: a network address is slowed down, whichever logins it asks for.
func TestForgotFlood(t *testing.T) {
	each(t, func(w *world) {
		tries := 0
		for ; tries < 100 && slow(w.ForgotPassword(w.ctx, "nobody"+string(rune('a'+tries)), office)) == 0; tries++ {
		}
		if tries != mailsAddress.free+1 {
			w.Errorf("slowed down after %d, want %d", tries, mailsAddress.free+1)
		}
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
		w.wait(ResetPasswordLife - time.Second)
		if !w.alive(w.signIn(anna.Email, good)) {
			w.Error("looking at a link changed something")
		}
		a, err := w.PasswordLink(w.ctx, token)
		if err != nil || a.Username != anna.Username {
			w.Errorf("link of %s, %v", a.Username, err)
		}
		a, err = w.SetPassword(w.ctx, token, better, better, Browser{Address: "203.0.113.7"})
		if err != nil || a.Username != anna.Username {
			w.Errorf("set for %s, %v", a.Username, err)
		}
		if w.alive(session) {
			w.Error("a session of the old password is alive")
		}
		w.want("used", set(token, good, good), secret.ErrUsedLink)
		w.want("its twin", set(twin, good, good), secret.ErrUsedLink)
		if _, _, err := w.SignIn(w.ctx, anna.Email, better, Browser{Address: "203.0.113.7"}); err != nil {
			w.Errorf("after resetting, guessing by others keeps the owner out: %v", err)
		}
		_, _, err = w.SignIn(w.ctx, anna.Email, good, office)
		w.want("the old password", err, ErrSignIn)

		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, token = w.send()
		w.wait(ResetPasswordLife)
		w.want("too late", set(token, good, good), secret.ErrExpiredLink)
		_, err = w.PasswordLink(w.ctx, token)
		w.want("looking too late", err, secret.ErrExpiredLink)

		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, token = w.send()
		post := w.box.posts[0]
		w.must(w.Deactivate(w.ctx, w.admin(), anna.ID))
		w.want("deactivated", set(token, good, good), secret.ErrUnknownLink)
		w.wantMails()
		if c, _ := w.compose1(post); !c.Void {
			w.Error("a mail to a deactivated account goes out")
		}
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
		if won.Load() != 1 {
			w.Errorf("%d passwords set", won.Load())
		}
		w.wantLogged(audit.AccountPasswordSet, 1)
	})
}
