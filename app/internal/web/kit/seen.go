package kit

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/audit"
)

// SeenQuery carries the mark of what a page that asks again by itself is showing.
const SeenQuery = "seen"

// AsksAgain says whether a page asked by itself, with nobody pressing anything.
func AsksAgain(c *fiber.Ctx) bool { return IsFragment(c) && c.Query(SeenQuery) != "" }

// Saw counts something that changed nothing. The place is the route's pattern: an address may hold a token.
func (k *Kit) Saw(c *fiber.Ctx, action audit.Action) {
	k.Audit.Saw(audit.Sighting{Action: action, By: k.Caller(c).Actor(), Place: pattern(c)})
}

func pattern(c *fiber.Ctx) string { return c.Method() + " " + c.Route().Path }

// Download is what a file with data is about, for the log.
type Download struct {
	CustomerID uuid.UUID // Nil: of no single customer
	Subject    string
}

// noteDownload writes down that data leave as a file. It comes before the file: none leaves unseen.
func (k *Kit) noteDownload(c *fiber.Ctx, of Download) error {
	if c.Method() == fiber.MethodHead { // nothing leaves
		return nil
	}
	return k.Audit.Count(k.Ctx(c), audit.Sighting{
		Action: audit.Downloaded, By: k.Caller(c).Actor(), CustomerID: of.CustomerID, Subject: of.Subject, Place: pattern(c),
	})
}
