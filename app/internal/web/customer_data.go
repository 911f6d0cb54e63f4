package web

import (
	"errors"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
)

// customerData is the data of the page Customer data.
type customerData struct {
	Customer  customerContext
	Form      *form
	Type      customer.Type
	Choices   customerChoices
	Fields    []customer.Field // as they were when the page was made
	Conflicts []conflict
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
	f := newForm(map[string]string{"version": strconv.Itoa(cu.Version)})
	for _, field := range cu.Fields() {
		f.Values[field.Name] = field.Value
	}
	return f
}

// fieldsOf are the stored values of the fields that the form of this type has.
func fieldsOf(cu customer.Customer) []customer.Field {
	return slices.DeleteFunc(cu.Fields(), func(field customer.Field) bool { return !offered(cu.Type, field.Name) })
}

// sentFields are the values with which a form that comes back was made.
func sentFields(c *fiber.Ctx, fields []customer.Field) []customer.Field {
	for i, field := range fields {
		if was, sent := formValue(c, baseField(field.Name)); sent {
			fields[i].Value = was
		}
	}
	return fields
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
	settleConflicts(c, f, fieldsOf(cu.Customer))
	version, err := strconv.Atoi(f.Values["version"])
	if err != nil {
		version = 0 // no version was ever 0: the answer is the conflict page
	}
	now, err := s.customers.Update(s.ctx(c), s.caller(c), cu.ID, version, readData(f))
	switch {
	case err == nil:
		return s.redirect(c, cu.Path+"/data", "toast.saved")
	case errors.Is(err, customer.ErrVersion):
		return s.renderConflict(c, f, now)
	}
	if status, ok := s.complain(c, f, err); ok {
		return s.renderCustomerData(c, customerData{Customer: cu, Form: f, Fields: sentFields(c, fieldsOf(cu.Customer))}, status)
	}
	return err
}

// renderConflict shows both values side by side; the typed text is kept, and saving again is against what is shown.
func (s *Server) renderConflict(c *fiber.Ctx, f *form, now customer.Customer) error {
	cu, err := s.contextOf(c, now, "data")
	if err != nil {
		return err
	}
	fields := fieldsOf(now)
	d := customerData{Customer: cu, Form: f, Fields: fields, Conflicts: conflictsOf(c, f, fields)}
	f.Values["version"] = strconv.Itoa(now.Version)
	f.Message = s.say(c, "fault.version")
	return s.renderCustomerData(c, d, fiber.StatusConflict)
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
