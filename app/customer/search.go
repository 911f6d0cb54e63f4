package customer

import (
	"regexp"
	"strings"

	"kontor/app/listing"
	"kontor/app/store"
)

// Filter is the filter and page of the overview, as in the URL. Values that are not understood are ignored.
type Filter struct {
	Query     string // every word must be found; 1-2 characters find beginnings of words, a digit alone only in names, city and e-mail; more find any part; numbers in any spelling
	Type      Type   // "": both
	Attention bool   // status=attention
	Sort      string // name (default), -name, number, -number
	After     string // keyset cursors; opaque; an invalid one is ignored
	Before    string
}

// Page is one page of the overview.
type Page = listing.Page[Row]

// order is the sort order of a list.
type order struct {
	number     bool // by number instead of by name
	descending bool
}

func parseOrder(s string) order {
	return order{number: strings.TrimPrefix(s, "-") == "number", descending: s == "-name" || s == "-number"}
}

// The phases of a search that is sorted by name: the most likely results come first.
const (
	phaseNumber  = iota // the customer with this number
	phasePrefix         // customers whose name begins with the query
	phaseWord           // customers whose name begins with one of several words: "Anna Müller" finds "Müller, Anna"
	phaseRest           // all others with the words in their search text, and all rows of lists without phases
	phaseDetails        // customers found only by their details
	phaseCounted        // not a phase, but marks the row with the number of walked rows: see part
)

// position is the key of a row in a list.
type position struct {
	Phase  int    `bun:"phase"`
	Name   string `bun:"name_sort"` // "" in the cursors of lists sorted by number
	Number int64  `bun:"number"`
}

// cursorVersion changes when the meaning of a position changes. Cursors of older versions are then ignored.
const cursorVersion = 2

// encode writes the cursor of a row in a list with this order.
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

// decode reads a cursor; ok=false when encode did not write it for a list with this order.
func decode(s string, o order) (p position, ok bool) {
	var mark int
	if !listing.Decode(s, cursorVersion, &mark, &p.Phase, &p.Number, &p.Name) {
		return position{}, false
	}
	if o.number && p.Name != "" {
		return position{}, false
	}
	return p, mark == o.mark() && p.Phase <= phaseDetails && p.Number > 0
}

// maxRunes is the maximum length of a query; further characters are ignored.
const maxRunes = 100

// searchText is the main text in which a customer is searched.
func searchText(t Type, number int64, d Data, emails []string) string {
	parts := []string{d.LastName, d.FirstName, d.City, strings.ReplaceAll(Label(number), "-", "")}
	if t == Company {
		parts = append([]string{d.CompanyName}, parts...)
	}
	return store.SearchText(append(parts, emails...)...)
}

// Derived holds the columns of a customer's row that are computed from its data, for code that writes rows in bulk.
type Derived struct {
	NameSort, Search, Details, Identity string
	Trigrams                            string   // the text of SQLite's customer_search
	Words                               []string // words of the texts: each is a row of search_word
}

// Derive computes these columns from a customer's data and accesses.
func Derive(t Type, number int64, d Data, accesses ...Contact) Derived {
	search, details := texts(t, number, d, accesses)
	return Derived{
		NameSort: sortName(t, d), Search: search, Details: details, Identity: identity(t, d),
		Trigrams: trigramText(search, details), Words: vocabulary(search, details),
	}
}

// trigramText is the text in SQLite's index. For details, a single digit at the beginning of a word is left out of the
// trigrams: see term.asked.
func trigramText(search, details string) string {
	return store.TrigramText(search) + firstDigit.ReplaceAllString(store.TrigramText(details), " $1")
}

var firstDigit = regexp.MustCompile(`  (\d)`)

// texts returns the two texts in which a customer is searched: the search text, which is also read while walking a
// list, and the details.
func texts(t Type, number int64, d Data, accesses []Contact) (search, details string) {
	emails := make([]string, len(accesses))
	for i, a := range accesses {
		emails[i] = a.Email
	}
	search = searchText(t, number, d, emails)
	return search, detailText(search, t, d, accesses)
}
