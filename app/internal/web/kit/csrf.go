package kit

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

// CSRFField is the hidden field of every form; HTMX requests may send it as a header instead.
const (
	CSRFField  = "_csrf"
	CSRFHeader = "X-CSRF-Token"
)

// ErrForeign is the answer to a request that another site may have caused.
var ErrForeign = fault.New(fault.Forbidden, "csrf")

// ErrElsewhere is the answer to a form of our own page that was opened under an address that is not BASE_URL's.
var ErrElsewhere = fault.New(fault.Forbidden, "csrf_elsewhere")

// CSRFToken is bound to the session, or to a random cookie of a browser that is not signed in. Nothing is stored. It
// looks different in every answer: see masked. Sealed into it is whose page it stands on, which outlives the session: see
// misfit.
func (k *Kit) CSRFToken(c *fiber.Ctx) string {
	if t, ok := c.Locals(csrfKey).(string); ok {
		return t
	}
	kind, of := k.boundTo(c)
	if of == "" {
		kind, of = "browser", secret.NewToken()
		k.SetCookie(c, "kontor-browser", of)
	}
	var who uuid.UUID
	if p := Signed(c); p != nil {
		who = p.Account.ID
	}
	sealed, err := k.Key.Seal("page", who.Bytes())
	if err != nil { // AES takes every key that there is
		k.Log.Error("page not sealed", "request", RequestID(c), "error", err)
	}
	t := base64.RawURLEncoding.EncodeToString(append(masked(k.Key.MAC("csrf", kind, of)), sealed...))
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

// SentToken is the token that came with a request.
func SentToken(c *fiber.Ctx) string {
	if sent := c.Get(CSRFHeader); sent != "" {
		return sent
	}
	return Posted(c, CSRFField)
}

// boundTo is what a browser's tokens are bound to; of is "" when it has neither session nor cookie.
func (k *Kit) boundTo(c *fiber.Ctx) (kind, of string) {
	if Signed(c) != nil {
		return "session", c.Cookies(k.SessionCookie())
	}
	return "browser", k.browserCookie(c)
}

// browserCookie is the random cookie of a browser, "" for one that has not been here.
func (k *Kit) browserCookie(c *fiber.Ctx) string { return c.Cookies(k.CookieName("kontor-browser")) }

// ErrSession is the answer to a form of ours whose session has ended since the page was shown: signing in helps.
var ErrSession = fault.New(fault.Unauthenticated, "sign_in.needed")

// Fits says whether a token is this session's. Pages that anybody may use were perhaps opened before somebody signed in
// with this browser: there the browser's own does, too.
func (k *Kit) Fits(c *fiber.Ctx, a Audience, sent string) bool {
	token, _ := splitToken(sent)
	if kind, of := k.boundTo(c); of != "" && k.Key.Is(token, "csrf", kind, of) {
		return true
	}
	browser := k.browserCookie(c)
	return a == Anyone && browser != "" && k.Key.Is(token, "csrf", "browser", browser)
}

// FromOurSite believes what the browser says of where the request comes from; one that says nothing is an old one, or
// none.
func (k *Kit) FromOurSite(c *fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := c.Get(fiber.HeaderOrigin)
	return origin == "" || k.ownOrigin(c, origin)
}

// ownOrigin compares with BASE_URL, and with the address the request came to: people also open the embedded program
// under another name of the same machine. The Host header is only compared here, never used in a link.
func (k *Kit) ownOrigin(c *fiber.Ctx, origin string) bool {
	if origin == k.origin {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == string(c.Request().Host()) && !k.Secure
}

// Foreign is the answer to a request that another site may have caused. One of a page of ours that was opened under another
// address than BASE_URL, say that of the machine behind the proxy, is told which is the right one.
func (k *Kit) Foreign(c *fiber.Ctx) error {
	u, err := url.Parse(c.Get(fiber.HeaderOrigin))
	if err == nil && u.Host != "" && u.Host == string(c.Request().Host()) {
		return ErrElsewhere.With("address", k.baseURL)
	}
	return ErrForeign
}
