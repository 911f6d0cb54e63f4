package customer

import (
	"regexp"
	"slices"
	"strings"

	"kontor/app/entry"
)

// postalForms are the known forms of postal codes by country: 9 stands for a digit, A for a letter, other characters
// for themselves. Countries that are not listed accept any code.
var postalForms = map[string][]string{
	"AT": {"9999"}, "BE": {"9999"}, "BG": {"9999"}, "CH": {"9999"}, "CZ": {"999 99"}, "DE": {"99999"}, "DK": {"9999"}, "EE": {"99999"},
	"ES": {"99999"}, "FI": {"99999"}, "FR": {"99999"}, "GR": {"999 99"}, "HR": {"99999"}, "HU": {"9999"}, "IT": {"99999"}, "LI": {"9999"},
	"LT": {"99999"}, "LU": {"9999"}, "NL": {"9999 AA", "9999"}, "NO": {"9999"}, "PL": {"99-999"}, "PT": {"9999-999", "9999"}, "RO": {"999999"},
	"SE": {"999 99"}, "SI": {"9999"}, "SK": {"999 99"}, "US": {"99999", "99999-9999"},
	"GB": {"A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA"},
}

// postalSigns are the signs that people write before postal codes besides the country code, mostly the country sign of
// cars.
var postalSigns = map[string]string{
	"AT": "A", "BE": "B", "DE": "D", "ES": "E", "EE": "EST", "FI": "FIN", "FR": "F", "GB": "UK", "GR": "EL", "HU": "H", "IT": "I", "LI": "FL", "LU": "L",
	"NO": "N", "PT": "P", "SE": "S", "SI": "SLO", "US": "USA",
}

// signedPostal matches a postal code with letters before it that may be a country's.
var signedPostal = regexp.MustCompile(`^([A-Z]{1,3})[ .]*([ -])?[ .-]*[0-9][0-9 -]{2,}[0-9](?: ?[A-Z]{2})?$`)

// checkPostalCode reads a postal code as people write it. It removes the sign of its country before it (D-20355, CH
// 8001), and returns the code in the form of the customer's country.
func checkPostalCode(s string, d *Data) (string, string) {
	s = entry.Key(s)
	code := strings.ToUpper(s)
	forms, sure := postalForms[d.Country]
	if normal, ok := inForm(code, forms); ok {
		return normal, ""
	}
	if !knownCountry(d.Country) {
		return s, ""
	}
	for _, sign := range []string{d.Country, postalSigns[d.Country]} {
		if rest, ok := strings.CutPrefix(code, sign); ok && sign != "" {
			if normal, ok := inForm(strings.TrimLeft(rest, " .-"), forms); ok {
				return normal, ""
			}
		}
	}
	parts := signedPostal.FindStringSubmatch(code)
	switch {
	case parts != nil && isSign(parts[1]) && !isSignOf(parts[1], d.Country) && (sure || parts[2] == "-" && d.Country != "AR"):
		return s, "postal_code.elsewhere" // Argentine codes begin with the letter of a province
	case sure:
		return s, "postal_code.malformed"
	}
	return s, "" // the letters are part of some codes, such as MD-2001
}

func isSignOf(letters, country string) bool {
	return letters == country || letters == postalSigns[country]
}

func isSign(letters string) bool {
	return knownCountry(letters) || slices.ContainsFunc(countries, func(c string) bool { return letters == postalSigns[c] })
}

// inForm returns a code in the first of the forms that it matches. Blanks and hyphens in the code don't matter.
func inForm(code string, forms []string) (normal string, ok bool) {
	squeezed := postalBlanks.Replace(code)
	for _, form := range forms {
		if normal, ok = fill(form, squeezed); ok {
			return normal, true
		}
	}
	return code, false
}

var postalBlanks = strings.NewReplacer(" ", "", "-", "")

// fill puts the characters of a code into a form.
func fill(form, code string) (string, bool) {
	if len(code) != len(postalBlanks.Replace(form)) {
		return "", false
	}
	var b strings.Builder
	for i, next := 0, 0; i < len(form); i++ {
		if form[i] == ' ' || form[i] == '-' {
			b.WriteByte(form[i])
			continue
		}
		c := code[next]
		next++
		if form[i] == '9' && (c < '0' || c > '9') || form[i] == 'A' && (c < 'A' || c > 'Z') {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}
