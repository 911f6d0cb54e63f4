// Package phone parses telephone numbers as people write them and formats them in international form.
package phone

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"kontor/app/entry"
)

// complaints are the message keys for what can be wrong with a number.
type complaints struct{ malformed, letters, two, extension string }

var (
	ofPhone  = complaints{malformed: "phone.malformed", letters: "phone.letters", two: "phone.two", extension: "phone.extension"}
	ofMobile = complaints{malformed: "mobile.malformed", letters: "mobile.letters", two: "mobile.two", extension: "mobile.extension"}
)

// Home is the country used for numbers if the customer's country is unknown.
const Home = "DE"

// Parse parses a number as it is dialled in a country (ISO 3166-1 alpha-2, "" means Home) and returns it as E.164,
// "+4971112345". In a territory without numbers of its own (Antarctica) it must begin with + or 00. Blanks, hyphens,
// dots, slashes, brackets and similar characters are allowed between the digits. 00 is accepted in addition to the
// country's own international prefix. Letters are errors; they are never read as telephone keys. Two numbers are an
// error, and so is a number that could belong to two people. complaint is "", "phone.malformed", "phone.letters",
// "phone.two" or "phone.extension". E.164 has no extensions, so a number with an extension is refused and not
// shortened.
func Parse(typed, country string) (e164, complaint string) {
	n, complaint := parse(typed, country, ofPhone)
	if complaint != "" {
		return "", complaint
	}
	return phonenumbers.Format(n, phonenumbers.E164), ""
}

// ParseMobile is Parse for a number that receives SMS. complaint is "", "mobile.malformed", "mobile.letters",
// "mobile.two", "mobile.extension", or "mobile.not_mobile": only mobile numbers receive SMS, and 0900 numbers cost
// money. In countries where the number does not show whether it is mobile (North America), every ordinary number is
// accepted.
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

// Show formats a number that Parse returned for display, "+49 711 12345". Other text is returned unchanged.
func Show(e164 string) string {
	if !strings.HasPrefix(e164, "+") {
		return e164
	}
	n, ok := parsed(e164)
	if !ok {
		return e164
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}

// Country returns the country of an E.164 number (ISO 3166-1 alpha-2), "" for other text and for numbers without a
// country.
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

// maxTyped limits the length of the input: E.164 has 15 digits, and people write a few characters between them.
const maxTyped = 40

// maxDigits is the maximum number of digits, including the country code (ITU-T E.164 §6.2.1).
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

// signs replaces separators that are rarely used by the usual ones.
var signs = strings.NewReplacer("[", "(", "]", ")", "_", " ", "'", " ", "’", " ", "·", ".", "•", ".", "・", ".", `\`, "/", "⁄", "/", "∕", "/")

// read returns the number that s means. ok is false when s is no number or is ambiguous. In a country with another
// international prefix, a number may begin with 00 as well. This can be ambiguous: in Korea, people read 0081 as Japan,
// but the telephone network connects it to the United States.
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

// abroadCode matches a number with a country code but without a plus sign. The zero in brackets after the code
// identifies it.
var abroadCode = regexp.MustCompile(`^([1-9]\d{0,2}) ?\(0\)(.*)$`)

// first returns the first of the readings that is a valid number.
func first(region string, readings ...string) (*phonenumbers.PhoneNumber, bool) {
	for _, reading := range readings {
		n, err := phonenumbers.Parse(reading, region)
		if err == nil && n.GetExtension() == "" && phonenumbers.IsValidNumber(n) && len(phonenumbers.Format(n, phonenumbers.E164)) <= len("+")+maxDigits {
			return n, true
		}
	}
	return nil, false
}

// isTwo says whether s consists of two numbers: the text before a blank, a slash or a comma can be dialled on its own,
// and so can the text after it.
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

// between are the characters that people write between two numbers.
const between = " /,;"

// unclear says whether a number is ambiguous. It was read as a national number without the leading 0 that is dialled
// there, but may also be meant with the country code: "49 711 123456". Parse does not guess.
func unclear(s string, n *phonenumbers.PhoneNumber, region string) bool {
	trunk := phonenumbers.GetNddPrefixForRegion(region, true)
	if trunk == "" || strings.Contains(s, "+") || strings.HasPrefix(phonenumbers.NormalizeDigitsOnly(s), trunk) {
		return false
	}
	digits := phonenumbers.GetNationalSignificantNumber(n)
	abroad, err := phonenumbers.Parse("+"+digits, "")
	return err == nil && abroad.GetCountryCode() == n.GetCountryCode() && phonenumbers.IsValidNumber(abroad)
}

// onlyDigits says whether s consists of digits and the usual separators. A plus sign may only be at the beginning.
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

// region returns the library's name of the country in which the number is dialled.
func region(country string) string {
	switch {
	case country == "":
		return Home
	case phonenumbers.GetCountryCodeForRegion(country) == 0:
		return "ZZ" // no region: only numbers with a country code are valid
	}
	return country
}

// National formats an E.164 number as it is dialled in its country; "" for other text.
func National(e164 string) string {
	n, ok := parsed(e164)
	if !ok {
		return ""
	}
	return phonenumbers.Format(n, phonenumbers.NATIONAL)
}

// parsed returns the number that Parse returned as E.164. Nothing in it needs to be searched for, as in a number that somebody
// has typed: after the country code, which is no beginning of another one, come the digits of the number. Other text is parsed
// like what somebody has typed; ok=false if it is no number.
func parsed(e164 string) (n *phonenumbers.PhoneNumber, ok bool) {
	digits, plus := strings.CutPrefix(e164, "+")
	if plus && len(digits) <= maxDigits && strings.Trim(digits, "0123456789") == "" {
		for size := 1; size <= 3 && size < len(digits); size++ {
			code, _ := strconv.Atoi(digits[:size]) // only digits
			if phonenumbers.GetRegionCodeForCountryCode(code) == phonenumbers.UNKNOWN_REGION {
				continue
			}
			return national(code, digits[size:]), true
		}
	}
	n, err := phonenumbers.Parse(e164, "")
	return n, err == nil
}

// national makes a number of a country code and digits. Zeros at the beginning are kept apart: in Italy they are dialled from
// abroad as well.
func national(code int, digits string) *phonenumbers.PhoneNumber {
	value, _ := strconv.ParseUint(digits, 10, 64)                                             // at most maxDigits digits
	n := &phonenumbers.PhoneNumber{CountryCode: new(int32(code)), NationalNumber: new(value)} //nolint:gosec // three digits
	if zeros := len(digits) - len(strings.TrimLeft(digits[:len(digits)-1], "0")) - 1; zeros > 0 {
		n.ItalianLeadingZero = new(true)
		if zeros > 1 {
			n.NumberOfLeadingZeros = new(int32(zeros)) //nolint:gosec // at most maxDigits
		}
	}
	return n
}
