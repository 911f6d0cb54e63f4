package kit

import (
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// The values that somebody typed must survive the end of their session. A form that is sent without a session is answered
// with the sign-in page. Its fields are encrypted and travel through that page in a hidden field: not in an address, a
// cookie or the database. After signing in, the person gets the fields back if the page was theirs.
const (
	TypedField = "typed"
	TypedMax   = 64 << 10 // bytes of the values before encryption
	TypedLife  = 15 * time.Minute

	// maxTypedField is TypedMax in base64, plus the overhead of the encryption.
	maxTypedField = 96 << 10
)

// NeverKept says whether a field is never stored and never shown again: passwords, codes, and the page's own tokens.
func NeverKept(name string) bool {
	return strings.Contains(name, "password") || name == "code" || name == CSRFField || name == TypedField
}

// KeptFields are the fields of the form that was sent, without those that NeverKept names. secrets says whether one of
// the removed fields held a value that the person has to type again.
func KeptFields(c *fiber.Ctx) (kept map[string][]string, secrets bool) {
	sent, _ := c.Locals(formKey).(map[string][]string)
	kept = make(map[string][]string, len(sent))
	for name, values := range sent {
		if !NeverKept(name) {
			kept[name] = values
			continue
		}
		secrets = secrets || name != CSRFField && name != TypedField && strings.Join(values, "") != ""
	}
	return kept, secrets
}

// PageOf is the page that a form was sent from, according to the browser. It is "" when the browser does not say, or when
// the page belongs to another site.
func PageOf(c *fiber.Ctx) string {
	said := c.Get("HX-Current-URL", c.Get(fiber.HeaderReferer))
	u, err := url.Parse(said)
	if err != nil || u.Host != string(c.Request().Host()) || len(said) > MaxParam {
		return ""
	}
	return LocalPath(u.RequestURI(), "")
}

// WholePage makes HTMX replace the whole page with the answer. It returns the status to use: the given one, or for HTMX
// requests one for which HTMX shows the answer.
func (k *Kit) WholePage(c *fiber.Ctx, status int) int {
	if c.Get("HX-Request") != "true" {
		return status
	}
	c.Set("HX-Retarget", "body")
	c.Set("HX-Reswap", "innerHTML")
	c.Set("HX-Push-Url", "false")
	c.Locals(wholeKey, true)
	return fiber.StatusUnprocessableEntity
}
