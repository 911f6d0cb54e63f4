package signin

import (
	"context"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
)

// SignIn gives the browser its session; the one it had before is ended.
func (s *Screens) SignIn(c *fiber.Ctx, token string) error {
	if old := c.Cookies(s.SessionCookie()); old != "" {
		if err := s.accounts.SignOut(s.Ctx(c), old, s.Browser(c)); err != nil {
			return err
		}
	}
	s.SetCookie(c, "kontor-session", token)
	return nil
}

// RememberBrowser makes this browser known to a person who has just shown who they are. Without it they are signed in
// all the same.
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

// patience is the time of requests that check or make a password. They queue, so that a whole office may sign in at
// once; whoever waits uses nothing meanwhile.
const patience = 50 * time.Second

// Patient gives a request more time than others have. What it returns ends that.
func Patient(c *fiber.Ctx) context.CancelFunc {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), patience)
	c.SetUserContext(ctx)
	return cancel
}

// DropSession has the browser forget its session, and what it has kept of the pages of this site. (Browsers do so in
// secure contexts only, which is theirs to judge: the proxy in front of us may speak HTTPS. Elsewhere no answer but a
// static file is kept in the first place.) Cookies are not cleared as a whole: those that say that this browser has
// been here before, and what the next page says, are nobody's secret.
func (s *Screens) DropSession(c *fiber.Ctx) {
	c.Set("Clear-Site-Data", `"cache", "storage"`)
	c.Cookie(&fiber.Cookie{Name: s.SessionCookie(), Path: "/", MaxAge: -1, HTTPOnly: true, Secure: s.Secure, SameSite: "Lax"})
}

// ToSignIn sends a person to the sign-in page and back here afterwards.
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
