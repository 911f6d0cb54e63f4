package kit

import (
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// What somebody typed must outlive their session. A form that comes without one is answered with the sign-in page, and
// its fields travel through that page sealed, in a hidden field: in no address, no cookie, no database. Who signs in is
// given them back if they are the one whose page it was.
const (
	TypedField = "typed"
	TypedMax   = 64 << 10 // bytes of all that is sealed
	TypedLife  = 15 * time.Minute

	// maxTypedField is TypedMax in base64, with what sealing adds.
	maxTypedField = 96 << 10
)

// NeverKept says whether a field is never shown again, nor kept: passwords and codes, and the tokens of the page itself.
func NeverKept(name string) bool {
	return strings.Contains(name, "password") || name == "code" || name == CSRFField || name == TypedField
}

// KeptFields are the fields of the form that was sent, without those that are never kept. secrets says whether one of
// those held something that has to be typed again.
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

// PageOf is the page that a form was sent from, as the browser says; "" when it does not, or when it was another site's.
func PageOf(c *fiber.Ctx) string {
	said := c.Get("HX-Current-URL", c.Get(fiber.HeaderReferer))
	u, err := url.Parse(said)
	if err != nil || u.Host != string(c.Request().Host()) || len(said) > MaxParam {
		return ""
	}
	return LocalPath(u.RequestURI(), "")
}

// WholePage has HTMX put the answer in the place of the whole page, whatever it asked for, and returns the status for it:
// the one that is given, or for HTMX one that it swaps in.
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
