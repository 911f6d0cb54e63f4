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

// Validate normalises d. It cleans text as package entry does. The phone number becomes E.164, read as dialled in the
// country. A salutation in words becomes its key in our vocabulary. VAT ID and country become upper case. An empty
// country becomes DE, an empty language de. Fields of the other type (a person's company name) are cleared. It returns
// d normalised as far as possible, with an Invalid fault that has complaints per field: "required", "too_long" (Args
// max), "control_characters", "date.malformed", "date.future", "vat.malformed", "vat.checksum", "phone.malformed",
// "phone.letters", "phone.two", "phone.extension", "country.unknown", "postal_code.malformed", "postal_code.elsewhere",
// "locale.unknown"; or, for an unknown type, only "type.unknown" at type.
func Validate(t Type, d Data) (Data, error) { return validate(t, d, store.System()) }

func validate(t Type, d Data, now time.Time) (Data, error) {
	if !t.Known() {
		var form fault.Form
		form.Add("type", "type.unknown")
		return d, form.Err()
	}
	var form fault.Form
	if d.Country = strings.ToUpper(entry.Key(d.Country)); d.Country == "" { // first, because other checks depend on it
		d.Country = phone.Home
	}
	if d.Locale = entry.Key(d.Locale); d.Locale == "" {
		d.Locale = lang.German
	}
	for _, f := range fields {
		v := f.of(&d)
		if !f.belongs(t) {
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
		// one day later is accepted, because a day begins earlier in the east than in UTC
		form.Add("date_of_birth", "date.future")
	}
	return d, form.Err()
}

// clean normalises text from people, see package entry; complaint is "" or "control_characters".
func clean(s string, lines bool) (normal, complaint string) {
	if normal = entry.Line(s); lines {
		normal = entry.Text(s)
	}
	if !entry.IsText(normal, lines) {
		return normal, "control_characters"
	}
	return normal, ""
}

// CleanLine normalises one line of text from people, also for other packages. complaint is "" or "control_characters".
func CleanLine(s string) (normal, complaint string) { return clean(s, false) }

// salutations maps the words for a salutation, in lower case, to the key that is stored. Each language has a text for
// the key.
var salutations = map[string]string{
	"frau": "ms", "ms": "ms", "mrs": "ms", "miss": "ms", "herr": "mr", "mr": "mr", "divers": "mx", "mx": "mx",
}

// checkSalutation keeps unknown salutations: they were stored before, or by another program.
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

// checkPhone reads a number as dialled in the customer's country. With an unknown country, the number stays as it is.
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
