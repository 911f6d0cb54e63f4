package web

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/internal/web/kit"
)

// guard refuses what another site may have caused: every request that may change something must come from our own
// pages (Sec-Fetch-Site and Origin, where the browser sends them) and carry the token of its own session. It comes
// before admit: a foreign request learns nothing about who is signed in.
//
// A request of ours whose token is another session's is not carried out either: misfit answers it.
func (s *Server) guard(r kit.Route) fiber.Handler {
	return func(c *fiber.Ctx) error {
		switch c.Method() {
		case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
			return c.Next()
		}
		if kit.HeldOf(c) != nil { // sealed here when it came, and opened for the same person
			return s.Hold(c)
		}
		if !s.FromOurSite(c) {
			return s.Foreign(c)
		}
		sent := kit.SentToken(c)
		if !s.Fits(c, r.Audience, sent) {
			return s.misfit(c, r, sent)
		}
		return c.Next()
	}
}

// misfit answers a request of this site whose token does not fit the session: never by carrying it out.
//
//   - a page of somebody for whom nobody is signed in any more: sign in, then the form is back
//   - a page of the person who is signed in, from an earlier session: the form again
//   - a page of somebody else than who is signed in: a sentence, and the offer to sign out
//   - a page that anybody may use (registration, sign-in): the form again
//
// What carries no token of a page of ours is refused: another site may have sent it. So is a page that anybody may get
// when the browser does not say that it is ours, since another site may have got it, too.
func (s *Server) misfit(c *fiber.Ctx, r kit.Route, sent string) error {
	p := kit.Signed(c)
	of, ours := s.OwnerOf(sent)
	switch {
	case !ours && r.Audience != kit.Anyone && p == nil && c.Cookies(s.SessionCookie()) != "":
		of = uuid.Nil
	case !ours, r.Audience == kit.Anyone && !s.saysOurSite(c), r.Audience != kit.Anyone && of == uuid.Nil:
		return kit.ErrForeign
	}
	switch {
	case r.Background: // nobody pressed anything: what is being typed stays as it is
		return c.SendStatus(fiber.StatusForbidden)
	case r.Audience == kit.Anyone, p != nil && p.Account.ID == of:
		return s.Hold(c)
	case p == nil:
		return s.signin.SignInFirst(c, of)
	}
	return s.signin.AnswerOther(c, of)
}

// saysOurSite says whether the browser says that the request comes from a page of ours; FromOurSite has believed it.
func (s *Server) saysOurSite(c *fiber.Ctx) bool {
	return c.Get("Sec-Fetch-Site") == "same-origin" || c.Get(fiber.HeaderOrigin) != ""
}
