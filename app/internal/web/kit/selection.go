package kit

import "github.com/gofiber/fiber/v2"

// Selection is what can be done with the rows of a list that are ticked, for the template bulk/bar.
type Selection struct {
	Acts       []string // what the person may do to some rows
	Filter     []Field  // of the list, which is sent along
	Everything string   // the words of the choice to take all rows of the list; "" if they are all on the page
}

// Everything is the choice to take all rows of a list, not only those of the page that is shown.
func (k *Kit) Everything(c *fiber.Ctx, count int, capped bool) string {
	t := k.Text(c)
	if capped {
		return t.Say("select.everything_capped", "n", t.Number(count))
	}
	return t.Say("select.everything", "n", t.Number(count))
}
