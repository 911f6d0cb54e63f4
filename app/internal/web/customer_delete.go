package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
)

// deletionAsk is the data of the page that asks before a customer is deleted for good.
type deletionAsk struct {
	Customer customerContext
	Counts   customer.DeletionCounts
	Form     *form
}

func (s *Server) askDeleteCustomer(c *fiber.Ctx) error {
	return s.renderDelete(c, newForm(map[string]string{}), fiber.StatusOK)
}

func (s *Server) renderDelete(c *fiber.Ctx, f *form, status int) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	cu, counts, err := s.customers.WillDelete(s.ctx(c), s.caller(c), id)
	if err != nil {
		return err
	}
	x, err := s.contextOf(c, cu, "data")
	if err != nil {
		return err
	}
	title := s.say(c, "customer.delete")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "customers/delete", Title: title, Nav: "customers", Status: status, Data: deletionAsk{x, counts, f}})
}

func (s *Server) deleteCustomer(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	f := readForm(c, "confirm")
	d, err := s.customers.Delete(s.ctx(c), s.caller(c), id, f.Values["confirm"])
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderDelete(c, f, status)
		}
		return err
	}
	return s.redirect(c, "/customers/deletions/"+d.ID.String(), "")
}

// showDeletion shows how far a deletion is, and then its receipt. The page may be left: the worker goes on.
func (s *Server) showDeletion(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	d, err := s.customers.DeletionOf(s.ctx(c), s.caller(c), id)
	if err != nil {
		return err
	}
	return s.render(c, view{
		Page: "customers/deletion", Fragment: "customers/deletion_state", Title: s.say(c, "deletion.title", "number", d.Label()),
		Nav: "customers", Data: d,
	})
}
