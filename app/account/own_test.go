package account

import (
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/policies"
)

func TestUpdateOwn(t *testing.T) {
	each(t, func(w *world) {
		anna, otto := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		w.must(w.UpdateOwn(w.ctx, caller(otto), Own{Name: "Otto Ort", Username: "Otto"}))
		for _, c := range []struct {
			what string
			own  Own
			want string
		}{
			{"nothing", Own{}, "name required, username required"},
			{"blanks", Own{Name: " ", Username: "\t"}, "name required, username required"},
			{"control characters", Own{Name: "Anna\x1b[31m", Username: "an\x00na"}, "name control_characters, username control_characters"},
			{"nothing to be seen", Own{Name: "\u202e\u3164", Username: "\u00ad\u0301"}, "name required, username required"},
			{"no text", Own{Name: "Anna\xff", Username: "anna"}, "name control_characters"},
			{"too long", Own{Name: strings.Repeat("ä", 201), Username: strings.Repeat("x", 201)}, "name too_long, username too_long"},
			{"just so long", Own{Name: strings.Repeat("ä", 200), Username: strings.Repeat("x", 200)}, ""},
			{"language", Own{Name: "Anna", Username: "anna", Locale: "fr"}, "locale locale.unknown"},
			{"taken", Own{Name: "Anna", Username: "OTTO"}, "username username.taken"},
			{"taken, with what nobody sees", Own{Name: "Anna", Username: "ot\u200bto\ufe0f"}, "username username.taken"},
			{"taken, full width", Own{Name: "Anna", Username: "ｏｔｔｏ"}, "username username.taken"},
			{"somebody else's address", Own{Name: "Anna", Username: "otto.ort@firm.example"}, "username username.malformed"},
			{"somebody else's future address", Own{Name: "Anna", Username: "eva＠customer.example"}, "username username.malformed"},
			{"with a blank", Own{Name: "Anna", Username: "anna berg"}, "username username.malformed"},
			{"script, which is only text", Own{Name: "<script>alert(1)</script>", Username: "anna"}, ""},
			{"one's own address", Own{Name: "A\u0308nne\r\n\u202eBerg", Username: "ANNA.berg@firm.example\ufeff", Locale: "de", Shortcuts: true}, ""},
		} {
			w.wantForm(c.what, w.UpdateOwn(w.ctx, caller(anna), c.own), c.want)
		}
		got, err := w.Get(w.ctx, caller(anna))
		w.must(err)
		assert.Equal(w, "Änne Berg", got.Name, "saved")
		assert.Equal(w, "anne berg", got.NameSort)
		assert.Equal(w, "de", got.Locale)
		assert.True(w, got.Shortcuts)
		assert.Equal(w, 4, got.Version)
		w.signIn("anna.berg@firm.example", good)
		w.must(w.UpdateOwn(w.ctx, caller(anna), Own{Name: "Änne Berg", Username: "ANNA.berg@firm.example", Locale: "de", Shortcuts: true}))
		w.wantLogged(audit.AccountUpdated, 4) // saving without a change writes nothing
		w.want("nobody", w.UpdateOwn(w.ctx, Caller{}, Own{}), ErrNobody)
		w.want("an account that is gone", w.UpdateOwn(w.ctx, Caller{ID: uuid.Must(uuid.NewV7())}, Own{}), ErrNobody)
	})
}

func TestChangePassword(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		c := caller(anna)
		keep, other := w.signIn(anna.Email, good), w.signIn(anna.Email, good)
		fresh := ""
		change := func(current, password, repeat string) (err error) {
			fresh, err = w.ChangePassword(w.ctx, c, PasswordForm{current, password, repeat}, keep)
			return err
		}
		w.wantForm("wrong", change(better, better, better), "current_password password.wrong")
		w.wantForm("forgotten", change("", better, better), "current_password required")
		w.wantForm("all wrong", change("x", "kurz", "y"), "current_password password.wrong, password password.short, password_repeat password.repeat")
		w.wantForm("own data", change(good, "Anna.Berg@firm1", "Anna.Berg@firm1"), "password password.weak")
		assert.True(w, w.alive(other), "a failed change ended a session")
		w.must(change(good, better, better))
		assert.True(w, w.alive(fresh), "this session %v", w.alive(fresh))
		assert.False(w, w.alive(keep), "under its old id %v", w.alive(keep))
		assert.False(w, w.alive(other), "the other %v", w.alive(other))
		assert.Equal(w, 1, w.count("session"))
		_, _, err := w.SignIn(w.ctx, anna.Email, good, office)
		w.want("the old password", err, ErrSignIn)
		w.signIn(anna.Email, better)
		w.wantLogged(audit.AccountPasswordSet, 1)
		for range 5 {
			_ = change("guess", good, good)
		}
		assert.NotEqualValues(w, 0, slow(change(better, good, good)), "guessing at an open screen is not slowed down")
	})
}

func TestChangeEmail(t *testing.T) {
	each(t, func(w *world) {
		anna, otto := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		c := caller(anna)
		w.wantForm("malformed, wrong", w.AskEmail(w.ctx, c, "anna", better), "email email.malformed, email_password password.wrong")
		w.wantForm("the same", w.AskEmail(w.ctx, c, anna.Email, good), "email email.same")
		w.must(w.AskEmail(w.ctx, c, "Otto.Ort@firm.example", good)) // taken: the same answer
		w.wantMails()
		w.must(w.AskEmail(w.ctx, c, "first@new.example", good))
		mail, first := w.send()
		w.must(w.AskEmail(w.ctx, c, "Anna@NEW.example", good))
		w.wantMails("confirm_email Anna@new.example")
		late, _ := w.compose1(courier.Post{Kind: courier.ConfirmEmail, AccountID: anna.ID, Recipient: "first@new.example", ExpiresAt: w.now().Add(time.Hour)})
		assert.True(w, late.Void, "a mail to the first address goes out after the second was asked for")
		data := mail.Data.(courier.AccountData)
		assert.Equal(w, "first@new.example", mail.To, "mail")
		assert.Equal(w, "first@new.example", data.Email)
		assert.Equal(w, "en", mail.Locale)
		assert.Equal(w, "https://kontor.example/account/email/"+first, data.Link)
		assert.WithinDuration(w, w.now().Add(24*time.Hour), data.Expires, 0)
		_, second := w.send()
		w.want("the first link", w.ConfirmEmail(w.ctx, first, office), secret.ErrUnknownLink)
		w.want("another purpose", func() error { _, err := w.PasswordLink(w.ctx, second); return err }(), secret.ErrUnknownLink)
		w.wait(confirmEmailLife - time.Second)
		a, _ := w.Get(w.ctx, c)
		assert.Equal(w, anna.Email, a.Email, "changed before it was confirmed")
		w.must(w.ForgotPassword(w.ctx, anna.Email, office))
		_, reset := w.send()
		w.must(w.ConfirmEmail(w.ctx, second, office))
		w.want("twice", w.ConfirmEmail(w.ctx, second, office), secret.ErrUsedLink)
		_, err := w.PasswordLink(w.ctx, reset)
		w.want("a reset link in the old mailbox", err, secret.ErrUnknownLink)
		a, err = w.Get(w.ctx, c)
		w.must(err)
		assert.Equal(w, "Anna@new.example", a.Email, "account")
		assert.Equal(w, "Anna@new.example", a.Username)
		assert.Empty(w, a.PendingEmail)
		toOld, _ := w.compose1(w.box.posts[len(w.box.posts)-2])
		assert.Equal(w, anna.Email, toOld.To)
		assert.Equal(w, "Anna@new.example", toOld.Data.(courier.AccountData).Email)
		assert.Equal(w, courier.EmailChanged, toOld.Template)
		toNew, _ := w.send()
		assert.Equal(w, "Anna@new.example", toNew.To)
		assert.Equal(w, courier.EmailConfirmed, toNew.Template)
		w.signIn("anna@new.example", good)
		_, _, err = w.SignIn(w.ctx, "anna.berg@firm.example", good, office)
		w.want("the old address", err, ErrSignIn)
		w.wantLogged(audit.AccountEmailChanged, 1)

		// Somebody else takes the address first.
		w.must(w.AskEmail(w.ctx, caller(otto), "contested@new.example", good))
		_, token := w.send()
		_, err = w.AddSpecialist(w.ctx, w.admin(), SpecialistForm{Name: "Carl", Email: "Contested@new.example"})
		w.must(err)
		w.want("taken meanwhile", w.ConfirmEmail(w.ctx, token, office), fault.New(fault.Conflict, "email.taken"))

		w.must(w.AskEmail(w.ctx, caller(otto), "otto@new.example", good))
		_, token = w.send()
		w.wait(confirmEmailLife)
		w.want("too late", w.ConfirmEmail(w.ctx, token, office), secret.ErrExpiredLink)
	})
}

// TestPasswordEndsEmailChange: an intruder who has requested a new e-mail address loses the request and the session
// when the password is changed.
func TestPasswordEndsEmailChange(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		w.must(w.AskEmail(w.ctx, caller(anna), "thief@evil.example", good))
		post := w.box.posts[0]
		_, token := w.send()
		_, err := w.ChangePassword(w.ctx, caller(anna), PasswordForm{good, better, better}, "")
		w.must(err)
		w.want("the thief's link", w.ConfirmEmail(w.ctx, token, office), secret.ErrUnknownLink)
		c, _ := w.compose1(post)
		assert.True(w, c.Void, "the thief's mail goes out")
		w.wantMails("password_changed " + anna.Email)
	})
}

func TestGet(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg", policies.Auditor)
		a, err := w.Get(w.ctx, caller(anna))
		w.must(err)
		assert.Equal(w, anna.Email, a.Email)
		assert.Equal(w, []policies.Role{policies.Auditor}, a.Roles)
		_, err = w.Get(w.ctx, Caller{})
		w.want("nobody", err, ErrNobody)
	})
}
