package kit

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/policies"
)

// localKey is the key of a value that is stored with a request.
type localKey int

const (
	signedKey localKey = iota
	textKey
	csrfKey
	requestIDKey
	addressKey
	formKey
	fileKey
	heldKey
	wholeKey
)

// RequestTime limits the duration of a request. Fiber does not report when a browser has closed the connection.
const RequestTime = 15 * time.Second

// SessionCookie is the name of the session's cookie. Over HTTPS it has the prefix __Host-: bound to this host, for the
// whole site, Secure.
func (k *Kit) SessionCookie() string { return k.CookieName("kontor-session") }

// CookieName is the name of a cookie in the browser.
func (k *Kit) CookieName(name string) string {
	if k.Secure {
		return "__Host-" + name
	}
	return name
}

// SetCookie sets a cookie that is deleted when the browser closes.
func (k *Kit) SetCookie(c *fiber.Ctx, name, value string) {
	c.Cookie(&fiber.Cookie{Name: k.CookieName(name), Value: value, Path: "/", HTTPOnly: true, Secure: k.Secure, SameSite: "Lax"})
}

// KnownCookie outlives the session. By it the browser is recognised when somebody signs in with it again.
const KnownCookie = "kontor-known"

// Ctx is the request's context, with its time limit. (c.Context() is Fiber's own, which the next request reuses.)
func (k *Kit) Ctx(c *fiber.Ctx) context.Context { return c.UserContext() }

// Signed returns who is signed in, nil for nobody.
func Signed(c *fiber.Ctx) *account.Signed {
	p, _ := c.Locals(signedKey).(*account.Signed)
	return p
}

// SetSigned stores who is signed in, nil for nobody.
func SetSigned(c *fiber.Ctx, p *account.Signed) { c.Locals(signedKey, p) }

// Forget removes the person, the language and the form from the request, so that it continues as the request of another
// person.
func Forget(c *fiber.Ctx) {
	for _, key := range []localKey{signedKey, textKey, csrfKey, formKey, fileKey} {
		c.Locals(key, nil)
	}
}

// Caller is the person who sends the request, as the services need it.
func (k *Kit) Caller(c *fiber.Ctx) account.Caller {
	caller := account.Caller{Address: k.Address(c), Locale: k.Text(c).Locale, RequestID: RequestID(c)}
	if p := Signed(c); p != nil {
		caller.ID, caller.Name, caller.Roles, caller.For = p.Account.ID, p.Account.Name, p.Roles, p.For
	}
	return caller
}

// Browser describes the browser that sends the request.
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

// Home is the page that a person sees after signing in: the first page of the navigation, else the portal, or their own
// account if they have no role.
func (k *Kit) Home(ctx context.Context, caller account.Caller, specialist bool) (string, error) {
	if specialist {
		entries, err := k.mayUse(ctx, caller)
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

// AtDoor says whether a page for everybody has one column. It has for end users and for people who are not signed in.
func (k *Kit) AtDoor(c *fiber.Ctx) bool {
	p := Signed(c)
	return p == nil || !p.Account.Specialist
}
