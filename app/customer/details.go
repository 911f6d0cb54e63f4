package customer

import (
	"slices"
	"strings"
	"unicode"

	"kontor/app/phone"
	"kontor/app/store"
)

// Contact holds the data of an access that the search finds.
type Contact struct{ FirstName, LastName, Email, Mobile string }

// detailText is the second text that the search finds, besides the search text and in the same form: folded words, each
// after a blank. It leaves out words that are in the search text. Something that people write in several ways is
// included in one form that contains all of them, or once in each form.
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
		if f.code && f.belongs(t) {
			w.code(f.Value(d))
		}
	}
	if t == Company {
		w.add(store.Pairs(d.CompanyName)...)
	}
	// Names in scripts without blanks are searched across the boundary between last and first name.
	w.name(d.LastName, d.FirstName)
	for _, c := range contacts {
		w.name(c.LastName, c.FirstName)
	}
	w.add(store.Pairs(d.City)...)
	w.add(store.Pairs(d.Street)...)
	return w.String()
}

// wordList collects words, each once.
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

// hyphened adds names with a hyphen in one word, as some people write them: "Karl-Heinz" is also "karlheinz".
func (w *wordList) hyphened(names ...string) {
	for _, name := range strings.Fields(strings.Join(names, " ")) {
		if strings.Contains(name, "-") {
			w.text(strings.ReplaceAll(name, "-", ""))
		}
	}
}

// domain adds both spellings of an international domain.
func (w *wordList) domain(email string) { w.text(store.Spellings(email)...) }

// name adds a name in a script without blanks, in both orders.
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

// street adds the words of a street. It writes shortened endings in full, so that every beginning of them is found. It
// joins words with the ending after them ("Karl-Marx-Straße" is also "marxstrasse" and "karlmarxstrasse"). It adds "5a"
// as well as "5 a".
func (w *wordList) street(s string) {
	s = strings.ReplaceAll(strings.ToLower(s), "pl.", "platz ")
	var name []string // the words since the last number
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
			if short, ok := strings.CutSuffix(part, "str"); ok {
				part = short + "strasse"
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

// streetEndings are written as a separate word or joined with the word before.
var streetEndings = strings.Fields("strasse platz weg allee gasse ring damm ufer hof park")

// splitNumber splits a folded word at each change between digits and other characters.
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
	if strings.IndexAny(squeezed, "0123456789") != 0 { // with letters of its own, a sign before it would be ambiguous
		return
	}
	if sign := postalSigns[country]; sign != "" {
		w.add(strings.ToLower(sign) + squeezed)
	} else if _, sure := postalForms[country]; sure {
		w.add(strings.ToLower(country) + squeezed)
	}
}

// phone adds the digits of a number, in its international form and as dialled in its country.
func (w *wordList) phone(number string) {
	if number == "" {
		return
	}
	w.add(store.Digits(number))
	w.add(store.Digits(phone.National(number)))
}

// code adds the words of a number with letters, such as HRB 1234 B, and all of them in one word.
func (w *wordList) code(s string) {
	if s == "" {
		return
	}
	w.text(s)
	w.add(store.Squeeze(noNumber.ReplaceAllString(s, "")))
}
