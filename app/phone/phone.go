// Package phone reads telephone numbers as people write them and shows them as they are dialled from anywhere.
package phone

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"kontor/app/entry"
)

// complaints are what can be wrong with a number, as message keys.
type complaints struct{ malformed, letters, two, extension string }

var (
	ofPhone  = complaints{malformed: "phone.malformed", letters: "phone.letters", two: "phone.two", extension: "phone.extension"}
	ofMobile = complaints{malformed: "mobile.malformed", letters: "mobile.letters", two: "mobile.two", extension: "mobile.extension"}
)

// Home is the country of numbers of which nobody knows the customer's country.
const Home = "DE"

// Parse reads a number as it is dialled in a country (ISO 3166-1 alpha-2, "" is Home) and returns it as E.164,
// "+4971112345". In a country that has no numbers of its own (Antarctica) it must begin with + or 00. Between the digits may
// stand blanks, hyphens, dots, slashes, brackets and what looks like them. 00 is understood besides the country's own prefix
// for calls abroad. Letters are errors, never the keys of a telephone; so are two numbers, and what may be the number of two
// people. complaint is "", "phone.malformed", "phone.letters", "phone.two" or "phone.extension": an extension has no place
// in E.164, so it is refused rather than lost.
func Parse(typed, country string) (e164, complaint string) {
	n, complaint := parse(typed, country, ofPhone)
	if complaint != "" {
		return "", complaint
	}
	return phonenumbers.Format(n, phonenumbers.E164), ""
}

// ParseMobile is Parse for a number that gets SMS. complaint is "", "mobile.malformed", "mobile.letters", "mobile.two",
// "mobile.extension", or "mobile.not_mobile": only mobile numbers get SMS, and 0900 numbers cost. In countries where numbers
// do not tell (North America) every ordinary number may be one.
func ParseMobile(typed, country string) (e164, complaint string) {
	n, complaint := parse(typed, country, ofMobile)
	if complaint != "" {
		return "", complaint
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return phonenumbers.Format(n, phonenumbers.E164), ""
	}
	return "", "mobile.not_mobile"
}

// Show writes a number that Parse returned for people, "+49 711 12345"; what is none comes back as it is.
func Show(e164 string) string {
	if !strings.HasPrefix(e164, "+") {
		return e164
	}
	n, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return e164
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}

// Country is the country of an E.164 number (ISO 3166-1 alpha-2), "" for what is none and for numbers of no country.
func Country(e164 string) string {
	n, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return ""
	}
	if code := phonenumbers.GetRegionCodeForNumber(n); len(code) == 2 && code != "ZZ" {
		return code
	}
	return ""
}

// maxTyped bounds what is looked at: E.164 has 15 digits, and people write a few things between them.
const maxTyped = 40

// maxDigits is how many digits a number has at most, with the code of its country (ITU-T E.164 §6.2.1).
const maxDigits = 15

func parse(typed, country string, wrong complaints) (*phonenumbers.PhoneNumber, string) {
	s := signs.Replace(entry.Key(typed))
	switch {
	case strings.ContainsFunc(s, unicode.IsLetter):
		return nil, wrong.letters
	case len(s) > 2*maxTyped:
		return nil, wrong.malformed
	case isTwo(s, region(country)):
		return nil, wrong.two
	case strings.ContainsAny(s, "#;*,"):
		return nil, wrong.extension
	case len(s) > maxTyped, !onlyDigits(s):
		return nil, wrong.malformed
	}
	n, ok := read(s, region(country))
	if !ok {
		return nil, wrong.malformed
	}
	return n, ""
}

// signs are what is seldom put between digits, as what usually is.
var signs = strings.NewReplacer("[", "(", "]", ")", "_", " ", "'", " ", "’", " ", "·", ".", "•", ".", "・", ".", `\`, "/", "⁄", "/", "∕", "/")

// read is the number that s means; ok=false when it means none, or nobody knows which. Where another prefix for calls
// abroad than 00 is dialled, it may begin with 00 as well: in Korea, 0081 is Japan to people and the United States to a
// telephone.
func read(s, region string) (n *phonenumbers.PhoneNumber, ok bool) {
	without := strings.Replace(s, "(0)", "", 1)
	n, ok = first(region, s, without)
	ok = ok && !unclear(s, n, region)
	written := ""
	if abroad, has := strings.CutPrefix(strings.TrimLeft(without, "( "), "00"); has {
		written = "+" + abroad
	} else if code := abroadCode.FindStringSubmatch(s); code != nil && !ok {
		written = "+" + code[1] + code[2]
	}
	abroad, has := first(region, written)
	switch {
	case !has:
		return n, ok
	case ok && phonenumbers.Format(n, phonenumbers.E164) != phonenumbers.Format(abroad, phonenumbers.E164):
		return nil, false
	}
	return abroad, true
}

// abroadCode is a number with the code of its country, but no plus sign: the zero in brackets behind it says so.
var abroadCode = regexp.MustCompile(`^([1-9]\d{0,2}) ?\(0\)(.*)$`)

// first is the first of the readings that is a number.
func first(region string, readings ...string) (*phonenumbers.PhoneNumber, bool) {
	for _, reading := range readings {
		n, err := phonenumbers.Parse(reading, region)
		if err == nil && n.GetExtension() == "" && phonenumbers.IsValidNumber(n) && len(phonenumbers.Format(n, phonenumbers.E164)) <= len("+")+maxDigits {
			return n, true
		}
	}
	return nil, false
}

// isTwo says whether s is two numbers, one behind the other: what stands behind a blank, a slash or a comma is dialled on
// its own, and so is what stands before it.
func isTwo(s, region string) bool {
	trunk := phonenumbers.GetNddPrefixForRegion(region, true)
	for i, r := range s {
		if !strings.ContainsRune(between, r) {
			continue
		}
		before, behind := s[:i], strings.TrimLeft(s[i:], between+"(")
		if !strings.HasPrefix(behind, "+") && !strings.HasPrefix(behind, "00") && (trunk == "" || !strings.HasPrefix(behind, trunk)) {
			continue
		}
		if _, ok := read(before, region); !ok {
			continue
		}
		if _, ok := read(behind, region); ok {
			return true
		}
	}
	return false
}

// between is what people put between two numbers.
const between = " /,;"

// unclear says whether a number that was read as one of the country, without the 0 that is dialled before it there, may as well
// be meant with the country's code: "49 711 123456". Nobody guesses whose number it is.
func unclear(s string, n *phonenumbers.PhoneNumber, region string) bool {
	trunk := phonenumbers.GetNddPrefixForRegion(region, true)
	if trunk == "" || strings.Contains(s, "+") || strings.HasPrefix(phonenumbers.NormalizeDigitsOnly(s), trunk) {
		return false
	}
	digits := phonenumbers.GetNationalSignificantNumber(n)
	abroad, err := phonenumbers.Parse("+"+digits, "")
	return err == nil && abroad.GetCountryCode() == n.GetCountryCode() && phonenumbers.IsValidNumber(abroad)
}

// onlyDigits says whether s has digits, and nothing but what people put between them. A plus sign begins a number.
func onlyDigits(s string) bool {
	digits := 0
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '+' && strings.Trim(s[:i], "( ") == "":
		case strings.ContainsRune(" -./()", r):
		default:
			return false
		}
	}
	return digits > 0
}

// region is the country whose way of dialling is meant, in the library's words.
func region(country string) string {
	switch {
	case country == "":
		return Home
	case phonenumbers.GetCountryCodeForRegion(country) == 0:
		return "ZZ" // none: only numbers with a country code can be read
	}
	return country
}

// National is how an E.164 number is dialled in its country, "" for what is none.
func National(e164 string) string {
	n, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return ""
	}
	return phonenumbers.Format(n, phonenumbers.NATIONAL)
}
