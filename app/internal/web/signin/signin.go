package signin

import (
	"context"
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/app/store"
	"kontor/policies"
)

// homeOf is the start page of somebody who has just signed in.
func (s *Screens) homeOf(ctx context.Context, a account.Account) (string, error) {
	roles := a.Roles
	if !a.Specialist {
		roles = []policies.Role{policies.EndUser}
	}
	return s.Home(ctx, account.Caller{ID: a.ID, Roles: roles}, a.Specialist)
}

// start redirects a person to their start page.
func (s *Screens) start(c *fiber.Ctx) error {
	p := kit.Signed(c)
	if p == nil {
		return c.Redirect("/login", fiber.StatusSeeOther)
	}
	to, err := s.Home(s.Ctx(c), s.Caller(c), p.Account.Specialist)
	if err != nil {
		return err
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

func (s *Screens) showSignIn(c *fiber.Ctx) error {
	if p := kit.Signed(c); p != nil {
		to, err := s.Home(s.Ctx(c), s.Caller(c), p.Account.Specialist)
		if err != nil {
			return err
		}
		return c.Redirect(kit.LocalPath(c.Query("next"), to), fiber.StatusSeeOther)
	}
	f := kit.NewForm(map[string]string{"login": s.takeLogin(c), "next": kit.LocalPath(c.Query("next"), "")})
	return s.renderSignIn(c, f, fiber.StatusOK)
}

func (s *Screens) renderSignIn(c *fiber.Ctx, f *kit.Form, status int) error {
	title := s.Say(c, "sign_in")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "signin/login", Title: title, SingleColumn: true, Strangers: true, Status: status, Data: f})
}

// doSignIn gives the browser a new session and ends the one that it had before. A person who has signed in already, in
// another tab, is redirected to the page that they wanted.
func (s *Screens) doSignIn(c *fiber.Ctx) error {
	defer Patient(c)()
	f := kit.ReadForm(c, "login", "next", kit.TypedField)
	if p := kit.Signed(c); p != nil && (kit.HeldOf(c) != nil || isLoginOf(p.Account, f.Values["login"]) && !s.Fits(c, kit.Person, kit.SentToken(c))) {
		return s.alreadyIn(c, f, p)
	}
	if h := kit.HeldOf(c); h != nil {
		f.Message, h.Said = s.Sentence(c, h), true
		return s.renderSignIn(c, f, h.Status(c))
	}
	if s.incomplete(c, f) {
		return s.renderSignIn(c, f, fiber.StatusUnprocessableEntity)
	}
	a, token, err := s.accounts.SignIn(s.Ctx(c), f.Values["login"], kit.Posted(c, "password"), s.Browser(c))
	var e *fault.Error
	if errors.As(err, &e) && (e.Code == fault.Unauthenticated || e.Code == fault.TooMany) {
		kit.SetRetryAfter(c, e)
		f.Message = s.Say(c, "fault."+e.Message, s.WaitArgs(c, e))
		return s.renderSignIn(c, f, kit.Statuses[e.Code])
	}
	if err != nil {
		return err
	}
	if err := s.SignIn(c, token); err != nil {
		return err
	}
	s.RememberBrowser(c, a.Username)
	next, err := s.nextOf(c, f, a)
	if err != nil {
		return err
	}
	return s.afterSignIn(c, a, token, f.Values[kit.TypedField], next)
}

// nextOf is the page after a sign-in: the page that was requested, or the person's start page.
func (s *Screens) nextOf(c *fiber.Ctx, f *kit.Form, a account.Account) (string, error) {
	if next := kit.LocalPath(f.Values["next"], ""); next != "" && next != "/" {
		return next, nil
	}
	return s.homeOf(s.Ctx(c), a)
}

func isLoginOf(a account.Account, login string) bool {
	login = strings.TrimSpace(login)
	return login != "" && (store.FoldEmail(login) == store.FoldEmail(a.Email) || store.FoldEmail(login) == store.FoldEmail(a.Username))
}

// alreadyIn answers the sign-in form of a person who is signed in already. It does not check the password.
func (s *Screens) alreadyIn(c *fiber.Ctx, f *kit.Form, p *account.Signed) error {
	if sealed := f.Values[kit.TypedField]; sealed != "" {
		if t, err := s.openTyped(sealed, p.Account.ID); err == nil {
			return s.giveBack(c, t, c.Cookies(s.SessionCookie()))
		}
	}
	next, err := s.nextOf(c, f, p.Account)
	if err != nil {
		return err
	}
	return c.Redirect(next, fiber.StatusSeeOther)
}

// DoSignOut ends the session.
func (s *Screens) DoSignOut(c *fiber.Ctx) error {
	if token := c.Cookies(s.SessionCookie()); token != "" {
		if err := s.accounts.SignOut(s.Ctx(c), token, s.Browser(c)); err != nil {
			return err
		}
	}
	s.DropSession(c)
	if sealed := kit.Posted(c, kit.TypedField); sealed != "" { // another person signs in, whose typed form is kept
		kit.Forget(c)
		f := kit.NewForm(map[string]string{kit.TypedField: sealed})
		f.Message = s.Say(c, "typed.kept")
		return s.renderSignIn(c, f, fiber.StatusOK)
	}
	return s.Redirect(c, kit.LocalPath(kit.Posted(c, "next"), "/login"), "toast.signed_out")
}

// loginCookie holds the username between registering and signing in. It is encrypted, because the username is an e-mail
// address.
const loginCookie = "login"

// RememberLogin stores the username for the next sign-in form.
func (s *Screens) RememberLogin(c *fiber.Ctx, login string) error {
	return s.SetSealed(c, loginCookie, []byte(login))
}

func (s *Screens) takeLogin(c *fiber.Ctx) string { return string(s.TakeSealed(c, loginCookie)) }

func (s *Screens) showForgotten(c *fiber.Ctx) error {
	return s.renderForgotten(c, kit.NewForm(map[string]string{}), false, fiber.StatusOK)
}

// incomplete complains about empty fields. An incomplete form does not count as an attempt to sign in.
func (s *Screens) incomplete(c *fiber.Ctx, f *kit.Form) bool {
	if strings.TrimSpace(f.Values["login"]) == "" {
		f.Missing("login", s.Say(c, "required.login"))
	}
	if kit.Posted(c, "password") == "" {
		f.Missing("password", s.Say(c, "required.own_password"))
	}
	return len(f.Summary) > 0
}

// forgotten is the data of the page: the form, or the message that a mail was sent if such an account exists.
type forgotten struct {
	Form *kit.Form
	Sent bool
}

func (s *Screens) renderForgotten(c *fiber.Ctx, f *kit.Form, sent bool, status int) error {
	title := s.Say(c, "forgotten.title")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "signin/forgotten", Title: title, SingleColumn: true, Strangers: true, Status: status, Data: forgotten{f, sent}})
}

// doForgotten gives the same answer whether such an account exists or not.
func (s *Screens) doForgotten(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "login")
	if strings.TrimSpace(f.Values["login"]) == "" {
		f.Missing("login", s.Say(c, "required.login"))
		return s.renderForgotten(c, f, false, fiber.StatusUnprocessableEntity)
	}
	if err := s.accounts.ForgotPassword(s.Ctx(c), f.Values["login"], s.Browser(c)); err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderForgotten(c, f, false, status)
		}
		return err
	}
	return s.renderForgotten(c, f, true, fiber.StatusOK)
}

// choosePassword is the data of the page that a link to set a password opens.
type choosePassword struct {
	Form    *kit.Form
	Account account.Account
	Token   string
}

func (s *Screens) showPassword(c *fiber.Ctx) error {
	a, err := s.accounts.PasswordLink(s.Ctx(c), c.Params("token"))
	s.UseLocale(c, a.Locale)
	if err != nil {
		return s.DeadLink(c, err, "/password/forgotten")
	}
	return s.renderPassword(c, kit.NewForm(map[string]string{}), a, fiber.StatusOK)
}

func (s *Screens) renderPassword(c *fiber.Ctx, f *kit.Form, a account.Account, status int) error {
	title := s.Say(c, "password.choose")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "signin/password", Title: title, SingleColumn: true, Status: status, Data: choosePassword{f, a, c.Params("token")}})
}

func (s *Screens) doPassword(c *fiber.Ctx) error {
	defer Patient(c)()
	token := c.Params("token")
	to, _ := s.accounts.PasswordLink(s.Ctx(c), token)
	s.UseLocale(c, to.Locale)
	a, err := s.accounts.SetPassword(s.Ctx(c), token, kit.Posted(c, "password"), kit.Posted(c, "password_repeat"), s.Browser(c))
	if err != nil {
		f := kit.NewForm(map[string]string{})
		status, ok := s.Complain(c, f, err)
		if !ok {
			return s.DeadLink(c, err, "/password/forgotten")
		}
		a, err := s.accounts.PasswordLink(s.Ctx(c), token)
		if err != nil {
			return s.DeadLink(c, err, "/password/forgotten")
		}
		return s.renderPassword(c, f, a, status)
	}
	s.KeepLanguage(c, s.Text(c).Locale)
	s.DropSession(c)
	s.RememberBrowser(c, a.Username)
	if err := s.RememberLogin(c, a.Username); err != nil {
		return err
	}
	return s.Redirect(c, "/login", "toast.password_set")
}

// dead is the data of the page for a link that is not valid any more.
type dead struct {
	Message string // text id
	Used    bool
	Next    string // where to request a new link; "" if that is not possible
}

// DeadLink answers for a link that is unknown, used or expired, with a page that says what to do next. It returns any
// other error unchanged. All unknown links get the same page, whatever they were meant for.
func (s *Screens) DeadLink(c *fiber.Ctx, err error, again string) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != fault.Gone && (e.Code != fault.NotFound || e.Message != "link.unknown") {
		return err
	}
	d := dead{Message: "fault." + e.Message, Used: e.Message == "link.used"}
	if e.Code == fault.Gone && !d.Used {
		d.Next = again
	}
	return s.Render(c, kit.View{
		Page: "signin/dead_link", Title: s.ErrorTitle(c, s.Say(c, "link.dead")), SingleColumn: true, Status: kit.Statuses[e.Code], Data: d,
	})
}
