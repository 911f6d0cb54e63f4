package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/access"
)

func (s *Server) portalRoutes() []route {
	return []route{get("/portal", endUser, s.showPortal)}
}

// portal is the data of the end user's page.
type portal struct {
	Name      string
	Customers []access.MyCustomer
}

func (s *Server) showPortal(c *fiber.Ctx) error {
	mine, err := s.accesses.Mine(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	return s.render(c, view{
		Page: "portal/index", Title: s.say(c, "portal.title"), Door: true, Wide: true,
		Data: portal{Name: signed(c).Account.Name, Customers: mine},
	})
}
