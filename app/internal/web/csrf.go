package web

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/internal/web/kit"
)

// guard refuses requests that another site may have caused. Every request that may change something must come from our
// own pages (checked by Sec-Fetch-Site and Origin, if the browser sends them) and carry the token of its session. guard
// runs before admit, so that a foreign request does not learn who is signed in.
//
// A request of our own pages with the token of another session is not carried out either, see misfit.
func (s *Server) guard(r kit.Route) fiber.Handler {
	return func(c *fiber.Ctx) error {
		switch c.Method() {
		case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
			return c.Next()
		}
		if kit.HeldOf(c) != nil { // its fields were encrypted by this program and decrypted for the same person
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

// misfit answers a request of this site whose token does not fit the session. It never carries the request out:
//
//   - the page belongs to a person and nobody is signed in: sign in, then the form is shown again
//   - the page belongs to the person who is signed in, from an earlier session: the form is shown again
//   - the page belongs to somebody else than the person who is signed in: a sentence, and the offer to sign out
//   - the page is one for everybody (registration, sign-in): the form is shown again
//
// It refuses a request without a token of one of our pages, because another site may have sent it. But if the browser has
// the cookie of a session that has ended, the person is asked to sign in, and the form is lost. It also refuses a request
// from a page for everybody if the browser does not say that it comes from our site: another site can fetch such a page
// with its token, too.
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
	case r.Background: // the page sent it by itself while somebody types: change nothing
		return c.SendStatus(fiber.StatusForbidden)
	case r.Audience == kit.Anyone, p != nil && p.Account.ID == of:
		return s.Hold(c)
	case p == nil:
		return s.signin.SignInFirst(c, of)
	}
	return s.signin.AnswerOther(c, of)
}

// saysOurSite says whether the browser has sent a header about where the request comes from. FromOurSite has accepted its
// value before.
func (s *Server) saysOurSite(c *fiber.Ctx) bool {
	return c.Get("Sec-Fetch-Site") == "same-origin" || c.Get(fiber.HeaderOrigin) != ""
}
