package registration

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"kontor/app/access"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/signin"
	"kontor/app/secret"
	"kontor/app/store"
)

// speakInvitation is UseLocale with the language of the invitation in the address, before anything is said. A link that
// is none changes nothing.
func (s *Screens) speakInvitation(c *fiber.Ctx) {
	if inv, _ := s.accesses.Invitation(s.Ctx(c), c.Params("token")); inv.Locale != "" {
		s.UseLocale(c, inv.Locale)
	}
}

// registration is the data of the page behind a registration link.
type registration struct {
	Form     *kit.Form
	Token    string
	SignedAs bool   // the person is signed in as the account this adds the customer to
	Other    string // the name of somebody else who is signed in with this browser
	CodeIn   string // time until the next code can be asked for; "" when now
	access.Invitation
}

// showRegistration changes nothing, however often it is asked: mail scanners open links too.
func (s *Screens) showRegistration(c *fiber.Ctx) error {
	return s.renderRegistration(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) renderRegistration(c *fiber.Ctx, f *kit.Form, status int) error {
	token := c.Params("token")
	inv, err := s.accesses.Invitation(s.Ctx(c), token)
	if err != nil {
		return s.deadInvitation(c, inv, err)
	}
	s.UseLocale(c, inv.Locale)
	d := registration{Form: f, Token: token, Invitation: inv}
	if p := kit.Signed(c); p != nil {
		d.SignedAs = inv.HasAccount && store.FoldEmail(p.Account.Email) == store.FoldEmail(inv.Username)
		if !d.SignedAs {
			d.Other = p.Account.Name
		}
	}
	if wait := inv.NextCodeAt.Sub(s.Now()); wait > 0 {
		d.CodeIn = s.Text(c).Wait(wait)
	}
	title := s.Say(c, "register.title")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "registration/register", Title: title, SingleColumn: true, Status: status, Data: d})
}

// deadInvitation answers for a link that does not register (any more): used leads to signing in, expired to a new
// link, and unknown, foreign or replaced ones all get the same page as any unknown link.
func (s *Screens) deadInvitation(c *fiber.Ctx, inv access.Invitation, err error) error {
	s.UseLocale(c, inv.Locale)
	if errors.Is(err, secret.ErrExpiredLink) {
		return s.renderExpired(c, kit.NewForm(map[string]string{}), inv, false, fiber.StatusGone)
	}
	return s.signin.DeadLink(c, err, "")
}

// expiredLink is the data of the page of an expired link.
type expiredLink struct {
	Form  *kit.Form
	Token string
	Wait  string
	Sent  bool
}

func (s *Screens) renderExpired(c *fiber.Ctx, f *kit.Form, inv access.Invitation, sent bool, status int) error {
	d := expiredLink{Form: f, Token: c.Params("token"), Sent: sent}
	if wait := inv.NextCodeAt.Sub(s.Now()); wait > 0 && !sent {
		d.Wait = s.Text(c).Wait(wait)
	}
	title := s.Say(c, "link.expired_title")
	if !sent {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "registration/expired", Title: title, SingleColumn: true, Status: status, Data: d})
}

// register redeems the link and signs in. What was typed comes back with a complaint, see KeepPasswords.
func (s *Screens) register(c *fiber.Ctx) error {
	defer signin.Patient(c)()
	s.speakInvitation(c)
	f := kit.ReadForm(c, "code")
	sent := access.RegisterForm{Code: f.Values["code"], Password: kit.Posted(c, "password"), PasswordRepeat: kit.Posted(c, "password_repeat")}
	done, err := s.accesses.Register(s.Ctx(c), c.Params("token"), sent, s.Caller(c), s.Browser(c))
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			f.KeepPasswords(c, "password", "password_repeat")
			return s.renderRegistration(c, f, status)
		}
		return s.deadInvitation(c, access.Invitation{}, err)
	}
	s.signin.RememberBrowser(c, done.Username)
	s.KeepLanguage(c, s.Text(c).Locale) // the pages after this one are for the same person
	p := kit.Signed(c)
	switch {
	case p == nil:
		if err := s.signin.SignIn(c, done.Session); err != nil {
			return err
		}
		return s.Redirect(c, "/portal", "toast.registered")
	case p.Account.Username == done.Username:
		return s.Redirect(c, "/portal", "toast.customer_added")
	}
	if err := s.signin.RememberLogin(c, done.Username); err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "registration/done", Title: s.Say(c, "register.done"), SingleColumn: true,
		Data: registeredBeside{Name: p.Account.Name, Username: done.Username},
	})
}

// registeredBeside is the data of the page for who has registered while somebody else is signed in with the browser.
type registeredBeside struct{ Name, Username string }

func (s *Screens) newCode(c *fiber.Ctx) error {
	s.speakInvitation(c)
	token := c.Params("token")
	if err := s.accesses.NewCode(s.Ctx(c), token, s.Browser(c)); err != nil {
		f := kit.NewForm(map[string]string{})
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderRegistration(c, f, status)
		}
		return s.deadInvitation(c, access.Invitation{}, err)
	}
	return s.Redirect(c, "/register/"+token, "toast.code_sent")
}

// newLink sends a new link to the stored address. What it answers to an unknown token is what it answers to any.
func (s *Screens) newLink(c *fiber.Ctx) error {
	s.speakInvitation(c)
	if kit.HeldOf(c) != nil { // whatever the token, nothing is on its way
		return store.ErrHeld
	}
	if err := s.accesses.NewLink(s.Ctx(c), c.Params("token"), s.Browser(c)); err != nil {
		f := kit.NewForm(map[string]string{})
		var e *fault.Error
		if errors.As(err, &e) && e.Code == fault.TooMany {
			status, _ := s.Complain(c, f, err)
			return s.renderExpired(c, f, access.Invitation{NextCodeAt: s.Now().Add(e.RetryAfter)}, false, status)
		}
		return err
	}
	return s.renderExpired(c, kit.NewForm(map[string]string{}), access.Invitation{}, true, fiber.StatusOK)
}

// noteOpened is sent by the page once a person touches it.
func (s *Screens) noteOpened(c *fiber.Ctx) error {
	if err := s.accesses.Opened(s.Ctx(c), c.Params("token")); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
