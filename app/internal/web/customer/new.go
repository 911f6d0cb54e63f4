package customer

import (
	"cmp"
	"context"
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/phone"
	"kontor/policies"
)

// AddAction is the action of adding a customer.
func (s *Screens) AddAction() kit.Action {
	return kit.Action{Text: "customer.add", Href: "/customers/new", Icon: "plus", May: s.mayAddAs}
}

// mayAdd says whether the caller may add customers of any type.
func (s *Screens) mayAdd(c *fiber.Ctx) (bool, error) { return s.mayAddAs(s.Ctx(c), s.Caller(c)) }

func (s *Screens) mayAddAs(_ context.Context, caller account.Caller) (bool, error) {
	return s.may(caller, policies.Create)
}

// may says whether the caller may do something with customers of any type to whom they have no relation.
func (s *Screens) may(caller account.Caller, a policies.Action) (bool, error) {
	for _, t := range customer.Types {
		ok, err := s.Policy.Allows(policies.Request{Roles: caller.Roles, Object: policies.ObjectCustomer, Kind: string(t), Action: a})
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// newCustomerForm is the data of the page that adds a customer.
type newCustomerForm struct {
	Form       *kit.Form
	Type       customer.Type
	Inputs     []input
	Duplicates []customer.Duplicate
}

func (s *Screens) newCustomer(c *fiber.Ctx) error {
	if ok, err := s.mayAdd(c); err != nil || !ok {
		return kit.OrForbidden(err)
	}
	f, err := kit.NewForm(map[string]string{"country": "DE", "locale": cmp.Or(s.Firm().NewLocale(), s.Text(c).Locale)}).Once()
	if err != nil {
		return err
	}
	return s.renderNewCustomer(c, newCustomerForm{Form: f, Type: typeOr(c.Query("type"), customer.Person)}, fiber.StatusOK)
}

// newFields are the fields of the form that adds a customer: those of the customer and those of the first access.
var newFields = append(fieldNames(), "email", "mobile")

// switchType shows the form with the fields of the other type and keeps what was typed. It is a POST, because the typed
// values are personal data and must not appear in an address.
func (s *Screens) switchType(c *fiber.Ctx) error {
	if ok, err := s.mayAdd(c); err != nil || !ok {
		return kit.OrForbidden(err)
	}
	d := newCustomerForm{Form: kit.ReadForm(c, newFields...), Type: typeOr(kit.Posted(c, "type"), customer.Person)}
	if d.Form.IdempotencyKey == "" {
		if _, err := d.Form.Once(); err != nil {
			return err
		}
	}
	if err := s.findDuplicates(c, &d); err != nil {
		return err
	}
	if kit.IsFragment(c) {
		c.Set("HX-Replace-Url", "/customers/new?type="+string(d.Type))
	}
	return s.renderNewCustomer(c, d, fiber.StatusOK)
}

// knownBy are existing customers that may be the same as the new one, found by the value of Field.
type knownBy struct {
	Field     string
	Customers []customer.Duplicate
}

// HintedFields are the fields of the form beside which such customers are shown.
func (d newCustomerForm) HintedFields() []string { return []string{nameField(d.Type), "email"} }

// KnownBy returns the customers to show beside a field.
func (d newCustomerForm) KnownBy(field string) knownBy {
	known := knownBy{Field: field}
	for _, same := range d.Duplicates {
		if (same.Why == "duplicate.email") == (field == "email") {
			known.Customers = append(known.Customers, same)
		}
	}
	return known
}

// findDuplicates looks for existing customers that may be the same as the one being typed.
func (s *Screens) findDuplicates(c *fiber.Ctx, d *newCustomerForm) (err error) {
	d.Duplicates, err = s.customers.Duplicates(s.Ctx(c), s.Caller(c), d.Type, readData(d.Form), d.Form.Values["email"])
	return err
}

func typeOr(s string, fallback customer.Type) customer.Type {
	if t := customer.Type(s); slices.Contains(customer.Types, t) {
		return t
	}
	return fallback
}

func (s *Screens) renderNewCustomer(c *fiber.Ctx, d newCustomerForm, status int) error {
	d.Inputs = s.inputs(c, d.Type, d.Form)
	s.ReadNumbers(c, d.Form, d.Form.Values["country"])
	title := s.Say(c, "customer.add")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "customer/new", Fragment: "customer/new_fields", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Screens) addCustomer(c *fiber.Ctx) error {
	f := kit.ReadForm(c, newFields...)
	t := typeOr(kit.Posted(c, "type"), "")
	d := newCustomerForm{Form: f, Type: typeOr(string(t), customer.Person)}
	draft := customer.Draft{Type: t, Data: readData(f), IdempotencyKey: f.IdempotencyKey}
	cu, repeated, err := s.accesses.AddCustomer(s.Ctx(c), s.Caller(c), draft, f.Values["email"], f.Values["mobile"])
	if err != nil {
		status, ok := s.Complain(c, f, err)
		if !ok {
			return err
		}
		_ = s.findDuplicates(c, &d) // an error here must not hide the complaints; the form is complete without the hint
		return s.renderNewCustomer(c, d, status)
	}
	to := kit.CustomerPath(cu.ID) + "/authorisations"
	if repeated {
		return s.Redirect(c, to, "")
	}
	accesses, err := s.customers.Accesses(s.Ctx(c), cu.ID)
	if err != nil {
		return err
	}
	done := kit.Toast{Text: "toast.customer_added_firm", Args: text.ArgMap([]any{"number", cu.Label()})}
	done.Code, _ = phone.ParseMobile(f.Values["mobile"], cu.Country) // the number was accepted, so it is valid or empty
	if accesses.Worst == customer.Waits {
		done.Text, done.Code = "toast.customer_added_waiting", ""
	}
	return s.RedirectWith(c, to, done)
}

// hintDuplicates answers, while the form is being filled in, with existing customers that may be the same. It never
// prevents saving.
func (s *Screens) hintDuplicates(c *fiber.Ctx) error {
	d := newCustomerForm{Form: kit.ReadForm(c, newFields...), Type: typeOr(kit.Posted(c, "type"), customer.Person)}
	if err := s.findDuplicates(c, &d); err != nil {
		return err
	}
	return s.Render(c, kit.View{Page: "customer/duplicates", Fragment: "customer/duplicates", Title: s.Say(c, "customer.add"), Nav: "customers", Data: d})
}
