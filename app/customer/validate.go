package customer

import (
	"strings"
	"time"
	"unicode/utf8"

	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/app/phone"
	"kontor/app/store"
)

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
		d.Locale = lang.German
	}
	for _, f := range fields {
		v := f.of(&d)
		if !f.Belongs(t) {
			*v = ""
			continue
		}
		normal, complaint := clean(*v, f.Kind == Lines)
		if complaint != "" {
			form.Add(f.Name, complaint)
			continue
		}
		*v = normal
		switch {
		case f.Required && !entry.Says(normal):
			form.Add(f.Name, "required")
		case normal == "":
		case utf8.RuneCountInString(normal) > f.Max:
			form.AddError(fault.At(f.Name, "too_long").With("max", f.Max))
		case f.check != nil:
			if *v, complaint = f.check(normal, &d); complaint != "" {
				form.Add(f.Name, complaint)
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
	if !lang.Known(s) {
		return s, "locale.unknown"
	}
	return s, ""
}
