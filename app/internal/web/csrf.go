package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/url"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/app/secret"
)

// csrfField is the hidden field of every form; HTMX requests may send it as a header instead.
const (
	csrfField  = "_csrf"
	csrfHeader = "X-CSRF-Token"
)

// errForeign is the answer to a request that another site may have caused.
var errForeign = fault.New(fault.Forbidden, "csrf")

// errElsewhere is the answer to a form of our own page that was opened under an address that is not BASE_URL's.
var errElsewhere = fault.New(fault.Forbidden, "csrf_elsewhere")

// csrfToken is bound to the session, or to a random cookie of a browser that is not signed in. Nothing is stored. It
// looks different in every answer: see masked. Sealed into it is whose page it stands on, which outlives the session: see
// misfit.
func (s *Server) csrfToken(c *fiber.Ctx) string {
	if t, ok := c.Locals(csrfKey).(string); ok {
		return t
	}
	kind, of := s.boundTo(c)
	if of == "" {
		kind, of = "browser", secret.NewToken()
		s.setCookie(c, "kontor-browser", of)
	}
	var who uuid.UUID
	if p := signed(c); p != nil {
		who = p.Account.ID
	}
	sealed, err := s.key.Seal("page", who.Bytes())
	if err != nil { // AES takes every key that there is
		s.log.Error("page not sealed", "request", requestID(c), "error", err)
	}
	t := base64.RawURLEncoding.EncodeToString(append(masked(s.key.MAC("csrf", kind, of)), sealed...))
	c.Locals(csrfKey, t)
	return t
}

// masked hides a token behind a fresh random pad that goes with it: answers are compressed, and their length must not
// say, guess by guess, what stands in them (BREACH).
func masked(token string) []byte {
	b := make([]byte, 2*len(token))
	_, _ = rand.Read(b[:len(token)]) // never fails: crypto/rand
	subtle.XORBytes(b[len(token):], b[:len(token)], []byte(token))
	return b
}

// tokenLength is that of a token before it is masked: secret.Key.MAC's.
const tokenLength = 64

// splitToken takes apart what a page sent: the token that is masked in it, and whose page it was, sealed. Both are empty
// for anything else.
func splitToken(sent string) (token string, owner []byte) {
	b, err := base64.RawURLEncoding.DecodeString(sent)
	if err != nil || len(b) < 2*tokenLength {
		return "", nil
	}
	pad, hidden := b[:tokenLength], b[tokenLength:2*tokenLength]
	subtle.XORBytes(hidden, hidden, pad)
	return string(hidden), b[2*tokenLength:]
}

// sentToken is the token that came with a request.
func sentToken(c *fiber.Ctx) string {
	if sent := c.Get(csrfHeader); sent != "" {
		return sent
	}
	return posted(c, csrfField)
}

// boundTo is what a browser's tokens are bound to; of is "" when it has neither session nor cookie.
func (s *Server) boundTo(c *fiber.Ctx) (kind, of string) {
	if signed(c) != nil {
		return "session", c.Cookies(s.sessionCookie())
	}
	return "browser", s.browserCookie(c)
}

// browserCookie is the random cookie of a browser, "" for one that has not been here.
func (s *Server) browserCookie(c *fiber.Ctx) string { return c.Cookies(s.cookieName("kontor-browser")) }

// guard refuses what another site may have caused: every request that may change something must come from our own
// pages (Sec-Fetch-Site and Origin, where the browser sends them) and carry the token of its own session. It comes
// before admit: a foreign request learns nothing about who is signed in.
//
// A request of ours whose token is another session's is not carried out either: misfit answers it.
func (s *Server) guard(r route) fiber.Handler {
	return func(c *fiber.Ctx) error {
		switch c.Method() {
		case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
			return c.Next()
		}
		if heldOf(c) != nil { // sealed here when it came, and opened for the same person
			return s.hold(c)
		}
		if !s.fromOurSite(c) {
			return s.foreign(c)
		}
		sent := sentToken(c)
		if !s.fits(c, r.audience, sent) {
			return s.misfit(c, r, sent)
		}
		return c.Next()
	}
}

// errSession is the answer to a form of ours whose session has ended since the page was shown: signing in helps.
var errSession = fault.New(fault.Unauthenticated, "sign_in.needed")

// fits says whether a token is this session's. Pages that anybody may use were perhaps opened before somebody signed in
// with this browser: there the browser's own does, too.
func (s *Server) fits(c *fiber.Ctx, a audience, sent string) bool {
	token, _ := splitToken(sent)
	if kind, of := s.boundTo(c); of != "" && s.key.Is(token, "csrf", kind, of) {
		return true
	}
	browser := s.browserCookie(c)
	return a == anyone && browser != "" && s.key.Is(token, "csrf", "browser", browser)
}

// fromOurSite believes what the browser says of where the request comes from; one that says nothing is an old one, or
// none.
func (s *Server) fromOurSite(c *fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := c.Get(fiber.HeaderOrigin)
	return origin == "" || s.ownOrigin(c, origin)
}

// foreign is the answer to a request that another site may have caused. One of a page of ours that was opened under another
// address than BASE_URL, say that of the machine behind the proxy, is told which is the right one.
func (s *Server) foreign(c *fiber.Ctx) error {
	u, err := url.Parse(c.Get(fiber.HeaderOrigin))
	if err == nil && u.Host != "" && u.Host == string(c.Request().Host()) {
		return errElsewhere.With("address", s.baseURL)
	}
	return errForeign
}

// ownOrigin compares with BASE_URL, and with the address the request came to: people also open the embedded program
// under another name of the same machine. The Host header is only compared here, never used in a link.
func (s *Server) ownOrigin(c *fiber.Ctx, origin string) bool {
	if origin == s.origin {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == string(c.Request().Host()) && !s.secure
}
