package customer

import (
	"regexp"
	"strings"

	"kontor/app/listing"
	"kontor/app/store"
)

// PageSize and CountCap are those of all lists.
const (
	PageSize = listing.PageSize
	CountCap = listing.CountCap
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
type Page = listing.Page[Row]

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

// position is the key of a row in a list.
type position struct {
	Phase  int    `bun:"phase"`
	Name   string `bun:"name_sort"` // nothing in the cursors of lists by number
	Number int64  `bun:"number"`
}

// cursorVersion changes when the meaning of a position does: cursors of before are ignored then.
const cursorVersion = 2

// encode writes the cursor of a row in a list of that order.
func (p position) encode(o order) string {
	if o.number {
		p.Name = ""
	}
	return listing.Encode(cursorVersion, o.mark(), p.Phase, p.Number, p.Name)
}

func (o order) mark() int {
	m := 0
	if o.number {
		m |= 1
	}
	if o.descending {
		m |= 2
	}
	return m
}

// decode reads a cursor; ok=false for everything that encode can't have written for a list of that order.
func decode(s string, o order) (p position, ok bool) {
	var mark int
	if !listing.Decode(s, cursorVersion, &mark, &p.Phase, &p.Number, &p.Name) {
		return position{}, false
	}
	return p, mark == o.mark() && p.Phase <= phaseDetails && p.Number > 0
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
