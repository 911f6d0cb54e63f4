package customer

import (
	"strings"
	"time"
	"unicode/utf8"

	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/phone"
	"kontor/app/store"
)

// rule is what is asked of a field. The order of rules is the form's, so that of the complaints as well.
type rule struct {
	name     string
	of       func(*Data) *string
	max      int  // in characters
	only     Type // "" both; a field of the other type is dropped
	required bool // R6: bold
	lines    bool // line breaks and tabs may stand in it
	check    func(value string, d *Data) (normal, complaint string)
}

var rules = []rule{
	{name: "company_name", of: func(d *Data) *string { return &d.CompanyName }, max: 200, only: Company, required: true},
	{name: "legal_form", of: func(d *Data) *string { return &d.LegalForm }, max: 50, only: Company},
	{name: "register_court", of: func(d *Data) *string { return &d.RegisterCourt }, max: 100, only: Company},
	{name: "register_number", of: func(d *Data) *string { return &d.RegisterNumber }, max: 50, only: Company},
	{name: "vat_id", of: func(d *Data) *string { return &d.VATID }, max: 60, only: Company, check: checkVATID},
	{name: "salutation", of: func(d *Data) *string { return &d.Salutation }, max: 50, only: Person, check: checkSalutation},
	{name: "title", of: func(d *Data) *string { return &d.Title }, max: 50, only: Person},
	{name: "first_name", of: func(d *Data) *string { return &d.FirstName }, max: 100, required: true},
	{name: "last_name", of: func(d *Data) *string { return &d.LastName }, max: 100, required: true},
	{name: "date_of_birth", of: func(d *Data) *string { return &d.DateOfBirth }, max: 10, only: Person, check: checkBirth},
	{name: "street", of: func(d *Data) *string { return &d.Street }, max: 200},
	{name: "postal_code", of: func(d *Data) *string { return &d.PostalCode }, max: 20, check: checkPostalCode},
	{name: "city", of: func(d *Data) *string { return &d.City }, max: 100},
	{name: "country", of: func(d *Data) *string { return &d.Country }, max: 60, check: checkCountry},
	{name: "phone", of: func(d *Data) *string { return &d.Phone }, max: 50, check: checkPhone},
	{name: "note", of: func(d *Data) *string { return &d.Note }, max: 4000, lines: true},
	{name: "locale", of: func(d *Data) *string { return &d.Locale }, max: 60, check: checkLocale},
}

// Validate normalises d: text is cleaned as package entry does, the phone number becomes E.164, read as it is dialled in
// the country, a salutation in words its name in our vocabulary, VAT ID and country become upper case, an empty country DE and an empty language de; what is not of the type
// (a person's company name) is dropped. It returns d so, as far as it could, with an Invalid fault that complains per
// field: "required", "too_long" (Args max), "control_characters", "date.malformed", "date.future", "vat.malformed",
// "vat.checksum", "phone.malformed", "phone.letters", "phone.two", "phone.extension", "country.unknown",
// "postal_code.malformed", "postal_code.elsewhere", "locale.unknown"; or, for an unknown type, "type.unknown" at type alone.
func Validate(t Type, d Data) (Data, error) { return validate(t, d, store.System()) }

func validate(t Type, d Data, now time.Time) (Data, error) {
	if !t.Known() {
		var form fault.Form
		form.Add("type", "type.unknown")
		return d, form.Err()
	}
	var form fault.Form
	if d.Country = strings.ToUpper(entry.Key(d.Country)); d.Country == "" { // first of all: other checks depend on it
		d.Country = phone.Home
	}
	if d.Locale = entry.Key(d.Locale); d.Locale == "" {
		d.Locale = "de"
	}
	for _, r := range rules {
		v := r.of(&d)
		if r.only != "" && r.only != t {
			*v = ""
			continue
		}
		normal, complaint := clean(*v, r.lines)
		if complaint != "" {
			form.Add(r.name, complaint)
			continue
		}
		*v = normal
		switch {
		case r.required && !entry.Says(normal):
			form.Add(r.name, "required")
		case normal == "":
		case utf8.RuneCountInString(normal) > r.max:
			form.AddError(fault.At(r.name, "too_long").With("max", r.max))
		case r.check != nil:
			if *v, complaint = r.check(normal, &d); complaint != "" {
				form.Add(r.name, complaint)
			}
		}
	}
	if d.DateOfBirth > now.AddDate(0, 0, 1).Format(time.DateOnly) && !form.Has("date_of_birth") {
		// a day's grace: the day begins earlier in the east than in UTC
		form.Add("date_of_birth", "date.future")
	}
	return d, form.Err()
}

// clean is how text is taken from people, see package entry; complaint is "" or "control_characters".
func clean(s string, lines bool) (normal, complaint string) {
	if normal = entry.Line(s); lines {
		normal = entry.Text(s)
	}
	if !entry.IsText(normal, lines) {
		return normal, "control_characters"
	}
	return normal, ""
}

// CleanLine is how one line of text is taken from people, here and by features beside this one. complaint is "" or
// "control_characters".
func CleanLine(s string) (normal, complaint string) { return clean(s, false) }

// salutations are how a salutation is called in words, in small letters, and what is stored of it: a text for each language
// belongs to that.
var salutations = map[string]string{
	"frau": "ms", "ms": "ms", "mrs": "ms", "miss": "ms", "herr": "mr", "mr": "mr", "divers": "mx", "mx": "mx",
}

// checkSalutation keeps what is no salutation that we know: it was stored before, or by another program.
func checkSalutation(s string, _ *Data) (string, string) {
	if known, ok := salutations[strings.TrimSuffix(strings.ToLower(s), ".")]; ok {
		return known, ""
	}
	return s, ""
}

func checkBirth(s string, _ *Data) (string, string) {
	day, err := time.Parse(time.DateOnly, s)
	if err != nil || day.Year() < 1900 {
		return s, "date.malformed"
	}
	return s, ""
}

func checkCountry(s string, _ *Data) (string, string) {
	if !knownCountry(s) {
		return s, "country.unknown"
	}
	return s, ""
}

// checkPhone reads a number as it is dialled in the customer's country. While nobody knows the country, it stays as it is.
func checkPhone(s string, d *Data) (string, string) {
	if !knownCountry(d.Country) {
		return s, ""
	}
	e164, complaint := phone.Parse(s, d.Country)
	if complaint != "" {
		return s, complaint
	}
	return e164, ""
}

func checkLocale(s string, _ *Data) (string, string) {
	if s != "de" && s != "en" {
		return s, "locale.unknown"
	}
	return s, ""
}
