package kit

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/entry"
	"kontor/app/phone"
)

// numberFields are the fields that hold telephone numbers, each with the rule for what it takes.
var numberFields = map[string]func(typed, country string) (e164, complaint string){
	"phone":  phone.Parse,
	"mobile": phone.ParseMobile,
}

// NumberRead is what was understood of a telephone number, or what is wrong with it, in the person's words; both are ""
// for a field that is empty.
type NumberRead struct{ Said, Wrong string }

// readNumber reads what was typed into a field as saving it will. As long as the country is none, nothing is said: the
// form complains of the country.
func (k *Kit) readNumber(c *fiber.Ctx, field, typed, country string) NumberRead {
	if entry.Key(typed) == "" || !k.Text(c).IsCountry(country) {
		return NumberRead{}
	}
	e164, complaint := numberFields[field](typed, country)
	if complaint != "" {
		return NumberRead{Wrong: k.Say(c, "fault."+complaint)}
	}
	if in := phone.Country(e164); in != "" {
		return NumberRead{Said: k.Say(c, "phone.understood_in", "number", phone.Show(e164), "country", k.Text(c).Country(in))}
	}
	return NumberRead{Said: k.Say(c, "phone.understood", "number", phone.Show(e164))}
}

// ReadNumbers notes what is understood of the numbers in a form, for who has no script and for a form that is shown again.
// What is wrong with one is the form's to say.
func (k *Kit) ReadNumbers(c *fiber.Ctx, f *Form, country string) {
	f.Read = map[string]string{}
	for field := range numberFields {
		f.Read[field] = k.readNumber(c, field, f.Values[field], country).Said
	}
}

// ShowNumbers writes the telephone numbers among the values of fields as every page shows them.
func ShowNumbers(fields []Field) []Field {
	for i, field := range fields {
		if _, number := numberFields[field.Name]; number {
			fields[i].Value = phone.Show(field.Value)
		}
	}
	return fields
}

// typingQuery marks what a page asks while somebody is still typing.
const typingQuery = "typing"

// AnswerNumber answers the field of the form that was sent, as it is being filled in. While somebody types, half a number
// is no mistake.
func (k *Kit) AnswerNumber(c *fiber.Ctx, country string, fields ...string) error {
	i := slices.IndexFunc(fields, func(name string) bool { return len(PostedAll(c, name)) > 0 })
	if i < 0 {
		return c.SendStatus(fiber.StatusNoContent)
	}
	read := k.readNumber(c, fields[i], Posted(c, fields[i]), country)
	if read.Wrong != "" && c.Query(typingQuery) != "" {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return k.Render(c, View{Page: "form/number", Fragment: "form/number", Title: k.Say(c, "field."+fields[i]), Nav: "customers", Data: read})
}
