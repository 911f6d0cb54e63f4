package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/secret"
)

func (s *Server) accountRoutes() []route {
	return []route{
		get("/account", person, s.showAccount),
		post("/account", person, s.saveAccount),
		post("/account/password", person, s.changePassword),
		post("/account/email", person, s.askEmail),
		post("/account/sessions", person, s.signOutEverywhere),
		post("/account/sessions/:session/end", person, s.endOwnSession),
		get("/account/email/:token", anyone, s.showConfirmEmail),
		post("/account/email/:token", anyone, s.confirmEmail),
	}
}

// ownAccount is the data of /account: three forms and the list of sessions. Only the form that was sent has complaints.
type ownAccount struct {
	Account              account.Account
	Own, Password, Email *form
	Sessions             []listedSession
	EndUser              bool
	NoRole               bool   // there is nothing else here for the person
	Deputies             string // address of the page about the person's own, "" for who has nothing to hand on
	Locales              []option
	EmailAsked           string // the new address a link was just sent to
}

// listedSession is a session in a list, with the address that ends it.
type listedSession struct {
	account.ListedSession
	Current bool
	End     string
}

// listSessions gives each its address below path, and marks the one of this browser.
func (s *Server) listSessions(c *fiber.Ctx, sessions []account.ListedSession, path string) (list []listedSession) {
	current := secret.HashToken(c.Cookies(s.sessionCookie()))
	for _, x := range sessions {
		list = append(list, listedSession{ListedSession: x, Current: x.IDHash == current, End: path + "/sessions/" + x.Handle + "/end"})
	}
	return list
}

// option is a choice of a select.
type option struct{ Value, Text string }

func (s *Server) showAccount(c *fiber.Ctx) error {
	return s.renderAccount(c, ownAccount{}, fiber.StatusOK)
}

// renderAccount fills in whatever the handler has not.
func (s *Server) renderAccount(c *fiber.Ctx, d ownAccount, status int) error {
	caller := s.caller(c)
	a, err := s.accounts.Get(s.ctx(c), caller)
	if err != nil {
		return err
	}
	sessions, err := s.accounts.Sessions(s.ctx(c), caller)
	if err != nil {
		return err
	}
	d.Sessions = s.listSessions(c, sessions, "/account")
	d.Account, d.EndUser, d.NoRole = a, !a.Specialist, len(caller.Roles) == 0
	if s.handovers.MayName(caller) {
		d.Deputies = specialistPath(a.ID) + "/deputies"
	}
	if d.Own == nil {
		d.Own = newForm(map[string]string{"name": a.Name, "username": a.Username, "locale": a.Locale, "shortcuts": onOff(a.Shortcuts)})
	}
	if d.Password == nil {
		d.Password = newForm(map[string]string{})
	}
	if d.Email == nil {
		d.Email = newForm(map[string]string{})
	}
	d.Locales = append([]option{{"", s.say(c, "locale.browser")}}, s.localeOptions(c)...)
	title := s.say(c, "account.manage")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "account/index", Title: title, Door: s.atDoor(c), Wide: true, Status: status, Data: d})
}

func (s *Server) localeOptions(c *fiber.Ctx) []option {
	return []option{{"de", s.say(c, "locale.de")}, {"en", s.say(c, "locale.en")}}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return ""
}

func (s *Server) saveAccount(c *fiber.Ctx) error {
	f := readForm(c, "name", "username", "locale", "shortcuts")
	err := s.accounts.UpdateOwn(s.ctx(c), s.caller(c), account.Own{
		Name: f.Values["name"], Username: f.Values["username"], Locale: f.Values["locale"], Shortcuts: f.Values["shortcuts"] == "on",
	})
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Own: f}, status)
		}
		return err
	}
	return s.redirect(c, "/account", "toast.saved")
}

func (s *Server) changePassword(c *fiber.Ctx) error {
	defer patient(c)()
	f := newForm(map[string]string{})
	fresh, err := s.accounts.ChangePassword(s.ctx(c), s.caller(c), posted(c, "current_password"), posted(c, "password"),
		posted(c, "password_repeat"), c.Cookies(s.sessionCookie()))
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Password: f}, status)
		}
		return err
	}
	if fresh != "" {
		s.setCookie(c, "kontor-session", fresh)
	}
	return s.redirect(c, "/account", "toast.password_changed")
}

func (s *Server) askEmail(c *fiber.Ctx) error {
	defer patient(c)()
	f := readForm(c, "email")
	if err := s.accounts.AskEmail(s.ctx(c), s.caller(c), f.Values["email"], posted(c, "email_password")); err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Email: f}, status)
		}
		return err
	}
	return s.redirect(c, "/account", "toast.email_asked", "email", f.Values["email"])
}

func (s *Server) signOutEverywhere(c *fiber.Ctx) error {
	if err := s.accounts.SignOutEverywhere(s.ctx(c), s.caller(c), ""); err != nil {
		return err
	}
	s.dropSession(c)
	return s.redirect(c, "/login", "toast.signed_out_everywhere")
}

// endOwnSession ends one session. That of this browser is signed out of.
func (s *Server) endOwnSession(c *fiber.Ctx) error {
	caller, handle := s.caller(c), c.Params("session")
	own, err := s.accounts.Sessions(s.ctx(c), caller)
	if err != nil {
		return err
	}
	for _, x := range s.listSessions(c, own, "") {
		if x.Current && x.Handle == handle {
			return s.doSignOut(c)
		}
	}
	if err := s.accounts.EndSession(s.ctx(c), caller, handle); err != nil {
		return err
	}
	return s.redirect(c, "/account", "toast.session_ended")
}

// showConfirmEmail changes nothing: mail scanners open links too. The page's button confirms.
func (s *Server) showConfirmEmail(c *fiber.Ctx) error {
	s.useLocale(c, s.accounts.EmailLinkLocale(s.ctx(c), c.Params("token")))
	return s.render(c, view{Page: "account/confirm_email", Title: s.say(c, "account.confirm_email"), Door: true, Data: emailLink{c.Params("token")}})
}

// emailLink is the data of the page behind a link that confirms an e-mail address.
type emailLink struct{ Token string }

func (s *Server) confirmEmail(c *fiber.Ctx) error {
	s.useLocale(c, s.accounts.EmailLinkLocale(s.ctx(c), c.Params("token")))
	if err := s.accounts.ConfirmEmail(s.ctx(c), c.Params("token"), s.browser(c)); err != nil {
		return s.deadLink(c, err, "")
	}
	if signed(c) != nil {
		return s.redirect(c, "/account", "toast.email_changed")
	}
	return s.redirect(c, "/login", "toast.email_changed")
}
