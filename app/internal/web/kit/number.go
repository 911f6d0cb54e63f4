package kit

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/entry"
	"kontor/app/phone"
)

// numberFields are the fields that hold telephone numbers, each with its parser.
var numberFields = map[string]func(typed, country string) (e164, complaint string){
	"phone":  phone.Parse,
	"mobile": phone.ParseMobile,
}

// NumberRead says, in the person's language, how a telephone number was understood, or what is wrong with it. Both are ""
// for an empty field.
type NumberRead struct{ Said, Wrong string }

// readNumber parses a field in the same way as saving does. It says nothing while the country is invalid, because the
// form complains about the country then.
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

// ReadNumbers notes how the numbers in a form are understood, for people without JavaScript and for a form that is shown
// again. It does not note complaints; the form has them already.
func (k *Kit) ReadNumbers(c *fiber.Ctx, f *Form, country string) {
	f.Read = map[string]string{}
	for field := range numberFields {
		f.Read[field] = k.readNumber(c, field, f.Values[field], country).Said
	}
}

// ShowNumbers formats the telephone numbers among fields as all pages show them.
func ShowNumbers(fields []Field) []Field {
	for i, field := range fields {
		if _, number := numberFields[field.Name]; number {
			fields[i].Value = phone.Show(field.Value)
		}
	}
	return fields
}

// typingQuery marks a request that the page sends while somebody is still typing.
const typingQuery = "typing"

// AnswerNumber answers how the number in the sent field was understood, while the form is being filled in. While somebody
// is still typing, an incomplete number is not a mistake.
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
