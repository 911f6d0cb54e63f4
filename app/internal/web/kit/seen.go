package kit

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/audit"
)

// SeenQuery is the parameter with a mark of what the page shows, for pages that refresh themselves.
const SeenQuery = "seen"

// AsksAgain says whether the page sent the request by itself, to refresh, without an action of the person.
func AsksAgain(c *fiber.Ctx) bool { return IsFragment(c) && c.Query(SeenQuery) != "" }

// Saw counts an action that changed nothing. The place is the pattern of the route, because an address may hold a token.
func (k *Kit) Saw(c *fiber.Ctx, action audit.Action) {
	k.Audit.Saw(audit.Sighting{Action: action, By: k.Caller(c).Actor(), Place: pattern(c)})
}

func pattern(c *fiber.Ctx) string { return c.Method() + " " + c.Route().Path }

// Download describes a file with data, for the log.
type Download struct {
	CustomerID uuid.UUID // Nil: the file is not about a single customer
	Subject    string
}

// NoteDownload logs that a file is downloaded. It is called before the file is sent, so that no download is missing in
// the log.
func (k *Kit) NoteDownload(c *fiber.Ctx, of Download) error {
	if c.Method() == fiber.MethodHead { // HEAD sends no data
		return nil
	}
	return k.Audit.Count(k.Ctx(c), audit.Sighting{
		Action: audit.Downloaded, By: k.Caller(c).Actor(), CustomerID: of.CustomerID, Subject: of.Subject, Place: pattern(c),
	})
}
