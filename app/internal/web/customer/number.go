package customer

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
)

// numberOfNew answers how a number in the form for a new customer was understood, read in the country that is chosen
// there.
func (s *Screens) numberOfNew(c *fiber.Ctx) error {
	if ok, err := s.mayAdd(c); err != nil || !ok {
		return kit.OrForbidden(err)
	}
	return s.AnswerNumber(c, kit.Posted(c, "country"), "phone", "mobile")
}

// numberOfCustomer answers how the number in a customer's data was understood, read in the country that is chosen there.
func (s *Screens) numberOfCustomer(c *fiber.Ctx) error {
	cu, err := s.heads.BareOf(c, "data")
	if err != nil || !cu.MayUpdate() {
		return kit.OrForbidden(err)
	}
	return s.AnswerNumber(c, kit.Posted(c, "country"), "phone")
}
