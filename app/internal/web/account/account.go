package account

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/signin"
	"kontor/app/internal/web/text"
	"kontor/app/secret"
)

// ownAccount is the data of /account: its forms and the list of sessions. Only the form that was sent can have
// complaints.
type ownAccount struct {
	Account              account.Account
	Own, Password, Email *kit.Form
	Look                 choices // how pages look
	Mails                choices // which mails the person gets
	Sessions             []Session
	EndUser              bool
	NoRole               bool   // the person has no role, so there is nothing else for them
	Deputies             string // address of the page about the person's deputies, "" for people who can't name deputies
	Locales              []text.Option
	EmailAsked           string // the new address that a link was just sent to
}

// Session is a session in a list. End is the address that ends it.
type Session struct {
	account.ListedSession
	Current bool
	End     string
}

// ListSessions adds to each session its address below path, and marks the session of this browser.
func (s *Screens) ListSessions(c *fiber.Ctx, sessions []account.ListedSession, path string) (list []Session) {
	current := secret.HashToken(c.Cookies(s.SessionCookie()))
	for _, x := range sessions {
		list = append(list, Session{ListedSession: x, Current: x.IDHash == current, End: path + "/sessions/" + x.Handle + "/end"})
	}
	return list
}

func (s *Screens) showAccount(c *fiber.Ctx) error {
	return s.renderAccount(c, ownAccount{}, fiber.StatusOK)
}

// renderAccount renders the page. It fills in the data that the handler has not set.
func (s *Screens) renderAccount(c *fiber.Ctx, d ownAccount, status int) error {
	caller := s.Caller(c)
	a, err := s.accounts.Get(s.Ctx(c), caller)
	if err != nil {
		return err
	}
	sessions, err := s.accounts.Sessions(s.Ctx(c), caller)
	if err != nil {
		return err
	}
	d.Sessions = s.ListSessions(c, sessions, "/account")
	d.Account, d.EndUser, d.NoRole = a, !a.Specialist, len(caller.Roles) == 0
	if s.handovers.MayName(caller) {
		d.Deputies = kit.SpecialistPath(a.ID) + "/deputies"
	}
	if d.Own == nil {
		d.Own = kit.NewForm(map[string]string{"name": a.Name, "username": a.Username, "locale": a.Locale, "shortcuts": onOff(a.Shortcuts)})
	}
	d.Look, d.Mails = s.offer(c, looks(a.Specialist), d.Look.Form), s.offer(c, mails(a.Specialist), d.Mails.Form)
	if d.Password == nil {
		d.Password = kit.NewForm(map[string]string{})
	}
	if d.Email == nil {
		d.Email = kit.NewForm(map[string]string{})
	}
	d.Locales = append([]text.Option{{Value: "", Text: s.Say(c, "locale.browser")}}, s.LocaleOptions(c)...)
	title := s.Say(c, "account.manage")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "account/index", Title: title, SingleColumn: s.AtDoor(c), Wide: true, Status: status, Data: d})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return ""
}

func (s *Screens) saveAccount(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "name", "username", "locale", "shortcuts")
	err := s.accounts.UpdateOwn(s.Ctx(c), s.Caller(c), account.Own{
		Name: f.Values["name"], Username: f.Values["username"], Locale: f.Values["locale"], Shortcuts: f.Values["shortcuts"] == "on",
	})
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Own: f}, status)
		}
		return err
	}
	return s.Redirect(c, "/account", "toast.saved")
}

func (s *Screens) changePassword(c *fiber.Ctx) error {
	defer signin.Patient(c)()
	f := kit.NewForm(map[string]string{})
	fresh, err := s.accounts.ChangePassword(s.Ctx(c), s.Caller(c), account.PasswordForm{
		Current: kit.Posted(c, "current_password"), Password: kit.Posted(c, "password"), Repeat: kit.Posted(c, "password_repeat"),
	}, c.Cookies(s.SessionCookie()))
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Password: f}, status)
		}
		return err
	}
	if fresh != "" {
		s.SetCookie(c, "kontor-session", fresh)
	}
	return s.Redirect(c, "/account", "toast.password_changed")
}

func (s *Screens) askEmail(c *fiber.Ctx) error {
	defer signin.Patient(c)()
	f := kit.ReadForm(c, "email")
	if err := s.accounts.AskEmail(s.Ctx(c), s.Caller(c), f.Values["email"], kit.Posted(c, "email_password")); err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Email: f}, status)
		}
		return err
	}
	return s.Redirect(c, "/account", "toast.email_asked", "email", f.Values["email"])
}

func (s *Screens) signOutEverywhere(c *fiber.Ctx) error {
	if err := s.accounts.SignOutEverywhere(s.Ctx(c), s.Caller(c), ""); err != nil {
		return err
	}
	s.signin.DropSession(c)
	return s.Redirect(c, "/login", "toast.signed_out_everywhere")
}

// endOwnSession ends one session. If it is the session of this browser, it signs out.
func (s *Screens) endOwnSession(c *fiber.Ctx) error {
	caller, handle := s.Caller(c), c.Params("session")
	own, err := s.accounts.Sessions(s.Ctx(c), caller)
	if err != nil {
		return err
	}
	for _, x := range s.ListSessions(c, own, "") {
		if x.Current && x.Handle == handle {
			return s.signin.DoSignOut(c)
		}
	}
	if err := s.accounts.EndSession(s.Ctx(c), caller, handle); err != nil {
		return err
	}
	return s.Redirect(c, "/account", "toast.session_ended")
}

// showConfirmEmail changes nothing, because mail scanners open links, too. The page's button confirms the address.
func (s *Screens) showConfirmEmail(c *fiber.Ctx) error {
	s.UseLocale(c, s.accounts.EmailLinkLocale(s.Ctx(c), c.Params("token")))
	return s.Render(c, kit.View{Page: "account/confirm_email", Title: s.Say(c, "account.confirm_email"), SingleColumn: true, Data: emailLink{c.Params("token")}})
}

// emailLink is the data of the page that a link to confirm an e-mail address opens.
type emailLink struct{ Token string }

func (s *Screens) confirmEmail(c *fiber.Ctx) error {
	s.UseLocale(c, s.accounts.EmailLinkLocale(s.Ctx(c), c.Params("token")))
	if err := s.accounts.ConfirmEmail(s.Ctx(c), c.Params("token"), s.Browser(c)); err != nil {
		return s.signin.DeadLink(c, err, "")
	}
	if kit.Signed(c) != nil {
		return s.Redirect(c, "/account", "toast.email_changed")
	}
	return s.Redirect(c, "/login", "toast.email_changed")
}
