package web

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// authenticate finds out who is signed in. It reads the database for every request, so a person who is deactivated or
// signed out elsewhere is refused at the next request.
func (s *Server) authenticate(c *fiber.Ctx) error {
	if token := c.Cookies(s.SessionCookie()); token != "" && !forNobody(c.Path()) {
		authenticate := s.accounts.Authenticate
		if kit.AsksAgain(c) { // a page that refreshes itself must not keep the session alive (S19)
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

// forNobody says whether the answer at an address is the same for everybody. Such an answer must not need the database:
// the files that the page about a database outage needs, and the health checks.
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
