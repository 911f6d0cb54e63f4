package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/url"

	"github.com/gofiber/fiber/v2"

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

// csrfToken is bound to the session, or to a random cookie of a browser that is not signed in. Nothing is stored. It
// looks different in every answer: see masked.
func (s *Server) csrfToken(c *fiber.Ctx) string {
	if t, ok := c.Locals(csrfKey).(string); ok {
		return t
	}
	t := s.expectedToken(c)
	if t == "" {
		browser := secret.NewToken()
		s.setCookie(c, "kontor-browser", browser)
		t = s.key.MAC("csrf", "browser", browser)
	}
	t = masked(t)
	c.Locals(csrfKey, t)
	return t
}

// masked hides a token behind a fresh random pad that goes with it: answers are compressed, and their length must not
// say, guess by guess, what stands in them (BREACH).
func masked(token string) string {
	b := make([]byte, 2*len(token))
	_, _ = rand.Read(b[:len(token)]) // never fails: crypto/rand
	subtle.XORBytes(b[len(token):], b[:len(token)], []byte(token))
	return base64.RawURLEncoding.EncodeToString(b)
}

// unmasked is the inverse of masked; "" for what is not a masked token.
func unmasked(sent string) string {
	b, err := base64.RawURLEncoding.DecodeString(sent)
	if err != nil || len(b)%2 != 0 {
		return ""
	}
	pad, token := b[:len(b)/2], b[len(b)/2:]
	subtle.XORBytes(token, token, pad)
	return string(token)
}

// expectedToken is "" when the browser has neither session nor cookie.
func (s *Server) expectedToken(c *fiber.Ctx) string {
	if signed(c) != nil {
		return s.key.MAC("csrf", "session", c.Cookies(s.sessionCookie()))
	}
	if browser := c.Cookies(s.cookieName("kontor-browser")); browser != "" {
		return s.key.MAC("csrf", "browser", browser)
	}
	return ""
}

// guard refuses what another site may have caused: every request that may change something must come from our own
// pages (Sec-Fetch-Site and Origin, where the browser sends them) and carry the token of its own session. It comes
// before admit: a foreign request learns nothing about who is signed in.
func (s *Server) guard(a audience) fiber.Handler {
	return func(c *fiber.Ctx) error {
		switch c.Method() {
		case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
			return c.Next()
		}
		if err := s.fromOurPages(c); err != nil {
			if a != anyone && signed(c) == nil && c.Cookies(s.sessionCookie()) != "" && s.fromOurSite(c) {
				return errSession
			}
			return err
		}
		return c.Next()
	}
}

// errSession is the answer to a form of ours whose session has ended since the page was shown: signing in helps.
var errSession = fault.New(fault.Unauthenticated, "sign_in.needed")

func (s *Server) fromOurPages(c *fiber.Ctx) error {
	if !s.fromOurSite(c) {
		return errForeign
	}
	sent := c.Get(csrfHeader)
	if sent == "" {
		sent = posted(c, csrfField)
	}
	want := s.expectedToken(c)
	if want == "" || !secret.Equal(unmasked(sent), want) {
		return errForeign
	}
	return nil
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

// ownOrigin compares with BASE_URL, and with the address the request came to: people also open the embedded program
// under another name of the same machine. The Host header is only compared here, never used in a link.
func (s *Server) ownOrigin(c *fiber.Ctx, origin string) bool {
	if origin == s.origin {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == string(c.Request().Host()) && !s.secure
}
