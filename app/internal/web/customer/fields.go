package customer

import (
	"fmt"
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
)

// fieldNames are the fields of both types, as forms call them.
func fieldNames() (names []string) {
	for _, f := range customer.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// TextFields are those that people type into.
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

// nameField is the field that has what a customer of the type is called by.
func nameField(t customer.Type) string {
	if t == customer.Company {
		return "company_name"
	}
	return "last_name"
}

// input is a field as the form shows it.
type input struct {
	customer.Field
	Hint    string        // a text's id
	Options []text.Option // of a choice
	Offered offered
	Hinted  bool // customers that may be the same are shown beside it
}

// offered are values of a field in which any other can be typed. ID is the list's on the page.
type offered struct {
	ID     string
	Values []string
}

var legalForms = offered{ID: "legal-forms", Values: []string{
	"AG", "AöR", "e.G.", "e.K.", "e.V.", "GbR", "gGmbH", "GmbH", "GmbH & Co. KG", "KG", "KGaA", "OHG", "PartG mbB", "SE", "Stiftung", "UG (haftungsbeschränkt)",
}}

// salutations are offered, each with a text of its own.
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
		}
		list = append(list, in)
	}
	return list
}

// salutations are the options for a salutation. What was stored before, or by another program, stays to be chosen.
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

// Class is how wide the field is.
func (in input) Class() string {
	switch {
	case in.Width == 0:
		return ""
	case in.Narrow == 0:
		return fmt.Sprintf("w%d", in.Width)
	}
	return fmt.Sprintf("w%d p%d", in.Width, in.Narrow)
}

// Autocomplete says what the browser may suggest: what it knows of the person who types is not the customer's.
func (in input) Autocomplete() string {
	if in.Suggested {
		return ""
	}
	return "off"
}
