package customer

import (
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
	Inputs   []input
	Fields   []kit.Field // for people who may only read them
}

func (s *Screens) showCustomerData(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "data")
	if err != nil {
		return err
	}
	return s.renderCustomerData(c, customerData{Customer: cu, Form: formOf(cu.Customer), Fields: fieldsOf(cu.Type, cu.Data)}, fiber.StatusOK)
}

// formOf makes a form with the stored values.
func formOf(cu customer.Customer) *kit.Form {
	fields := fieldsOf(cu.Type, cu.Data)
	f := kit.NewForm(kit.ValuesOf(fields))
	f.Values["version"], f.Was = strconv.Itoa(cu.Version), fields
	return f
}

// fieldsOf are the fields of a customer of a type, with their values as pages show them.
func fieldsOf(t customer.Type, d customer.Data) (fields []kit.Field) {
	for _, f := range customer.FieldsOf(t) {
		fields = append(fields, kit.Field{Name: f.Name, Value: f.Value(d)})
	}
	return kit.ShowNumbers(fields)
}

func (s *Screens) renderCustomerData(c *fiber.Ctx, d customerData, status int) error {
	d.Inputs = s.inputs(c, d.Customer.Type, d.Form)
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
	f := kit.ReadForm(c, append(fieldNames(), "version")...)
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: fieldsOf(cu.Type, cu.Data), Subject: cu.ID,
		Stored: func(values map[string]string) map[string]string { return storedCustomer(cu.Type, values) },
		Save: func(version int) ([]kit.Field, int, error) {
			now, err := s.customers.Update(s.Ctx(c), s.Caller(c), cu.ID, version, readData(f))
			if kit.IsVersion(err) {
				cu.Customer = now
			}
			return fieldsOf(cu.Type, now.Data), now.Version, err
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

// storedCustomer converts what was typed to the values that would be stored.
func storedCustomer(t customer.Type, values map[string]string) map[string]string {
	d, err := customer.Validate(t, readData(&kit.Form{Values: values}))
	if err != nil {
		return values // values with mistakes are never compared
	}
	return kit.ValuesOf(fieldsOf(t, d))
}
