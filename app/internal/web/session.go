package web

import (
	"context"
	"net/netip"
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
	formKey
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
		if err := s.accounts.SignOut(s.ctx(c), old); err != nil {
			return err
		}
	}
	s.setCookie(c, "kontor-session", token)
	return nil
}

func (s *Server) dropSession(c *fiber.Ctx) {
	c.Cookie(&fiber.Cookie{Name: s.sessionCookie(), Path: "/", MaxAge: -1, HTTPOnly: true, Secure: s.secure, SameSite: "Lax"})
}

// authenticate finds out who asks. It reads the database every time, so whoever is deactivated or signed out
// elsewhere is refused at the very next request.
func (s *Server) authenticate(c *fiber.Ctx) error {
	if token := c.Cookies(s.sessionCookie()); token != "" {
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
	return account.Browser{Address: s.address(c), Agent: strings.ToValidUTF8(agent, "")}
}

// address is the client's IP address: the peer's, or, when the peer is one of TRUSTED_PROXIES, the last address in
// X-Forwarded-For that is not.
func (s *Server) address(c *fiber.Ctx) string {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return ""
	}
	peer = peer.Unmap()
	hops := strings.Split(c.Get(fiber.HeaderXForwardedFor), ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(peer); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		peer = hop.Unmap()
	}
	return peer.String()
}

func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Who may use a route at all; what they may do there is the services' to decide.
type audience int

const (
	anyone    audience = iota // without signing in
	person                    // whoever is signed in
	firm                      // specialist users and auditors
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
		case a == firm && !p.Account.Specialist && !caller.Has(policies.Auditor):
			return fault.New(fault.NotFound, "page")
		case a == endUser && !caller.Has(policies.EndUser):
			return fault.New(fault.NotFound, "page")
		}
		return c.Next()
	}
}

// home is where a person goes after signing in.
func home(roles []policies.Role) string {
	for _, r := range roles {
		if r != policies.EndUser {
			return "/customers"
		}
	}
	return "/portal"
}

// atDoor says whether a page that everybody may get has one column, as for end users and who is not signed in.
func (s *Server) atDoor(c *fiber.Ctx) bool {
	return signed(c) == nil || home(s.caller(c).Roles) == "/portal"
}

// toSignIn sends a person to the sign-in page and back here afterwards.
func (s *Server) toSignIn(c *fiber.Ctx) error {
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
