package web

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/policies"
)

// Keys of what a request carries along.
type localKey int

const (
	signedKey localKey = iota
	textKey
	csrfKey
	requestIDKey
	addressKey
	formKey
	heldKey
	wholeKey
)

// requestTime bounds what a request may cost: Fiber does not tell when a browser has gone.
const requestTime = 15 * time.Second

// sessionCookie and browserCookie carry the __Host- prefix over HTTPS: bound to this host, whole site, Secure.
func (s *Server) sessionCookie() string { return s.cookieName("kontor-session") }

func (s *Server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s *Server) setCookie(c *fiber.Ctx, name, value string) {
	c.Cookie(&fiber.Cookie{Name: s.cookieName(name), Value: value, Path: "/", HTTPOnly: true, Secure: s.secure, SameSite: "Lax"})
}

// signIn gives the browser its session; the one it had before is ended.
func (s *Server) signIn(c *fiber.Ctx, token string) error {
	if old := c.Cookies(s.sessionCookie()); old != "" {
		if err := s.accounts.SignOut(s.ctx(c), old, s.browser(c)); err != nil {
			return err
		}
	}
	s.setCookie(c, "kontor-session", token)
	return nil
}

// knownCookie outlives the session: by it the browser is known to whoever has signed in with it.
const knownCookie = "kontor-known"

// rememberBrowser makes this browser known to a person who has just shown who they are. Without it they are signed in
// all the same.
func (s *Server) rememberBrowser(c *fiber.Ctx, login string) {
	token, err := s.accounts.Remember(s.ctx(c), login, s.browser(c))
	if err != nil {
		s.log.Warn("browser not remembered", "request", requestID(c), "error", err)
	}
	if token == "" {
		return
	}
	c.Cookie(&fiber.Cookie{
		Name: s.cookieName(knownCookie), Value: token, Path: "/", MaxAge: int(account.KnownFor / time.Second), HTTPOnly: true,
		Secure: s.secure, SameSite: "Lax",
	})
}

// patience is the time of requests that check or make a password. They queue, so that a whole office may sign in at
// once; whoever waits uses nothing meanwhile.
const patience = 50 * time.Second

// patient gives a request more time than others have. What it returns ends that.
func patient(c *fiber.Ctx) context.CancelFunc {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), patience)
	c.SetUserContext(ctx)
	return cancel
}

// dropSession has the browser forget its session, and what it has kept of the pages of this site. (Browsers do so in
// secure contexts only, which is theirs to judge: the proxy in front of us may speak HTTPS. Elsewhere no answer but a
// static file is kept in the first place.) Cookies are not cleared as a whole: those that say that this browser has
// been here before, and what the next page says, are nobody's secret.
func (s *Server) dropSession(c *fiber.Ctx) {
	c.Set("Clear-Site-Data", `"cache", "storage"`)
	c.Cookie(&fiber.Cookie{Name: s.sessionCookie(), Path: "/", MaxAge: -1, HTTPOnly: true, Secure: s.secure, SameSite: "Lax"})
}

// authenticate finds out who asks. It reads the database every time, so whoever is deactivated or signed out
// elsewhere is refused at the very next request.
func (s *Server) authenticate(c *fiber.Ctx) error {
	if token := c.Cookies(s.sessionCookie()); token != "" && !forNobody(c.Path()) {
		authenticate := s.accounts.Authenticate
		if asksAgain(c) { // a page left open is nobody at work: the session must be able to fall idle (S19)
			authenticate = s.accounts.Glance
		}
		p, err := authenticate(s.ctx(c), token)
		if err != nil {
			return err
		}
		if p != nil {
			c.Locals(signedKey, p)
		}
	}
	return c.Next()
}

// forNobody says whether an address is the same for everybody. It must answer without the database: how a page looks that
// says that it is away, and that the process is alive.
func forNobody(path string) bool {
	return strings.HasPrefix(path, "/static/") || path == "/healthz" || path == "/readyz"
}

// ctx is the request's context, bounded in time. (c.Context() is Fiber's own and is reused by the next request.)
func (s *Server) ctx(c *fiber.Ctx) context.Context { return c.UserContext() }

func signed(c *fiber.Ctx) *account.Signed {
	p, _ := c.Locals(signedKey).(*account.Signed)
	return p
}

// caller is who asks, for the services.
func (s *Server) caller(c *fiber.Ctx) account.Caller {
	caller := account.Caller{Address: s.address(c), Locale: s.text(c).locale, RequestID: requestID(c)}
	if p := signed(c); p != nil {
		caller.ID, caller.Name, caller.Roles, caller.For = p.Account.ID, p.Account.Name, p.Roles, p.For
	}
	return caller
}

func (s *Server) browser(c *fiber.Ctx) account.Browser {
	agent := c.Get(fiber.HeaderUserAgent)
	if len(agent) > 300 {
		agent = agent[:300]
	}
	return account.Browser{
		Address: s.address(c), Agent: strings.ToValidUTF8(agent, ""), Known: c.Cookies(s.cookieName(knownCookie)),
		RequestID: requestID(c),
	}
}

// address is the client's IP address, see clients.
func (s *Server) address(c *fiber.Ctx) string {
	if a, ok := c.Locals(addressKey).(string); ok {
		return a
	}
	a := s.clients.address(c)
	c.Locals(addressKey, a)
	return a
}

// Who may use a route at all; what they may do there is the services' to decide.
type audience int

const (
	anyone    audience = iota // without signing in
	person                    // whoever is signed in
	firm                      // who works for the firm: accounts of specialist users, whatever roles they were given
	endUser                   // people with an access
	automatic                 // programs: webhooks with a signature of their own instead of a CSRF token
)

func (s *Server) admit(a audience) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if a == anyone || a == automatic {
			return c.Next()
		}
		p := signed(c)
		if p == nil {
			return errSession
		}
		caller := s.caller(c)
		switch {
		case a == firm && !p.Account.Specialist:
			return fault.New(fault.NotFound, "page")
		case a == endUser && !caller.Has(policies.EndUser):
			return fault.New(fault.NotFound, "page")
		}
		return c.Next()
	}
}

// home is where a person goes after signing in: to the first page that the navigation offers, the portal, or, with no
// role at all, the own account.
func (s *Server) home(caller account.Caller, specialist bool) (string, error) {
	if specialist {
		entries, err := s.mayUse(caller)
		if err != nil {
			return "", err
		}
		if len(entries) > 0 {
			return entries[0].href, nil
		}
	}
	if caller.Has(policies.EndUser) {
		return "/portal", nil
	}
	return "/account", nil
}

// atDoor says whether a page that everybody may get has one column, as for end users and who is not signed in.
func (s *Server) atDoor(c *fiber.Ctx) bool {
	p := signed(c)
	return p == nil || !p.Account.Specialist
}

// homeOf is home for somebody who has just signed in.
func (s *Server) homeOf(a account.Account) (string, error) {
	roles := a.Roles
	if !a.Specialist {
		roles = []policies.Role{policies.EndUser}
	}
	return s.home(account.Caller{ID: a.ID, Roles: roles}, a.Specialist)
}

// toSignIn sends a person to the sign-in page and back here afterwards.
func (s *Server) toSignIn(c *fiber.Ctx) error {
	if c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead {
		of, _ := s.ownerOf(sentToken(c))
		return s.signInFirst(c, of)
	}
	to := "/login"
	if c.Method() == fiber.MethodGet && !isFragment(c) && c.Path() != "/" && len(c.OriginalURL()) <= maxParam {
		to += "?next=" + url.QueryEscape(localPath(c.OriginalURL(), "/"))
	}
	if c.Get("HX-Request") == "true" {
		c.Set("HX-Redirect", to)
		return c.SendStatus(fiber.StatusUnauthorized)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}
