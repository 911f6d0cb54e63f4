package customer

import (
	"encoding/binary"
	"regexp"
	"strings"
	"unicode/utf8"

	"kontor/app/store"
)

// PageSize and CountCap: 50 rows a page, counts up to 1,000.
const (
	PageSize = 50
	CountCap = 1000
)

// Filter is the state of the overview, as it stands in the URL. What is not understood counts as not there.
type Filter struct {
	Query     string // every word must be found; 1-2 characters find beginnings of words, a digit alone only in names, city and e-mail; more find any part; numbers in any spelling
	Type      Type   // "" both
	Attention bool   // status=attention
	Sort      string // name (default), -name, number, -number
	After     string // keyset cursors; opaque; a broken one is ignored
	Before    string
}

// Page is one page of the overview.
type Page struct {
	Rows       []Row
	Next, Prev string // cursors, "" where there is none
	Count      int    // of all that match, capped
	Capped     bool   // Count is CountCap and there are more
	Similar    bool   // nothing matches; the rows have words that are spelt alike
}

// order is what a list is sorted by.
type order struct {
	number     bool // by number instead of by name
	descending bool
}

func parseOrder(s string) order {
	return order{number: strings.TrimPrefix(s, "-") == "number", descending: s == "-name" || s == "-number"}
}

// The phases of a search that is sorted by name: what the query most likely means comes first.
const (
	phaseNumber  = iota // the customer whose number it is
	phasePrefix         // those whose name begins with it
	phaseWord           // those whose name begins with one of several words: "Anna Müller" is "Müller, Anna"
	phaseRest           // all others with the words in their search text; and everything in lists without phases
	phaseDetails        // those whose details are needed to find them
	phaseCounted        // no phase, but the row that says how many rows were walked: see part
)

// position is where a row stands in a list: a page begins after the last row of the one before (keyset), so a deep page
// costs what the first one does.
type position struct {
	phase  int
	name   string // name_sort; empty in lists by number
	number int64
}

// cursorVersion changes when the meaning of a position does: cursors of before are ignored then.
const cursorVersion = 2

// maxCursor bounds what is decoded; a sort name has at most 200 characters of the form, which folding may lengthen.
const maxCursor = 4096

// encode writes a position for a URL.
func (p position) encode(o order) string {
	b := []byte{cursorVersion, o.mark(), byte(p.phase)}
	b = binary.AppendUvarint(b, uint64(p.number))
	return store.EncodeCursor(append(b, p.name...))
}

func (o order) mark() byte {
	var m byte
	if o.number {
		m |= 1
	}
	if o.descending {
		m |= 2
	}
	return m
}

// decode reads a cursor for a list in order o; ok=false for everything that encode can't have written for it.
func decode(s string, o order) (p position, ok bool) {
	if s == "" || len(s) > maxCursor {
		return position{}, false
	}
	b, ok := store.DecodeCursor(s)
	if !ok || len(b) < 4 || b[0] != cursorVersion || b[1] != o.mark() || b[2] > phaseDetails {
		return position{}, false
	}
	number, n := binary.Uvarint(b[3:])
	if n <= 0 || number == 0 || number > 1<<31-1 {
		return position{}, false
	}
	p = position{phase: int(b[2]), number: int64(number), name: string(b[3+n:])}
	if !utf8.ValidString(p.name) || p.name != store.SortKey(p.name) || p.encode(o) != s {
		return position{}, false
	}
	return p, true
}

// maxRunes bounds a query: more characters than that are not looked at.
const maxRunes = 100

// searchText is what the search finds of a customer.
func searchText(t Type, number int64, d Data, emails []string) string {
	parts := []string{d.LastName, d.FirstName, d.City, strings.ReplaceAll(Label(number), "-", "")}
	if t == Company {
		parts = append([]string{d.CompanyName}, parts...)
	}
	return store.SearchText(append(parts, emails...)...)
}

// Derived is what a customer's row holds beside its data, for those who write rows in bulk.
type Derived struct {
	NameSort, Search, Details, Identity string
	Trigrams                            string   // the text of SQLite's customer_search
	Words                               []string // of the texts: each is a row of search_word
}

// Derive computes it from what a customer is and its accesses.
func Derive(t Type, number int64, d Data, accesses ...Contact) Derived {
	search, details := texts(t, number, d, accesses)
	return Derived{
		NameSort: sortName(t, d), Search: search, Details: details, Identity: identity(t, d),
		Trigrams: trigramText(search, details), Words: vocabulary(search, details),
	}
}

// trigramText is what SQLite's index holds. In details one digit at the beginning of a word is none of its trigrams: see
// term.asked.
func trigramText(search, details string) string {
	return store.TrigramText(search) + firstDigit.ReplaceAllString(store.TrigramText(details), " $1")
}

var firstDigit = regexp.MustCompile(`  (\d)`)

// texts are what the search finds of a customer: the search text, which lists are read along, and the details.
func texts(t Type, number int64, d Data, accesses []Contact) (search, details string) {
	emails := make([]string, len(accesses))
	for i, a := range accesses {
		emails[i] = a.Email
	}
	search = searchText(t, number, d, emails)
	return search, detailText(search, t, d, accesses)
}
