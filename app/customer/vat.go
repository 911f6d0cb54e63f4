package customer

import (
	"regexp"
	"strings"

	"kontor/app/entry"
	"kontor/app/store"
)

// vatFormats are the forms of VAT identification numbers by prefix, without the prefix: those of the EU (Greece is EL)
// and of Northern Ireland (XI) as the European Commission's VIES describes them, and those of the United Kingdom,
// Norway, Liechtenstein and Switzerland (the UID, CHE).
var vatFormats = func() map[string]*regexp.Regexp {
	formats := map[string]string{
		"AT": `U\d{8}`, "BE": `[01]\d{9}`, "BG": `\d{9,10}`, "CY": `\d{8}[A-Z]`, "CZ": `\d{8,10}`, "DE": `[1-9]\d{8}`,
		"DK": `\d{8}`, "EE": `\d{9}`, "EL": `\d{9}`, "ES": `[A-Z0-9]\d{7}[A-Z0-9]`, "FI": `\d{8}`, "FR": `[A-HJ-NP-Z0-9]{2}\d{9}`,
		"HR": `\d{11}`, "HU": `\d{8}`, "IE": `\d[A-Z0-9+*]\d{5}[A-Z]{1,2}`, "IT": `\d{11}`, "LT": `(\d{9}|\d{12})`, "LU": `\d{8}`,
		"LV": `\d{11}`, "MT": `\d{8}`, "NL": `[A-Z0-9+*]{12}`, "PL": `\d{10}`, "PT": `\d{9}`, "RO": `\d{2,10}`, "SE": `\d{10}01`,
		"SI": `\d{8}`, "SK": `\d{10}`, "XI": british, "GB": british, "NO": `\d{9}(MVA)?`, "LI": `\d{5}(MWST)?`, "CHE": `\d{9}(MWST|TVA|IVA|VAT)?`,
	}
	compiled := make(map[string]*regexp.Regexp, len(formats))
	for prefix, f := range formats {
		compiled[prefix] = regexp.MustCompile("^(?:" + f + ")$")
	}
	return compiled
}()

// british is the form of numbers in the United Kingdom: of firms, of their branches, of government departments and of
// health authorities.
const british = `\d{9}|\d{12}|(?:GD|HA)\d{3}`

// vatElsewhere is the form of a number of any other country, without its code. vatDigits is the minimum number of
// digits.
var vatElsewhere = regexp.MustCompile(`^[A-Z]?\d[A-Z0-9]{3,17}$`)

const vatDigits = 5

// vatLabel matches the labels that people write before a number, without separators: USt-IdNr., UID, VAT No., MwSt-Nr.,
// N° TVA, Partita IVA and the like. vatLabelMore matches further parts of a label. vatSuffix matches numbers whose
// ending names their country.
var (
	vatLabel = regexp.MustCompile(`^(?:EU|IHRE?|UNSERE?|YOUR|OUR)?(?:(?:UMSATZ|MEHRWERT)STEUER|USTG?|MWST|UID|UST?ID|VAT|TAX|(?:N|NO|NUM[EÉ]RO)?(?:DE)?TVA|(?:P|PARTITA)?IVA|BTW|MVA|MOMS|CVR|NIF|NIP|(?:I[CČ])?DPH|DI[CČ]|OIB|NR)` +
		`(?:INTRACOM(?:MUNAUTAIRE)?)?`)
	vatLabelMore = regexp.MustCompile(`^(?:IDENTIFI[CK]ATIONS?|IDENT|ID|REGISTRATION|REG|REGISTRIERUNGS?|NUMMER|NUMBER|NUM[EÉ]RO|NUM|NR|NO|N|IN|CODE)`)
	vatSuffix    = regexp.MustCompile(`^\d{9}(MVA|MWST)$`)
)

var vatSeparators = strings.NewReplacer(" ", "", ".", "", "-", "", "/", "", ":", "", ",", "", ";", "", "#", "", "(", "", ")", "", "[", "", "]", "", "_", "", "=", "", "°", "", "|", "", `\`, "", "·", "", "•", "", "'", "", `"`, "", "„", "", "“", "", "”", "", "‚", "", "‘", "",
	"’", "", "«", "", "»", "")

// labelNo matches "No." after another word: it means the number, not Norway. Norwegians write NO.
var labelNo = regexp.MustCompile(`([\pL.]\W*\b)(?:[Nn]o\b|NO *[.:])`)

// checkVATID reads a VAT ID as people write it, also after a label such as "USt-IdNr.:". It returns the form of VIES:
// upper case, no separators, Greece EL, the United Kingdom GB, Belgian numbers with ten digits. The endings that Norway
// (MVA) and Switzerland (MWST, TVA, IVA, VAT) put after a number stay. It checks the form, only roughly for countries
// that are not in vatFormats, and the check digit of German and Austrian numbers. It accepts no number that would be
// read as another one, or refused, when the customer is saved again: the words of labels are also country codes with a
// letter (TVA is Tuvalu and an A), so that what is left after one label may begin with another.
func checkVATID(s string, _ *Data) (string, string) {
	normal, complaint := readLabelledVAT(s)
	if complaint == "" {
		if again, wrong := readLabelledVAT(normal); again != normal || wrong != "" {
			return s, "vat.malformed"
		}
	}
	return normal, complaint
}

// readLabelledVAT reads a number with or without labels, as checkVATID describes it.
func readLabelledVAT(s string) (string, string) {
	typed := labelNo.ReplaceAllString(entry.Key(s), "${1}NR")
	id := vatSqueezed(typed)
	complaint, first := "vat.malformed", s
	for i, read := range append(vatReadings(id), vatEndings(typed)...) {
		normal, wrong := readVAT(read, i == 0 && !otherLabel.MatchString(typed)) // after a part of a label NR would be Nauru
		if wrong == "" {
			return normal, ""
		}
		if wrong == "vat.checksum" && complaint != wrong {
			complaint, first = wrong, normal
		}
	}
	return first, complaint
}

// otherLabel matches the name of another number: in Romania (CUI), of a German register (GnR, PR).
var otherLabel = regexp.MustCompile(`(?i)^(?:[A-Z]{3}[^\pL\d]+[0-9]|(?:GNR|GSR|PR)\b)`)

func vatSqueezed(s string) string { return vatSeparators.Replace(strings.ToUpper(s)) }

// vatWord matches the beginning of a word that may start a number.
var vatWord = regexp.MustCompile(`\b(?:[A-Za-z]{2}|[0-9])`)

// vatEndings returns the texts after each of the leading words without digits, because labels exist in all languages.
func vatEndings(s string) (endings []string) {
	s = paragraph.ReplaceAllString(s, "")
	for _, at := range vatWord.FindAllStringIndex(s, -1) {
		if strings.ContainsAny(s[:at[0]], "0123456789") {
			break
		}
		if at[0] > 0 {
			endings = append(endings, vatSqueezed(s[at[0]:]))
		}
	}
	return endings
}

// paragraph matches the law that German imprints name beside the number.
var paragraph = regexp.MustCompile(`§ *27 *a\b`)

// vatReadings returns a number without the label before it, with the longest label removed first: "VATNO123456789MVA"
// is Norwegian either way. A number without a label is returned as it is.
func vatReadings(id string) (readings []string) {
	label := vatLabel.FindString(id)
	if label == "" {
		return []string{id}
	}
	for rest := id[len(label):]; ; {
		readings = append([]string{rest}, readings...)
		more := vatLabelMore.FindString(rest)
		if more == "" {
			return readings
		}
		rest = rest[len(more):]
	}
}

// readVAT reads a number without a label. elsewhere says whether it may be of a country that is not in vatFormats.
func readVAT(id string, elsewhere bool) (normal, complaint string) {
	if end := vatSuffix.FindStringSubmatch(id); end != nil {
		country := "CHE"
		if end[1] == "MVA" {
			country = "NO"
		}
		id = country + id
	}
	if len(id) > 2 && vatPrefixes[id[:2]] != "" {
		id = vatPrefixes[id[:2]] + id[2:]
	}
	if shortBelgian.MatchString(id) {
		id = "BE0" + id[2:]
	}
	prefix := id[:min(2, len(id))]
	if prefix == "CH" {
		prefix = id[:min(3, len(id))]
	}
	format, ok := vatFormats[prefix]
	switch {
	case ok && !format.MatchString(id[len(prefix):]), !ok && (!elsewhere || !vatOfElsewhere(prefix, id)):
		return id, "vat.malformed"
	case prefix == "DE" && !checkDE(id[2:]), prefix == "AT" && !checkAT(id[3:]):
		return id, "vat.checksum"
	}
	return id, ""
}

// vatPrefixes maps prefixes that people use by mistake to the right ones.
var vatPrefixes = map[string]string{"GR": "EL", "UK": "GB"}

// shortBelgian matches a Belgian number in the form used until 2005.
var shortBelgian = regexp.MustCompile(`^BE\d{9}$`)

func vatOfElsewhere(prefix, id string) bool {
	return knownCountry(prefix) && vatElsewhere.MatchString(id[len(prefix):]) && len(store.Digits(id)) >= vatDigits
}

// checkDE checks nine digits by ISO 7064 MOD 11,10. The last digit is the check digit.
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

// checkAT checks a number by the rule of the Austrian Ministry of Finance: digits at even places are doubled and
// replaced by their digit sum, and 4 is added to the total.
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
