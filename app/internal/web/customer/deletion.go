package customer

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
)

// deletionAsk is the data of the page that asks for confirmation before a customer is deleted permanently.
type deletionAsk struct {
	Customer customerpage.Head
	Counts   customer.DeletionCounts
	Form     *kit.Form
}

func (s *Screens) askDeleteCustomer(c *fiber.Ctx) error {
	return s.renderDelete(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) renderDelete(c *fiber.Ctx, f *kit.Form, status int) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	cu, counts, err := s.customers.WillDelete(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	x, err := s.heads.HeadOf(c, cu, "data")
	if err != nil {
		return err
	}
	title := s.Say(c, "customer.delete")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "customer/delete", Title: title, Nav: "customers", Status: status, Data: deletionAsk{x, counts, f}})
}

func (s *Screens) deleteCustomer(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "confirm")
	d, err := s.customers.Delete(s.Ctx(c), s.Caller(c), id, f.Values["confirm"])
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderDelete(c, f, status)
		}
		return err
	}
	return s.Redirect(c, "/customers/deletions/"+d.ID.String(), "")
}

// showDeletion shows the progress of a deletion, and then its receipt. People may leave the page; the worker continues.
func (s *Screens) showDeletion(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	d, err := s.customers.DeletionOf(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "customer/deletion", Fragment: "customer/deletion_state", Title: s.Say(c, "deletion.title", "number", d.Label()),
		Nav: "customers", Data: d,
	})
}
