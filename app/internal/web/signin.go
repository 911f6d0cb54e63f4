package web

import (
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/app/store"
)

func (s *Server) signInRoutes() []route {
	return []route{
		get("/", anyone, s.start),
		get("/login", anyone, s.showSignIn),
		post("/login", anyone, s.doSignIn),
		post("/logout", anyone, s.doSignOut),
		get("/password/forgotten", anyone, s.showForgotten),
		post("/password/forgotten", anyone, s.doForgotten),
		get("/password/reset/:token", anyone, s.showPassword),
		post("/password/reset/:token", anyone, s.doPassword),
	}
}

// start sends a person to where they work.
func (s *Server) start(c *fiber.Ctx) error {
	p := signed(c)
	if p == nil {
		return c.Redirect("/login", fiber.StatusSeeOther)
	}
	to, err := s.home(s.caller(c), p.Account.Specialist)
	if err != nil {
		return err
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

func (s *Server) showSignIn(c *fiber.Ctx) error {
	if p := signed(c); p != nil {
		to, err := s.home(s.caller(c), p.Account.Specialist)
		if err != nil {
			return err
		}
		return c.Redirect(localPath(c.Query("next"), to), fiber.StatusSeeOther)
	}
	f := newForm(map[string]string{"login": s.takeLogin(c), "next": localPath(c.Query("next"), "")})
	return s.renderSignIn(c, f, fiber.StatusOK)
}

func (s *Server) renderSignIn(c *fiber.Ctx, f *form, status int) error {
	title := s.say(c, "sign_in")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "signin/login", Title: title, Door: true, Status: status, Data: f})
}

// doSignIn gives the browser a new session; one it had before ends. Who has signed in already, in another tab, goes on to
// where they wanted to be.
func (s *Server) doSignIn(c *fiber.Ctx) error {
	defer patient(c)()
	f := readForm(c, "login", "next", typedField)
	if p := signed(c); p != nil && (heldOf(c) != nil || isLoginOf(p.Account, f.Values["login"]) && !s.fits(c, person, sentToken(c))) {
		return s.alreadyIn(c, f, p)
	}
	if h := heldOf(c); h != nil {
		f.Message, h.said = s.sentence(c, h), true
		return s.renderSignIn(c, f, h.status(c))
	}
	if s.incomplete(c, f) {
		return s.renderSignIn(c, f, fiber.StatusUnprocessableEntity)
	}
	a, token, err := s.accounts.SignIn(s.ctx(c), f.Values["login"], posted(c, "password"), s.browser(c))
	var e *fault.Error
	if errors.As(err, &e) && (e.Code == fault.Unauthenticated || e.Code == fault.TooMany) {
		setRetryAfter(c, e)
		f.Message = s.say(c, "fault."+e.Message, s.waitArgs(c, e))
		return s.renderSignIn(c, f, statuses[e.Code])
	}
	if err != nil {
		return err
	}
	if err := s.signIn(c, token); err != nil {
		return err
	}
	s.rememberBrowser(c, a.Username)
	next, err := s.nextOf(f, a)
	if err != nil {
		return err
	}
	return s.afterSignIn(c, a, token, f.Values[typedField], next)
}

// nextOf is where a sign-in leads: to the page that was asked for, or where the person works.
func (s *Server) nextOf(f *form, a account.Account) (string, error) {
	if next := localPath(f.Values["next"], ""); next != "" && next != "/" {
		return next, nil
	}
	return s.homeOf(a)
}

func isLoginOf(a account.Account, login string) bool {
	login = strings.TrimSpace(login)
	return login != "" && (store.FoldEmail(login) == store.FoldEmail(a.Email) || store.FoldEmail(login) == store.FoldEmail(a.Username))
}

// alreadyIn answers a sign-in form of somebody who is signed in by now. Its password is not looked at.
func (s *Server) alreadyIn(c *fiber.Ctx, f *form, p *account.Signed) error {
	if sealed := f.Values[typedField]; sealed != "" {
		if t, err := s.openTyped(sealed, p.Account.ID); err == nil {
			return s.giveBack(c, t, c.Cookies(s.sessionCookie()))
		}
	}
	next, err := s.nextOf(f, p.Account)
	if err != nil {
		return err
	}
	return c.Redirect(next, fiber.StatusSeeOther)
}

func (s *Server) doSignOut(c *fiber.Ctx) error {
	if token := c.Cookies(s.sessionCookie()); token != "" {
		if err := s.accounts.SignOut(s.ctx(c), token, s.browser(c)); err != nil {
			return err
		}
	}
	s.dropSession(c)
	if sealed := posted(c, typedField); sealed != "" { // somebody else signs in, who has typed something before
		for _, key := range []localKey{signedKey, textKey, csrfKey} {
			c.Locals(key, nil)
		}
		f := newForm(map[string]string{typedField: sealed})
		f.Message = s.say(c, "typed.kept")
		return s.renderSignIn(c, f, fiber.StatusOK)
	}
	return s.redirect(c, localPath(posted(c, "next"), "/login"), "toast.signed_out")
}

// loginCookie carries the username from registering to signing in; it is sealed, since it is an e-mail address.
const loginCookie = "login"

func (s *Server) rememberLogin(c *fiber.Ctx, login string) error {
	return s.setSealed(c, loginCookie, []byte(login))
}

func (s *Server) takeLogin(c *fiber.Ctx) string { return string(s.takeSealed(c, loginCookie)) }

// waitArgs adds the time until the next try to the placeholders of a fault, in the person's words.
func (s *Server) waitArgs(c *fiber.Ctx, e *fault.Error) map[string]any {
	args := map[string]any{"wait": s.text(c).wait(e.RetryAfter)}
	for k, v := range e.Args {
		switch text, _ := v.(string); k {
		case "role":
			v = s.text(c).say("role." + text)
		case "from", "until":
			v = s.text(c).day(text)
		}
		args[k] = v
	}
	return args
}

func (s *Server) showForgotten(c *fiber.Ctx) error {
	return s.renderForgotten(c, newForm(map[string]string{}), false, fiber.StatusOK)
}

// incomplete complains about what is not filled in: that is no attempt to sign in, and counts as none.
func (s *Server) incomplete(c *fiber.Ctx, f *form) bool {
	if strings.TrimSpace(f.Values["login"]) == "" {
		f.missing("login", s.say(c, "required.login"))
	}
	if posted(c, "password") == "" {
		f.missing("password", s.say(c, "required.own_password"))
	}
	return len(f.Summary) > 0
}

// forgotten is the data of the page: the form, or word that a mail is on its way if there is such an account.
type forgotten struct {
	Form *form
	Sent bool
}

func (s *Server) renderForgotten(c *fiber.Ctx, f *form, sent bool, status int) error {
	title := s.say(c, "forgotten.title")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "signin/forgotten", Title: title, Door: true, Status: status, Data: forgotten{f, sent}})
}

// doForgotten answers the same whether there is such an account or not.
func (s *Server) doForgotten(c *fiber.Ctx) error {
	f := readForm(c, "login")
	if strings.TrimSpace(f.Values["login"]) == "" {
		f.missing("login", s.say(c, "required.login"))
		return s.renderForgotten(c, f, false, fiber.StatusUnprocessableEntity)
	}
	if err := s.accounts.ForgotPassword(s.ctx(c), f.Values["login"], s.browser(c)); err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderForgotten(c, f, false, status)
		}
		return err
	}
	return s.renderForgotten(c, f, true, fiber.StatusOK)
}

// choosePassword is the data of the page behind a link that sets a password.
type choosePassword struct {
	Form    *form
	Account account.Account
	Token   string
}

func (s *Server) showPassword(c *fiber.Ctx) error {
	a, err := s.accounts.PasswordLink(s.ctx(c), c.Params("token"))
	s.useLocale(c, a.Locale)
	if err != nil {
		return s.deadLink(c, err, "/password/forgotten")
	}
	return s.renderPassword(c, newForm(map[string]string{}), a, fiber.StatusOK)
}

func (s *Server) renderPassword(c *fiber.Ctx, f *form, a account.Account, status int) error {
	title := s.say(c, "password.choose")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "signin/password", Title: title, Door: true, Status: status, Data: choosePassword{f, a, c.Params("token")}})
}

func (s *Server) doPassword(c *fiber.Ctx) error {
	defer patient(c)()
	token := c.Params("token")
	to, _ := s.accounts.PasswordLink(s.ctx(c), token)
	s.useLocale(c, to.Locale)
	a, err := s.accounts.SetPassword(s.ctx(c), token, posted(c, "password"), posted(c, "password_repeat"), s.browser(c))
	if err != nil {
		f := newForm(map[string]string{})
		status, ok := s.complain(c, f, err)
		if !ok {
			return s.deadLink(c, err, "/password/forgotten")
		}
		a, err := s.accounts.PasswordLink(s.ctx(c), token)
		if err != nil {
			return s.deadLink(c, err, "/password/forgotten")
		}
		return s.renderPassword(c, f, a, status)
	}
	s.keepLanguage(c, s.text(c).locale)
	s.dropSession(c)
	s.rememberBrowser(c, a.Username)
	if err := s.rememberLogin(c, a.Username); err != nil {
		return err
	}
	return s.redirect(c, "/login", "toast.password_set")
}

// dead is the data of the page behind a link that is good no more.
type dead struct {
	Message string // text id
	Used    bool
	Next    string // where to get a new one; "" for nowhere
}

// deadLink answers for a link that is unknown, used or expired with a page that says what to do next; any other error
// is passed on. An unknown link always gets the same page, whatever it was meant for.
func (s *Server) deadLink(c *fiber.Ctx, err error, again string) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != fault.Gone && (e.Code != fault.NotFound || e.Message != "link.unknown") {
		return err
	}
	d := dead{Message: "fault." + e.Message, Used: e.Message == "link.used"}
	if e.Code == fault.Gone && !d.Used {
		d.Next = again
	}
	return s.render(c, view{
		Page: "signin/dead_link", Title: s.errorTitle(c, s.say(c, "link.dead")), Door: true, Status: statuses[e.Code], Data: d,
	})
}
