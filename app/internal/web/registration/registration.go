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

// speakInvitation sets the language of the page to that of the invitation in the address. An unknown link changes
// nothing.
func (s *Screens) speakInvitation(c *fiber.Ctx) {
	if inv, _ := s.accesses.Invitation(s.Ctx(c), c.Params("token")); inv.Locale != "" {
		s.UseLocale(c, inv.Locale)
	}
}

// registration is the data of the page that a registration link opens.
type registration struct {
	Form     *kit.Form
	Token    string
	SignedAs bool   // the person is signed in with the account to which the customer will be added
	Other    string // the name of somebody else who is signed in with this browser
	CodeIn   string // time until the next code can be requested; "" if it can be requested now
	access.Invitation
}

// showRegistration changes nothing, however often it is called, because mail scanners open links, too.
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

// deadInvitation answers for a link that can't be used to register (any more). A used link leads to signing in, an
// expired one to requesting a new link. An unknown or replaced link, or one of somebody else, gets the page of an unknown
// link.
func (s *Screens) deadInvitation(c *fiber.Ctx, inv access.Invitation, err error) error {
	s.UseLocale(c, inv.Locale)
	if errors.Is(err, secret.ErrExpiredLink) {
		return s.renderExpired(c, kit.NewForm(map[string]string{}), inv, false, fiber.StatusGone)
	}
	return s.signin.DeadLink(c, err, "")
}

// expiredLink is the data of the page for an expired link.
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

// register uses the link to register the person and signs them in. After a mistake the form is shown again with the typed
// values, see KeepPasswords.
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
	s.KeepLanguage(c, s.Text(c).Locale) // the next pages are for the same person
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

// registeredBeside is the data of the page for a person who has registered while somebody else is signed in with this
// browser.
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

// newLink sends a new link to the stored address. The answer is the same for a known and an unknown token.
func (s *Screens) newLink(c *fiber.Ctx) error {
	s.speakInvitation(c)
	if kit.HeldOf(c) != nil { // nothing is sent, whatever the token
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

// noteOpened handles a request that the page sends when the person first uses the page.
func (s *Screens) noteOpened(c *fiber.Ctx) error {
	if err := s.accesses.Opened(s.Ctx(c), c.Params("token")); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
