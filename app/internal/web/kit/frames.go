package kit

import "github.com/gofiber/fiber/v2"

// ContentPolicy is what pages may load and do: nothing from other sites, no inline scripts and styles, no frames.
const ContentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// AllowFrames lets a page show documents of this site in a frame.
func AllowFrames(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, ContentPolicy+"; frame-src 'self'")
}
