package text

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"kontor/app/customer"
	"kontor/app/store"
)

// countriesFirst are listed before all other countries.
var countriesFirst = []string{"DE", "AT", "CH"}

// countriesIn lists the countries with their names in a language, sorted by name.
func countriesIn(locale string) []Option {
	names := display.Regions(language.MustParse(locale))
	all := make([]Option, 0, len(customer.Countries()))
	for _, code := range customer.Countries() {
		all = append(all, Option{code, names.Name(language.MustParseRegion(code))})
	}
	slices.SortFunc(all, func(a, b Option) int {
		if i, j := rank(a.Value), rank(b.Value); i != j {
			return i - j
		}
		return strings.Compare(store.SortKey(a.Text), store.SortKey(b.Text))
	})
	return all
}

func rank(code string) int {
	if i := slices.Index(countriesFirst, code); i >= 0 {
		return i
	}
	return len(countriesFirst)
}

// Country is the name of a country. A code that is not a country's is returned unchanged.
func (t *Texts) Country(code string) string {
	if i := t.countryAt(code); i >= 0 {
		return t.Countries[i].Text
	}
	return code
}

// IsCountry says whether code is the code of a country.
func (t *Texts) IsCountry(code string) bool { return t.countryAt(code) >= 0 }

func (t *Texts) countryAt(code string) int {
	return slices.IndexFunc(t.Countries, func(o Option) bool { return o.Value == code })
}
