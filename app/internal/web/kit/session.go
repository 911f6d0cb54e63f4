package kit

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/policies"
)

// localKey names what a request carries along.
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

// RequestTime bounds what a request may cost: Fiber does not tell when a browser has gone.
const RequestTime = 15 * time.Second

// SessionCookie and browserCookie carry the __Host- prefix over HTTPS: bound to this host, whole site, Secure.
func (k *Kit) SessionCookie() string { return k.CookieName("kontor-session") }

// CookieName is a cookie's name as the browser knows it.
func (k *Kit) CookieName(name string) string {
	if k.Secure {
		return "__Host-" + name
	}
	return name
}

// SetCookie sets a cookie that ends with the browser.
func (k *Kit) SetCookie(c *fiber.Ctx, name, value string) {
	c.Cookie(&fiber.Cookie{Name: k.CookieName(name), Value: value, Path: "/", HTTPOnly: true, Secure: k.Secure, SameSite: "Lax"})
}

// KnownCookie outlives the session: by it the browser is known to whoever has signed in with it.
const KnownCookie = "kontor-known"

// Ctx is the request's context, bounded in time. (c.Context() is Fiber's own and is reused by the next request.)
func (k *Kit) Ctx(c *fiber.Ctx) context.Context { return c.UserContext() }

// Signed is who is signed in, nil for nobody.
func Signed(c *fiber.Ctx) *account.Signed {
	p, _ := c.Locals(signedKey).(*account.Signed)
	return p
}

// SetSigned notes who is signed in, nil for nobody.
func SetSigned(c *fiber.Ctx, p *account.Signed) { c.Locals(signedKey, p) }

// Forget forgets who asks, their language and what they sent, so that the request goes on as another person's.
func Forget(c *fiber.Ctx) {
	for _, key := range []localKey{signedKey, textKey, csrfKey, formKey} {
		c.Locals(key, nil)
	}
}

// Caller is who asks, for the services.
func (k *Kit) Caller(c *fiber.Ctx) account.Caller {
	caller := account.Caller{Address: k.Address(c), Locale: k.Text(c).Locale, RequestID: RequestID(c)}
	if p := Signed(c); p != nil {
		caller.ID, caller.Name, caller.Roles, caller.For = p.Account.ID, p.Account.Name, p.Roles, p.For
	}
	return caller
}

// Browser is what is known of the browser that asks.
func (k *Kit) Browser(c *fiber.Ctx) account.Browser {
	agent := c.Get(fiber.HeaderUserAgent)
	if len(agent) > 300 {
		agent = agent[:300]
	}
	return account.Browser{
		Address: k.Address(c), Agent: strings.ToValidUTF8(agent, ""), Known: c.Cookies(k.CookieName(KnownCookie)),
		RequestID: RequestID(c),
	}
}

// Address is the client's IP address; see package client.
func (k *Kit) Address(c *fiber.Ctx) string {
	if a, ok := c.Locals(addressKey).(string); ok {
		return a
	}
	a := k.clients.Address(c)
	c.Locals(addressKey, a)
	return a
}

// Home is where a person goes after signing in: to the first page that the navigation offers, the portal, or, with no
// role at all, the own account.
func (k *Kit) Home(caller account.Caller, specialist bool) (string, error) {
	if specialist {
		entries, err := k.mayUse(caller)
		if err != nil {
			return "", err
		}
		if len(entries) > 0 {
			return entries[0].Href, nil
		}
	}
	if caller.Has(policies.EndUser) {
		return "/portal", nil
	}
	return "/account", nil
}

// AtDoor says whether a page that everybody may get has one column, as for end users and who is not signed in.
func (k *Kit) AtDoor(c *fiber.Ctx) bool {
	p := Signed(c)
	return p == nil || !p.Account.Specialist
}
