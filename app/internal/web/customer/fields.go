package customer

import (
	"fmt"
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
)

// fieldNames are the names of the fields of both types of customers.
func fieldNames() (names []string) {
	for _, f := range customer.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// TextFields are the fields that people type into.
func (s *Screens) TextFields() (list []kit.TextField) {
	for _, f := range customer.Fields() {
		if f.Kind != customer.Choice {
			list = append(list, kit.TextField{Name: f.Name, Lines: f.Kind == customer.Lines})
		}
	}
	return list
}

func readData(f *kit.Form) (d customer.Data) {
	for _, field := range customer.Fields() {
		field.Set(&d, f.Values[field.Name])
	}
	return d
}

// nameField is the field with the main name of a customer of the type.
func nameField(t customer.Type) string {
	if t == customer.Company {
		return "company_name"
	}
	return "last_name"
}

// input is a field with what the form needs to show it.
type input struct {
	customer.Field
	Hint    string        // text id
	Options []text.Option // of a field with fixed choices
	Offered offered
	Hinted  bool // similar customers are shown beside the field
}

// offered are suggestions for a field that takes any other value, too. ID is the id of the suggestion list on the page.
type offered struct {
	ID     string
	Values []string
}

var legalForms = offered{ID: "legal-forms", Values: []string{
	"AG", "AöR", "e.G.", "e.K.", "e.V.", "GbR", "gGmbH", "GmbH", "GmbH & Co. KG", "KG", "KGaA", "OHG", "PartG mbB", "SE", "Stiftung", "UG (haftungsbeschränkt)",
}}

// salutations are the salutations to choose from. Each has a text.
var salutations = []string{"mr", "ms", "mx"}

// inputs are the fields of the form for a type.
func (s *Screens) inputs(c *fiber.Ctx, t customer.Type, f *kit.Form) (list []input) {
	for _, field := range customer.FormOf(t) {
		in := input{Field: field, Hinted: field.Name == nameField(t)}
		switch field.Name {
		case "first_name":
			if t == customer.Company {
				in.Hint = "customer.contact_hint"
			}
		case "legal_form":
			in.Offered = legalForms
		case "salutation":
			in.Options = s.salutations(c, f.Values[field.Name])
		case "country":
			in.Options = s.Text(c).Countries
		case "locale":
			in.Options, in.Hint = s.LocaleOptions(c), "customer.locale_hint"
		case "reference":
			in.Hint = "customer.reference_hint"
		}
		list = append(list, in)
	}
	return list
}

// salutations are the options for a salutation. A stored value that is not among them (from an older version, or from
// another program) stays an option.
func (s *Screens) salutations(c *fiber.Ctx, stored string) []text.Option {
	options := []text.Option{{}}
	for _, v := range salutations {
		options = append(options, text.Option{Value: v, Text: s.Text(c).InWords("salutation", v)})
	}
	if stored != "" && !slices.Contains(salutations, stored) {
		options = append(options, text.Option{Value: stored, Text: stored})
	}
	return options
}

// Class is the CSS class for the width of the field.
func (in input) Class() string {
	switch {
	case in.Width == 0:
		return ""
	case in.Narrow == 0:
		return fmt.Sprintf("w%d", in.Width)
	}
	return fmt.Sprintf("w%d p%d", in.Width, in.Narrow)
}

// Autocomplete says whether the browser may suggest values. It mostly may not, because it suggests data of the person who
// types, not of the customer.
func (in input) Autocomplete() string {
	if in.Suggested {
		return ""
	}
	return "off"
}
