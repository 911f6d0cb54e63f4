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

// CSRFField is the hidden field in every form. HTMX requests may send the token in the header CSRFHeader instead.
const (
	CSRFField  = "_csrf"
	CSRFHeader = "X-CSRF-Token"
)

// ErrForeign is the error for a request that another site may have caused.
var ErrForeign = fault.New(fault.Forbidden, "csrf")

// ErrElsewhere is the error for a form of our own page that was opened under another address than BASE_URL.
var ErrElsewhere = fault.New(fault.Forbidden, "csrf_elsewhere")

// csrfToken returns the CSRF token of a page. The token is bound to the session, or to a random cookie if the browser is
// not signed in. Nothing is stored. The token looks different in every answer, see masked. It also contains, encrypted,
// the id of the account that the page was made for, see OwnerOf. That part stays valid after the session has ended.
func (k *Kit) csrfToken(c *fiber.Ctx) string {
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
	if err != nil { // can't happen: AES accepts every key of this length
		k.Log.Error("token of a page not encrypted", "request", RequestID(c), "error", err)
	}
	t := base64.RawURLEncoding.EncodeToString(append(masked(k.Key.MAC("csrf", kind, of)), sealed...))
	c.Locals(csrfKey, t)
	return t
}

// masked XORs a token with a fresh random pad and puts the pad in front. Answers are compressed, so without it an
// attacker could find out the token, guess by guess, from the length of the answers (BREACH).
func masked(token string) []byte {
	b := make([]byte, 2*len(token))
	_, _ = rand.Read(b[:len(token)]) // crypto/rand never fails
	subtle.XORBytes(b[len(token):], b[:len(token)], []byte(token))
	return b
}

// tokenLength is the length of a token before it is masked, which is the length of what secret.Key.MAC returns.
const tokenLength = 64

// splitToken takes apart what a page sent: the masked token, and the encrypted owner of the page. Both are empty if sent
// is not such a value.
func splitToken(sent string) (token string, owner []byte) {
	b, err := base64.RawURLEncoding.DecodeString(sent)
	if err != nil || len(b) < 2*tokenLength {
		return "", nil
	}
	pad, hidden := b[:tokenLength], b[tokenLength:2*tokenLength]
	subtle.XORBytes(hidden, hidden, pad)
	return string(hidden), b[2*tokenLength:]
}

// SentToken is the CSRF token that was sent with a request.
func SentToken(c *fiber.Ctx) string {
	if sent := c.Get(CSRFHeader); sent != "" {
		return sent
	}
	return Posted(c, CSRFField)
}

// boundTo is what the tokens of a browser are bound to. of is "" when the browser has neither a session nor the random
// cookie.
func (k *Kit) boundTo(c *fiber.Ctx) (kind, of string) {
	if Signed(c) != nil {
		return "session", c.Cookies(k.SessionCookie())
	}
	return "browser", k.browserCookie(c)
}

// browserCookie is the random cookie of a browser, "" when the browser does not have it yet.
func (k *Kit) browserCookie(c *fiber.Ctx) string { return c.Cookies(k.CookieName("kontor-browser")) }

// ErrSession is the error for a form of our own page whose session has ended since the page was shown. Signing in again
// helps.
var ErrSession = fault.New(fault.Unauthenticated, "sign_in.needed")

// Fits says whether a token belongs to this session. On pages for Anyone, a token of the browser's random cookie is
// accepted as well, because the page may have been opened before the person signed in.
func (k *Kit) Fits(c *fiber.Ctx, a Audience, sent string) bool {
	token, _ := splitToken(sent)
	if kind, of := k.boundTo(c); of != "" && k.Key.Is(token, "csrf", kind, of) {
		return true
	}
	browser := k.browserCookie(c)
	return a == Anyone && browser != "" && k.Key.Is(token, "csrf", "browser", browser)
}

// FromOurSite says whether the request comes from our own site, according to the browser's headers. A request without
// these headers is accepted: it comes from an old browser, or from no browser.
func (k *Kit) FromOurSite(c *fiber.Ctx) bool {
	switch c.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := c.Get(fiber.HeaderOrigin)
	return origin == "" || k.ownOrigin(c, origin)
}

// ownOrigin compares an origin with BASE_URL. Without HTTPS it also accepts the address that the request was sent to,
// because people open the embedded program under other names of the same machine. The Host header is only compared here,
// never used in a link.
func (k *Kit) ownOrigin(c *fiber.Ctx, origin string) bool {
	if origin == k.origin {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == string(c.Request().Host()) && !k.Secure
}

// Foreign returns the error for a request that another site may have caused. If the request comes from our own page,
// opened under another address than BASE_URL (say, that of the machine behind the proxy), the error names the right
// address.
func (k *Kit) Foreign(c *fiber.Ctx) error {
	u, err := url.Parse(c.Get(fiber.HeaderOrigin))
	if err == nil && u.Host != "" && u.Host == string(c.Request().Host()) {
		return ErrElsewhere.With("address", k.baseURL)
	}
	return ErrForeign
}
