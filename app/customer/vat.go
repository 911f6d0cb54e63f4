package customer

import (
	"regexp"
	"strings"
)

// vatFormats are the VAT identification numbers of the EU by country prefix (Greece is EL, Northern Ireland XI), as
// the European Commission's VIES describes them, without the prefix; and the Swiss and Liechtenstein UID.
var vatFormats = func() map[string]*regexp.Regexp {
	formats := map[string]string{
		"AT": `U\d{8}`, "BE": `[01]\d{9}`, "BG": `\d{9,10}`, "CY": `\d{8}[A-Z]`, "CZ": `\d{8,10}`, "DE": `[1-9]\d{8}`,
		"DK": `\d{8}`, "EE": `\d{9}`, "EL": `\d{9}`, "ES": `[A-Z0-9]\d{7}[A-Z0-9]`, "FI": `\d{8}`, "FR": `[A-HJ-NP-Z0-9]{2}\d{9}`,
		"HR": `\d{11}`, "HU": `\d{8}`, "IE": `\d[A-Z0-9+*]\d{5}[A-Z]{1,2}`, "IT": `\d{11}`, "LT": `(\d{9}|\d{12})`, "LU": `\d{8}`,
		"LV": `\d{11}`, "MT": `\d{8}`, "NL": `[A-Z0-9+*]{12}`, "PL": `\d{10}`, "PT": `\d{9}`, "RO": `\d{2,10}`, "SE": `\d{10}01`,
		"SI": `\d{8}`, "SK": `\d{10}`, "XI": `(\d{9}|\d{12}|(GD|HA)\d{3})`, "CHE": `\d{9}(MWST|TVA|IVA)?`,
	}
	compiled := make(map[string]*regexp.Regexp, len(formats))
	for prefix, f := range formats {
		compiled[prefix] = regexp.MustCompile("^" + f + "$")
	}
	return compiled
}()

// checkVATID writes a VAT ID the way VIES does (upper case, nothing between) and checks its form; of German and
// Austrian ones the check digit as well.
func checkVATID(s string, _ *Data) (string, string) {
	id := strings.NewReplacer(" ", "", ".", "", "-", "", "/", "").Replace(strings.ToUpper(s))
	prefix := id[:min(2, len(id))]
	if strings.HasPrefix(id, "CHE") {
		prefix = "CHE"
	}
	format, ok := vatFormats[prefix]
	if !ok || !format.MatchString(id[len(prefix):]) {
		return s, "vat.malformed"
	}
	if prefix == "DE" && !checkDE(id[2:]) || prefix == "AT" && !checkAT(id[3:]) {
		return id, "vat.checksum"
	}
	return id, ""
}

// checkDE is ISO 7064 MOD 11,10 over nine digits, the last of which is the check digit.
func checkDE(digits string) bool {
	product := 10
	for _, d := range digits[:8] {
		sum := (int(d-'0') + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = 2 * sum % 11
	}
	return (11-product)%10 == int(digits[8]-'0')
}

// checkAT is the Austrian Ministry of Finance's rule: the digits at even places count double, by their digit sum, and
// 4 is added.
func checkAT(digits string) bool {
	sum := 4
	for i, d := range digits[:7] {
		n := int(d - '0')
		if i%2 == 1 {
			n = n/5 + n*2%10
		}
		sum += n
	}
	return (10-sum%10)%10 == int(digits[7]-'0')
}
