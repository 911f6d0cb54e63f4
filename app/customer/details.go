package customer

import (
	"slices"
	"strings"
	"unicode"

	"kontor/app/phone"
	"kontor/app/store"
)

// Contact is what a search finds of an access.
type Contact struct{ FirstName, LastName, Email, Mobile string }

// detailText is what the search finds of a customer besides its search text, in the same form: folded words, each behind
// a blank. Words that stand in the search text are left out. What is written in several ways is there in one form that
// holds all of them, or once in each.
func detailText(search string, t Type, d Data, contacts []Contact) string {
	w := wordList{seen: map[string]bool{}}
	for _, word := range strings.Fields(search) {
		w.seen[word] = true
	}
	w.hyphened(d.LastName, d.FirstName)
	for _, c := range contacts {
		w.text(c.FirstName, c.LastName)
		w.hyphened(c.LastName, c.FirstName)
		w.domain(c.Email)
	}
	w.street(d.Street)
	w.postalCode(d.Country, d.PostalCode)
	w.phone(d.Phone)
	for _, c := range contacts {
		w.phone(c.Mobile)
	}
	for _, f := range fields {
		if f.code && f.Belongs(t) {
			w.code(f.Value(d))
		}
	}
	if t == Company {
		w.add(store.Pairs(d.CompanyName)...)
	}
	// Such names are written without a blank, so they are looked for across it.
	w.name(d.LastName, d.FirstName)
	for _, c := range contacts {
		w.name(c.LastName, c.FirstName)
	}
	w.add(store.Pairs(d.City)...)
	w.add(store.Pairs(d.Street)...)
	return w.String()
}

// wordList gathers words, each once.
type wordList struct {
	seen map[string]bool
	b    strings.Builder
}

func (w *wordList) add(words ...string) {
	for _, word := range words {
		if word != "" && !w.seen[word] {
			w.seen[word] = true
			w.b.WriteString(" " + word)
		}
	}
}

func (w *wordList) String() string { return w.b.String() }

func (w *wordList) text(parts ...string) {
	for _, part := range parts {
		w.add(strings.Fields(store.Fold(part))...)
	}
}

// hyphened adds names with a hyphen as others write them, in one: "Karl-Heinz" is also "karlheinz".
func (w *wordList) hyphened(names ...string) {
	for _, name := range strings.Fields(strings.Join(names, " ")) {
		if strings.Contains(name, "-") {
			w.text(strings.ReplaceAll(name, "-", ""))
		}
	}
}

// domain adds both spellings of an international domain.
func (w *wordList) domain(email string) { w.text(store.Spellings(email)...) }

// name adds a name in a script without blanks, both ways round.
func (w *wordList) name(last, first string) {
	if !strings.ContainsFunc(last+first, store.Unspaced) {
		return
	}
	if last != "" && first != "" {
		w.add(store.Squeeze(last+first), store.Squeeze(first+last))
	}
	w.add(store.Pairs(last + first)...)
	w.add(store.Pairs(first + last)...)
}

// longForms are endings of streets that are shortened, and sankt, which is.
var longForms = map[string]string{"str": "strasse", "pl": "platz"}

// street adds the words of a street: shortened endings written out, so that each beginning of them is found, words
// before an ending with it ("Karl-Marx-Straße" is also "marxstrasse" and "karlmarxstrasse"), and "5a" as well as "5 a".
func (w *wordList) street(s string) {
	s = strings.ReplaceAll(strings.ToLower(s), "pl.", "platz ")
	var name []string // the words so far, up to a number
	numbers, number := "", ""
	for _, word := range strings.Fields(store.Fold(s)) {
		parts := splitNumber(word)
		for i, part := range parts {
			if part[0] >= '0' && part[0] <= '9' {
				numbers += part
				name, number = nil, part
				w.add(part)
				continue
			}
			if len(part) == 1 && (i > 0 || number != "") { // the letter of a house number
				w.add(part, number+part)
				continue
			}
			number = ""
			if strings.HasSuffix(part, "str") {
				part = strings.TrimSuffix(part, "str") + longForms["str"]
			}
			switch part {
			case "sankt":
				w.add("st")
			case "st":
				w.add("sankt")
			}
			w.add(part)
			if slices.Contains(streetEndings, part) && len(name) > 0 {
				w.add(name[len(name)-1]+part, strings.Join(name, "")+part)
			}
			name = append(name, part)
		}
		if len(parts) > 1 {
			w.add(word)
		}
	}
	if len(numbers) >= joinedDigits {
		w.add(numbers) // "123-125"
	}
}

// streetEndings are written apart from what is before them, or in one word with it.
var streetEndings = strings.Fields("strasse platz weg allee gasse ring damm ufer hof park")

// splitNumber splits a folded word where digits begin or end.
func splitNumber(word string) (parts []string) {
	begin := 0
	for i, r := range word {
		if i > begin && unicode.IsDigit(r) != unicode.IsDigit([]rune(word[begin:])[0]) {
			parts = append(parts, word[begin:i])
			begin = i
		}
	}
	return append(parts, word[begin:])
}

func (w *wordList) postalCode(country, code string) {
	if code == "" {
		return
	}
	squeezed := store.Squeeze(code)
	w.add(strings.Fields(store.Fold(code))...)
	w.add(squeezed)
	if strings.IndexAny(squeezed, "0123456789") != 0 { // letters before it would be taken for its own
		return
	}
	if sign := postalSigns[country]; sign != "" {
		w.add(strings.ToLower(sign) + squeezed)
	} else if _, sure := postalForms[country]; sure {
		w.add(strings.ToLower(country) + squeezed)
	}
}

// phone adds the digits of a number, in its international form and in the one that is dialled in its country.
func (w *wordList) phone(number string) {
	if number == "" {
		return
	}
	w.add(store.Digits(number))
	w.add(store.Digits(phone.National(number)))
}

// code adds the words of a number with letters, such as HRB 1234 B, and all in one.
func (w *wordList) code(s string) {
	if s == "" {
		return
	}
	w.text(s)
	w.add(store.Squeeze(noNumber.ReplaceAllString(s, "")))
}
