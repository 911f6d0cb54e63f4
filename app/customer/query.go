package customer

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kontor/app/store"
)

// terms is a parsed query.
type terms struct {
	// Terms are the words of the query. Customers with these words in the search text come first.
	store.Terms
	prefix string   // the query as a prefix of a sort name
	begins []string // its words as such prefixes, if there are several; none begins with another
	number int64    // the number of a customer, or 0
	// all are the terms that are searched in search text and details together; each must be found. A customer with all
	// words in the search text is always found.
	all []term
	// code is the query in one word, if it may be a number with letters. A row that contains it is found as well.
	code string
	// spelt has the typed spelling of needles that folding shortened.
	spelt map[string]string
}

// term is a part of a query. It is found when the search text has all of words, or when search text or details have one
// of either.
type term struct{ words, either []string }

// asked says whether a term is searched in SQLite's index. A single digit is indexed only for the search text, because
// half of all details have a word that begins with a 1.
func (t term) asked() bool { return !slices.ContainsFunc(t.either, digit) }

// digit says whether a needle is a blank and one digit.
func digit(needle string) bool { return len(needle) == 2 && isNumber(needle[1:]) }

// parseQuery folds a query like the search text. ok=false when there is nothing to search for.
func parseQuery(q string) (t terms, ok bool) {
	if utf8.RuneCountInString(q) > maxRunes {
		q = string([]rune(q)[:maxRunes])
	}
	if strings.ContainsFunc(q, unicode.IsDigit) {
		q = longVowel.ReplaceAllString(gluedStreet.ReplaceAllString(q, "$1 $2$3"), "$1-")
	}
	words := strings.Fields(store.Fold(q))
	if t.number, _ = ParseNumber(q); t.number != 0 {
		words = []string{strings.Join(words, "")} // one word in the search text as well: "k10001"
	}
	t.Terms, t.prefix = store.ParseTerms(words), store.SortKey(q)
	if begins := strings.Fields(t.prefix); len(begins) > 1 && t.number == 0 {
		t.begins = beginnings(begins[:min(len(begins), store.MaxTerms)])
	}
	if len(t.Needles) == 0 {
		return t, false
	}
	if t.number != 0 {
		t.all = []term{{either: t.Needles}}
		return t, true
	}
	if address.MatchString(q) && ascii(q) { // numbers in an e-mail address are not searched separately
		t.all = []term{{words: t.Needles}}
		return t, true
	}
	for _, segment := range segments(q) {
		t.add(strings.Fields(store.Fold(segment)))
	}
	t.code, t.spelt = codeOf(q), spelt(words, strings.Fields(t.prefix))
	if !slices.ContainsFunc(t.all, term.asked) {
		t.all = []term{{words: t.Needles}}
	}
	return t, true
}

// spelt returns the typed form of words that folding has shortened: folding turns "ue" into "u", but in a mistyped
// "ngyuen" it is no ü.
func spelt(folded, typed []string) map[string]string {
	all := map[string]string{}
	for i := range min(len(folded), len(typed)) {
		if folded[i] != typed[i] {
			all[store.Needle(folded[i])] = typed[i]
		}
	}
	return all
}

func ascii(q string) bool {
	return !strings.ContainsFunc(q, func(r rune) bool { return r >= utf8.RuneSelf })
}

// beginnings sorts words and leaves out those that begin with another word.
func beginnings(words []string) (list []string) {
	slices.Sort(words)
	for _, w := range words {
		if len(list) == 0 || !strings.HasPrefix(w, list[len(list)-1]) {
			list = append(list, w)
		}
	}
	return list
}

var (
	// gluedStreet matches a street with the house number after it, without a blank.
	gluedStreet = regexp.MustCompile(`(?i)(str|straße|strasse)(\d+\s?[a-z]?)($|\W)`)
	// longVowel matches the character that Japanese keyboards have instead of a hyphen; see entry.Key.
	longVowel = regexp.MustCompile(`(\p{Nd})ー`)
	// trunkZero matches a zero in brackets, which is not dialled after a country code.
	trunkZero = regexp.MustCompile(`\(\s*0\s*\)`)
	// abroadZero matches trunkZero after a country code without a plus sign.
	abroadZero = regexp.MustCompile(`(?:^|\s)\d{1,3}\s?\(0\)`)
	// plus matches the beginning of an international number.
	plus = regexp.MustCompile(`[+＋]\s*(\d)`)
	// noNumber matches what may be written between the kind of a register and the number.
	noNumber = regexp.MustCompile(`(?i)[\s.-]*\bnr\b\.?|[\s.-]*№`)
	// registerKind matches the kind of a commercial register, written as two words.
	registerKind = regexp.MustCompile(`(?i)\bHR[\s.-]+([AB])\b`)
	// numberLabel matches labels that people write before a number; records do not contain them.
	numberLabel = regexp.MustCompile(`(?i)^\s*(?:(?:tel(?:efon|ephone|\.)?|phone|fon|mob(?:il(?:e|funk|telefon)?)?|handy)(?:[\s.-]*num(?:mer|ber))?|fax|plz|ust(?:[\s.-]*id)?(?:[\s.-]*n(?:umme)?r)?|` +
		`mwst|uid|vat(?:[\s.-]*(?:id|no|number))?)(?:[\s.-]*nr)?[\s.:-]+`)
	// court matches the court that Germans write before a register number.
	court = regexp.MustCompile(`(?i)^\s*(?:(?:amts|register)gericht|ag|handelsregister)\b\D*?[\s.,:-]((?:HR[AB]|GnR|GsR|PR|VR)\b\D{0,6}\d)`)
	// address matches an e-mail address, or the beginning of one that ends in a number.
	address   = regexp.MustCompile(`^\s*(\S+@\S*|[\pL-]+([._][\pL-]+)+[._]?\d+)\s*$`)
	hasDigits = regexp.MustCompile(`\d.*\d`)
)

// segments splits a query at characters that end a number, and writes its numbers in one form.
func segments(q string) []string {
	q = registerKind.ReplaceAllString(q, "HR$1")
	if strings.ContainsFunc(q, unicode.IsDigit) {
		q = written(q)
	}
	return strings.FieldsFunc(q, func(r rune) bool { return r == ',' || r == ';' || r == '\n' })
}

// written writes the numbers in a query in one form.
func written(q string) string {
	if label := numberLabel.FindString(q); label != "" && hasDigits.MatchString(q[len(label):]) {
		q = q[len(label):]
	}
	if strings.ContainsAny(q, "+＋") || strings.Contains(q, "00") || abroadZero.MatchString(q) {
		q = trunkZero.ReplaceAllString(q, " ")
	}
	q = plus.ReplaceAllString(q, " 00$1")
	q = court.ReplaceAllString(q, "$1")
	if hasDigits.MatchString(q) {
		q = noNumber.ReplaceAllString(q, "")
	}
	return q
}

// joinedDigits is the minimum number of digits for which adjacent numbers count as one number.
const joinedDigits = 5

// add splits the words of a segment into terms. Adjacent groups of digits are one number, together with letters before
// them that may be part of it.
func (t *terms) add(words []string) {
	for i := 0; i < len(words); {
		prefix, lead, first := numberPrefix(words, i)
		end := first
		for end < len(words) && isNumber(words[end]) {
			end++
		}
		digits := lead + strings.Join(words[first:end], "")
		switch {
		case digits == "": // no number begins here
			t.word(words[i])
			i++
		case prefix != "" && len(digits) < joinedDigits-1, // "de 5": words
			prefix == "" && end-first > 1 && (len(digits) < joinedDigits || houseNumber(words, first)):
			for ; i < end; i++ {
				t.word(words[i])
			}
		default:
			t.digits(words[i:end], prefix, digits)
			i = end
		}
	}
}

// word adds a word that is searched as it is. "und" is ignored if there are other words, because some people write "&"
// instead.
func (t *terms) word(w string) {
	if (w == "und" || w == "and") && len(t.Needles) > 1 {
		return
	}
	if n := store.Needle(w); slices.Contains(t.Needles, n) {
		t.part(term{either: []string{n}})
	}
}

// part adds a term once, up to store.MaxTerms terms.
func (t *terms) part(n term) {
	same := func(other term) bool {
		return slices.Equal(other.words, n.words) && slices.Equal(other.either, n.either)
	}
	if len(t.all) < store.MaxTerms && !slices.ContainsFunc(t.all, same) {
		t.all = append(t.all, n)
	}
}

// digits adds a number that was written as one or more words.
func (t *terms) digits(words []string, prefix, digits string) {
	var n term
	for _, w := range words {
		if needle := store.Needle(w); slices.Contains(t.Needles, needle) {
			n.words = append(n.words, needle)
		}
	}
	if len(n.words) == 0 && len(t.Needles) == store.MaxTerms {
		return // after the last word that is searched
	}
	for _, form := range numberForms(prefix, digits) {
		if needle := store.Needle(form); !slices.Contains(n.either, needle) {
			n.either = append(n.either, needle)
		}
	}
	t.part(n)
}

// numberForms returns the forms in which the details may contain a number.
func numberForms(prefix, digits string) []string {
	if prefix != "" {
		forms := []string{prefix + digits}
		if sign, ok := postalSigns[strings.ToUpper(prefix)]; ok {
			forms = append(forms, strings.ToLower(sign)+digits)
		}
		if other := vatPrefixes[strings.ToUpper(prefix)]; other != "" {
			forms = append(forms, strings.ToLower(other)+digits)
		}
		return forms
	}
	number, international := strings.CutPrefix(digits, "00")
	if !international || number == "" {
		return []string{digits}
	}
	for _, country := range []string{"49", "43", "41"} {
		if rest, ok := strings.CutPrefix(number, country+"0"); ok { // a zero that is written, but never dialled
			return []string{number, country + rest}
		}
	}
	return []string{number}
}

// numberPrefix returns the letters before a number that are part of it: of a VAT ID, a postal code or a register
// number. lead are the digits in one word with these letters; first is the index of the first word of digits only.
func numberPrefix(words []string, i int) (prefix, lead string, first int) {
	if parts := splitNumber(words[i]); len(parts) == 2 && knownPrefix(parts[0]) && isNumber(parts[1]) {
		return parts[0], parts[1], i + 1
	}
	if i+1 < len(words) && knownPrefix(words[i]) && isNumber(words[i+1]) {
		return words[i], "", i + 1
	}
	return "", "", i
}

// registers are prefixes of register numbers.
var registers = strings.Fields("hra hrb gnr gsr pr vr fn che atu")

func knownPrefix(word string) bool {
	code := strings.ToUpper(word)
	if slices.Contains(registers, word) || vatPrefixes[code] != "" {
		return true
	}
	if _, ok := vatFormats[code]; ok || postalSigns[code] != "" {
		return true
	}
	for _, sign := range postalSigns {
		if sign == code {
			return true
		}
	}
	return false
}

func isNumber(word string) bool {
	return word != "" && strings.Trim(word, "0123456789") == ""
}

// vatEnding matches a number with one of the Swiss and Norwegian endings.
var vatEnding = regexp.MustCompile(`^(\D+\d+)(?:MWST|TVA|IVA|VAT|MVA)$`)

// houseNumber says whether the number after a word of letters is short. Then the next digits are another number, such
// as the postal code after a street.
func houseNumber(words []string, first int) bool {
	return first > 0 && !isNumber(words[first-1]) && len(words[first]) <= 4 && words[first][0] != '0'
}

// codeOf returns a query as a number with letters, without blanks; "" when it can't be one. A VAT ID is recognised in
// every spelling, with a label or with the ending of another language.
func codeOf(q string) string {
	if !strings.ContainsFunc(q, unicode.IsDigit) {
		return ""
	}
	if id, complaint := checkVATID(q, nil); complaint == "" {
		return strings.ToLower(vatEnding.ReplaceAllString(id, "$1"))
	}
	code := store.Squeeze(strings.Join(segments(q), " "))
	digits := store.Digits(code)
	if len(digits) < joinedDigits-1 || len(digits) == len(code) || len(code)-len(digits) > 8 || len(code) > 24 {
		return ""
	}
	return code
}
