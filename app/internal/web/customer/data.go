package customer

import (
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
)

// customerData is the data of the page Customer data.
type customerData struct {
	Customer customerpage.Head
	Form     *kit.Form
	Type     customer.Type
	Choices  customerChoices
	Fields   []customer.Field // for who may only read them
}

func (s *Screens) showCustomerData(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "data")
	if err != nil {
		return err
	}
	return s.renderCustomerData(c, customerData{Customer: cu, Form: formOf(cu.Customer), Fields: fieldsOf(cu.Customer)}, fiber.StatusOK)
}

// formOf fills a form with what is stored.
func formOf(cu customer.Customer) *kit.Form {
	f := kit.NewForm(kit.ValuesOf(kit.ShowNumbers(cu.Fields())))
	f.Values["version"] = strconv.Itoa(cu.Version)
	f.Was = fieldsOf(cu)
	return f
}

// fieldsOf are the stored values of the fields that the form of this type has.
func fieldsOf(cu customer.Customer) []customer.Field {
	return slices.DeleteFunc(kit.ShowNumbers(cu.Fields()), func(field customer.Field) bool { return !offered(cu.Type, field.Name) })
}

func (s *Screens) renderCustomerData(c *fiber.Ctx, d customerData, status int) error {
	d.Type, d.Choices = d.Customer.Type, s.choices(c, d.Form)
	s.ReadNumbers(c, d.Form, d.Form.Values["country"])
	title := d.Customer.Name() + " · " + s.Say(c, "tab.data")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "customer/data", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Screens) saveCustomerData(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "data")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, append(slices.Clone(Fields), "version")...)
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: fieldsOf(cu.Customer), Subject: cu.ID,
		Stored: func(values map[string]string) map[string]string { return storedCustomer(cu.Type, values) },
		Save: func(version int) ([]customer.Field, int, error) {
			now, err := s.customers.Update(s.Ctx(c), s.Caller(c), cu.ID, version, readData(f))
			if kit.IsVersion(err) {
				cu.Customer = now
			}
			return fieldsOf(now), now.Version, err
		},
	})
	if err == nil {
		return s.RedirectWith(c, cu.Path+"/data", s.Saved(c, f))
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderCustomerData(c, customerData{Customer: cu, Form: f}, status)
	}
	return err
}

// storedCustomer is what was typed about a customer as it would be stored.
func storedCustomer(t customer.Type, values map[string]string) map[string]string {
	d, err := customer.Validate(t, readData(&kit.Form{Values: values}))
	if err != nil {
		return values // what has mistakes is never compared
	}
	return kit.ValuesOf(kit.ShowNumbers(d.Fields()))
}

// offered says whether the form of this type has the field.
func offered(t customer.Type, field string) bool {
	switch field {
	case "company_name", "legal_form", "register_court", "register_number", "vat_id":
		return t == customer.Company
	case "salutation", "title", "date_of_birth":
		return t == customer.Person
	}
	return true
}
