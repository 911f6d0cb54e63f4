package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// authenticate finds out who asks. It reads the database every time, so whoever is deactivated or signed out
// elsewhere is refused at the very next request.
func (s *Server) authenticate(c *fiber.Ctx) error {
	if token := c.Cookies(s.SessionCookie()); token != "" && !forNobody(c.Path()) {
		authenticate := s.accounts.Authenticate
		if kit.AsksAgain(c) { // a page left open is nobody at work: the session must be able to fall idle (S19)
			authenticate = s.accounts.AuthenticateInBackground
		}
		p, err := authenticate(s.Ctx(c), token)
		if err != nil {
			return err
		}
		if p != nil {
			kit.SetSigned(c, p)
		}
	}
	return c.Next()
}

// forNobody says whether an address is the same for everybody. It must answer without the database: how a page looks that
// says that it is away, and that the process is alive.
func forNobody(path string) bool {
	return strings.HasPrefix(path, "/static/") || path == "/healthz" || path == "/readyz"
}

func (s *Server) admit(a kit.Audience) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if a == kit.Anyone || a == kit.Automatic {
			return c.Next()
		}
		p := kit.Signed(c)
		if p == nil {
			return kit.ErrSession
		}
		caller := s.Caller(c)
		switch {
		case a == kit.Firm && !p.Account.Specialist:
			return fault.New(fault.NotFound, "page")
		case a == kit.EndUser && !caller.Has(policies.EndUser):
			return fault.New(fault.NotFound, "page")
		}
		return c.Next()
	}
}
