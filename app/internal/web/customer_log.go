package web

import "github.com/gofiber/fiber/v2"

// customerLog is the data of a customer's tab Log.
type customerLog struct {
	Customer customerContext
	Log      *frame // what the shared list of entries gets
}

func (s *Server) showCustomerLog(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "log")
	if err != nil {
		return err
	}
	entries, err := s.auditOf(c, cu.ID, cu.Path+"/log")
	if err != nil {
		return err
	}
	return s.render(c, view{
		Page: "customers/log", Title: cu.Name() + " · " + s.say(c, "tab.log"), Nav: "customers",
		Data: customerLog{Customer: cu, Log: &frame{D: entries}},
	})
}
