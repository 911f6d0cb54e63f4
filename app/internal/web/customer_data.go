package web

import (
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
)

// customerData is the data of the page Customer data.
type customerData struct {
	Customer customerContext
	Form     *form
	Type     customer.Type
	Choices  customerChoices
	Fields   []customer.Field // for who may only read them
}

func (s *Server) showCustomerData(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "data")
	if err != nil {
		return err
	}
	return s.renderCustomerData(c, customerData{Customer: cu, Form: formOf(cu.Customer), Fields: fieldsOf(cu.Customer)}, fiber.StatusOK)
}

// formOf fills a form with what is stored.
func formOf(cu customer.Customer) *form {
	f := newForm(valuesOf(showNumbers(cu.Fields())))
	f.Values["version"] = strconv.Itoa(cu.Version)
	f.Was = fieldsOf(cu)
	return f
}

// fieldsOf are the stored values of the fields that the form of this type has.
func fieldsOf(cu customer.Customer) []customer.Field {
	return slices.DeleteFunc(showNumbers(cu.Fields()), func(field customer.Field) bool { return !offered(cu.Type, field.Name) })
}

func (s *Server) renderCustomerData(c *fiber.Ctx, d customerData, status int) error {
	d.Type, d.Choices = d.Customer.Type, s.choices(c, d.Form)
	s.readNumbers(c, d.Form, d.Form.Values["country"])
	title := d.Customer.Name() + " · " + s.say(c, "tab.data")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "customers/data", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Server) saveCustomerData(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "data")
	if err != nil {
		return err
	}
	f := readForm(c, append(slices.Clone(customerFields), "version")...)
	err = s.saveChange(c, change{
		form: f, now: fieldsOf(cu.Customer), subject: cu.ID,
		stored: func(values map[string]string) map[string]string { return storedCustomer(cu.Type, values) },
		save: func(version int) ([]customer.Field, int, error) {
			now, err := s.customers.Update(s.ctx(c), s.caller(c), cu.ID, version, readData(f))
			if isVersion(err) {
				cu.Customer = now
			}
			return fieldsOf(now), now.Version, err
		},
	})
	if err == nil {
		return s.redirectWith(c, cu.Path+"/data", s.saved(c, f))
	}
	if status, ok := s.complain(c, f, err); ok {
		return s.renderCustomerData(c, customerData{Customer: cu, Form: f}, status)
	}
	return err
}

// storedCustomer is what was typed about a customer as it would be stored.
func storedCustomer(t customer.Type, values map[string]string) map[string]string {
	d, err := customer.Validate(t, readData(&form{Values: values}))
	if err != nil {
		return values // what has mistakes is never compared
	}
	return valuesOf(showNumbers(d.Fields()))
}

// valuesOf are the values of fields by the fields' names.
func valuesOf(fields []customer.Field) map[string]string {
	values := map[string]string{}
	for _, field := range fields {
		values[field.Name] = field.Value
	}
	return values
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
