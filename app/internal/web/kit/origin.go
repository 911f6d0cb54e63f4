package kit

import "github.com/gofiber/fiber/v2"

// OriginField is the name under which a form sends its Origin.
const OriginField = "from"

// Origin names the page from which a form was opened and to which it returns; "" is the page that the form belongs to.
type Origin string

// FromAttention is the page Needs attention, whose rows open forms that mend them.
const FromAttention Origin = "attention"

// OriginOf reads where a form was opened, from the address or from the form that was sent.
func OriginOf(c *fiber.Ctx) Origin {
	if o := Origin(AskedTerm(c, OriginField)); o == FromAttention {
		return o
	}
	return ""
}

// Back is the address to which the form returns; own is that of the page that it belongs to.
func (o Origin) Back(own string) string {
	if o == FromAttention {
		return "/attention"
	}
	return own
}
