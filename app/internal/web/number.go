package web

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/entry"
	"kontor/app/phone"
)

// numberFields are the fields that hold telephone numbers, each with the rule for what it takes.
var numberFields = map[string]func(typed, country string) (e164, complaint string){
	"phone":  phone.Parse,
	"mobile": phone.ParseMobile,
}

// numberRead is what was understood of a telephone number, or what is wrong with it, in the person's words; both are ""
// for a field that is empty.
type numberRead struct{ Said, Wrong string }

// readNumber reads what was typed into a field as saving it will. As long as the country is none, nothing is said: the
// form complains of the country.
func (s *Server) readNumber(c *fiber.Ctx, field, typed, country string) numberRead {
	if entry.Key(typed) == "" || !slices.Contains(customer.Countries(), country) {
		return numberRead{}
	}
	e164, complaint := numberFields[field](typed, country)
	if complaint != "" {
		return numberRead{Wrong: s.say(c, "fault."+complaint)}
	}
	if in := phone.Country(e164); in != "" {
		return numberRead{Said: s.say(c, "phone.understood_in", "number", phone.Show(e164), "country", s.text(c).country(in))}
	}
	return numberRead{Said: s.say(c, "phone.understood", "number", phone.Show(e164))}
}

// readNumbers notes what is understood of the numbers in a form, for who has no script and for a form that is shown again.
// What is wrong with one is the form's to say.
func (s *Server) readNumbers(c *fiber.Ctx, f *form, country string) {
	f.Read = map[string]string{}
	for field := range numberFields {
		f.Read[field] = s.readNumber(c, field, f.Values[field], country).Said
	}
}

// showNumbers writes the telephone numbers among the values of fields as every page shows them.
func showNumbers(fields []customer.Field) []customer.Field {
	for i, field := range fields {
		if _, number := numberFields[field.Name]; number {
			fields[i].Value = phone.Show(field.Value)
		}
	}
	return fields
}

// typingQuery marks what a page asks while somebody is still typing.
const typingQuery = "typing"

// answerNumber answers the field of the form that was sent, as it is being filled in. While somebody types, half a number
// is no mistake.
func (s *Server) answerNumber(c *fiber.Ctx, country string, fields ...string) error {
	i := slices.IndexFunc(fields, func(name string) bool { return len(postedAll(c, name)) > 0 })
	if i < 0 {
		return c.SendStatus(fiber.StatusNoContent)
	}
	read := s.readNumber(c, fields[i], posted(c, fields[i]), country)
	if read.Wrong != "" && c.Query(typingQuery) != "" {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return s.render(c, view{Page: "form/number", Fragment: "form/number", Title: s.say(c, "field."+fields[i]), Nav: "customers", Data: read})
}

// numberOfNew answers a number of the form that adds a customer, read in the country that is chosen there.
func (s *Server) numberOfNew(c *fiber.Ctx) error {
	if ok, err := s.mayAdd(c); err != nil || !ok {
		return orForbidden(err)
	}
	return s.answerNumber(c, posted(c, "country"), "phone", "mobile")
}

// numberOfCustomer answers the number in a customer's data, read in the country that is chosen there.
func (s *Server) numberOfCustomer(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "data")
	if err != nil || !cu.MayUpdate() {
		return orForbidden(err)
	}
	return s.answerNumber(c, posted(c, "country"), "phone")
}

// numberOfAccess answers the number of an access, read in the country of its customer.
func (s *Server) numberOfAccess(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "authorisations")
	if err != nil || !cu.MayCreateAccess() && !cu.MayUpdateAccess() {
		return orForbidden(err)
	}
	return s.answerNumber(c, cu.Country, "mobile")
}
