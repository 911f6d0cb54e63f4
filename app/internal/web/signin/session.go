package signin

import (
	"context"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
)

// SignIn gives the browser a new session and ends the one that it had before.
func (s *Screens) SignIn(c *fiber.Ctx, token string) error {
	if old := c.Cookies(s.SessionCookie()); old != "" {
		if err := s.accounts.SignOut(s.Ctx(c), old, s.Browser(c)); err != nil {
			return err
		}
	}
	s.SetCookie(c, "kontor-session", token)
	return nil
}

// RememberBrowser stores in this browser that a person has proved their identity with it. An error does not prevent the
// sign-in.
func (s *Screens) RememberBrowser(c *fiber.Ctx, login string) {
	token, err := s.accounts.Remember(s.Ctx(c), login, s.Browser(c))
	if err != nil {
		s.Log.Warn("browser not remembered", "request", kit.RequestID(c), "error", err)
	}
	if token == "" {
		return
	}
	c.Cookie(&fiber.Cookie{
		Name: s.CookieName(kit.KnownCookie), Value: token, Path: "/", MaxAge: int(account.KnownFor / time.Second), HTTPOnly: true,
		Secure: s.Secure, SameSite: "Lax",
	})
}

// patience is the time limit of requests that check or set a password. They wait in a queue, so that a whole office can
// sign in at the same time. Waiting requests use no resources.
const patience = 50 * time.Second

// Patient gives a request this longer time limit. The caller must call the returned function at the end.
func Patient(c *fiber.Ctx) context.CancelFunc {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), patience)
	c.SetUserContext(ctx)
	return cancel
}

// DropSession removes the session's cookie and the cached pages of this site from the browser. (Browsers clear the cache
// only in secure contexts. The browser decides about that, because the proxy in front of this program may speak HTTPS.
// Without HTTPS, browsers keep only static files anyway.) The other cookies stay: they say that this browser has been
// here before, and what the next page shows, and neither is secret.
func (s *Screens) DropSession(c *fiber.Ctx) {
	c.Set("Clear-Site-Data", `"cache", "storage"`)
	c.Cookie(&fiber.Cookie{Name: s.SessionCookie(), Path: "/", MaxAge: -1, HTTPOnly: true, Secure: s.Secure, SameSite: "Lax"})
}

// ToSignIn sends a person to the sign-in page, and back to this page afterwards.
func (s *Screens) ToSignIn(c *fiber.Ctx) error {
	if c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead {
		of, _ := s.OwnerOf(kit.SentToken(c))
		return s.SignInFirst(c, of)
	}
	to := "/login"
	if c.Method() == fiber.MethodGet && !kit.IsFragment(c) && c.Path() != "/" && len(c.OriginalURL()) <= kit.MaxParam {
		to += "?next=" + url.QueryEscape(kit.LocalPath(c.OriginalURL(), "/"))
	}
	if c.Get("HX-Request") == "true" {
		c.Set("HX-Redirect", to)
		return c.SendStatus(fiber.StatusUnauthorized)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}
