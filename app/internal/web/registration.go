package web

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"kontor/app/access"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
)

func (s *Server) registrationRoutes() []route {
	return []route{
		get("/register/:token", anyone, s.showRegistration),
		post("/register/:token", anyone, s.register),
		post("/register/:token/code", anyone, s.newCode),
		post("/register/:token/link", anyone, s.newLink),
		post("/register/:token/opened", anyone, s.noteOpened).byItself(),
	}
}

// registration is the data of the page behind a registration link.
type registration struct {
	Form     *form
	Token    string
	SignedAs bool   // the person is signed in as the account this adds the customer to
	Other    string // the name of somebody else who is signed in with this browser
	CodeIn   string // time until the next code can be asked for; "" when now
	access.Invitation
}

// showRegistration changes nothing, however often it is asked: mail scanners open links too.
func (s *Server) showRegistration(c *fiber.Ctx) error {
	return s.renderRegistration(c, newForm(map[string]string{}), fiber.StatusOK)
}

func (s *Server) renderRegistration(c *fiber.Ctx, f *form, status int) error {
	token := c.Params("token")
	inv, err := s.accesses.Invitation(s.ctx(c), token)
	if err != nil {
		return s.deadInvitation(c, inv, err)
	}
	s.useLocale(c, inv.Locale)
	d := registration{Form: f, Token: token, Invitation: inv}
	if p := signed(c); p != nil {
		d.SignedAs = inv.HasAccount && store.FoldEmail(p.Account.Email) == store.FoldEmail(inv.Username)
		if !d.SignedAs {
			d.Other = p.Account.Name
		}
	}
	if wait := inv.NextCodeAt.Sub(s.now()); wait > 0 {
		d.CodeIn = s.text(c).wait(wait)
	}
	title := s.say(c, "register.title")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "registration/register", Title: title, Door: true, Status: status, Data: d})
}

// deadInvitation answers for a link that does not register (any more): used leads to signing in, expired to a new
// link, and unknown, foreign or replaced ones all get the same page as any unknown link.
func (s *Server) deadInvitation(c *fiber.Ctx, inv access.Invitation, err error) error {
	s.useLocale(c, inv.Locale)
	if errors.Is(err, secret.ErrExpiredLink) {
		return s.renderExpired(c, newForm(map[string]string{}), inv, false, fiber.StatusGone)
	}
	return s.deadLink(c, err, "")
}

// expiredLink is the data of the page of an expired link.
type expiredLink struct {
	Form  *form
	Token string
	Wait  string
	Sent  bool
}

func (s *Server) renderExpired(c *fiber.Ctx, f *form, inv access.Invitation, sent bool, status int) error {
	d := expiredLink{Form: f, Token: c.Params("token"), Sent: sent}
	if wait := inv.NextCodeAt.Sub(s.now()); wait > 0 && !sent {
		d.Wait = s.text(c).wait(wait)
	}
	title := s.say(c, "link.expired_title")
	if !sent {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "registration/expired", Title: title, Door: true, Status: status, Data: d})
}

// register redeems the link and signs in. What was typed comes back with a complaint, see keepPasswords.
func (s *Server) register(c *fiber.Ctx) error {
	defer patient(c)()
	s.speakInvitation(c)
	f := readForm(c, "code")
	sent := access.RegisterForm{Code: f.Values["code"], Password: posted(c, "password"), PasswordRepeat: posted(c, "password_repeat")}
	done, err := s.accesses.Register(s.ctx(c), c.Params("token"), sent, s.caller(c), s.browser(c))
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			f.keepPasswords(c, "password", "password_repeat")
			return s.renderRegistration(c, f, status)
		}
		return s.deadInvitation(c, access.Invitation{}, err)
	}
	s.rememberBrowser(c, done.Username)
	s.keepLanguage(c, s.text(c).locale) // the pages after this one are for the same person
	p := signed(c)
	switch {
	case p == nil:
		if err := s.signIn(c, done.Session); err != nil {
			return err
		}
		return s.redirect(c, "/portal", "toast.registered")
	case p.Account.Username == done.Username:
		return s.redirect(c, "/portal", "toast.customer_added")
	}
	if err := s.rememberLogin(c, done.Username); err != nil {
		return err
	}
	return s.render(c, view{
		Page: "registration/done", Title: s.say(c, "register.done"), Door: true,
		Data: registeredBeside{Name: p.Account.Name, Username: done.Username},
	})
}

// registeredBeside is the data of the page for who has registered while somebody else is signed in with the browser.
type registeredBeside struct{ Name, Username string }

func (s *Server) newCode(c *fiber.Ctx) error {
	s.speakInvitation(c)
	token := c.Params("token")
	if err := s.accesses.NewCode(s.ctx(c), token, s.browser(c)); err != nil {
		f := newForm(map[string]string{})
		if status, ok := s.complain(c, f, err); ok {
			return s.renderRegistration(c, f, status)
		}
		return s.deadInvitation(c, access.Invitation{}, err)
	}
	return s.redirect(c, "/register/"+token, "toast.code_sent")
}

// newLink sends a new link to the stored address. What it answers to an unknown token is what it answers to any.
func (s *Server) newLink(c *fiber.Ctx) error {
	s.speakInvitation(c)
	if heldOf(c) != nil { // whatever the token, nothing is on its way
		return store.ErrHeld
	}
	if err := s.accesses.NewLink(s.ctx(c), c.Params("token"), s.browser(c)); err != nil {
		f := newForm(map[string]string{})
		var e *fault.Error
		if errors.As(err, &e) && e.Code == fault.TooMany {
			status, _ := s.complain(c, f, err)
			return s.renderExpired(c, f, access.Invitation{NextCodeAt: s.now().Add(e.RetryAfter)}, false, status)
		}
		return err
	}
	return s.renderExpired(c, newForm(map[string]string{}), access.Invitation{}, true, fiber.StatusOK)
}

// noteOpened is sent by the page once a person touches it.
func (s *Server) noteOpened(c *fiber.Ctx) error {
	if err := s.accesses.Opened(s.ctx(c), c.Params("token")); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
