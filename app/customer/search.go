package customer

import (
	"regexp"
	"strings"

	"kontor/app/listing"
	"kontor/app/store"
)

// Filter is the filter and page of the overview, as in the URL. Values that are not understood are ignored.
type Filter struct {
	Query         string       // every word must be found; 1-2 characters find beginnings of words, a digit alone only in names, city and e-mail; more find any part; numbers in any spelling
	Type          Type         // "": both
	Status        AccessStatus // of the summary of the accesses, or NoAccesses; "": any
	Administrator string       // Me, Nobody or the id of a specialist user; an unknown one finds nothing
	City          string       // the whole name, however it is written
	Attention     bool
	Sort          string // one of Sorts, with a minus in front for the other direction; "": by name
	After         string // keyset cursors; opaque; an invalid one is ignored
	Before        string
}

// Values of Filter.Administrator besides ids.
const (
	Me     = "me"
	Nobody = "none" // no active specialist user administers the customer
)

// NoAccesses is the value of Filter.Status for customers to whom nobody has, or had, access.
const NoAccesses AccessStatus = "none"

// Statuses lists the values of Filter.Status in the order in which a list is sorted by status: the most serious first.
var Statuses = []AccessStatus{NoAccesses, Undeliverable, Waits, LinkExpired, Invited, NotInvited, Registered, Deactivated}

// Narrow says whether the filter excludes anything.
func (f Filter) Narrow() bool { return f.Query != "" || f.narrows() }

// narrows is Narrow without the search.
func (f Filter) narrows() bool {
	return f.Type != "" || f.Status != "" || f.Administrator != "" || f.City != "" || f.Attention
}

// Page is one page of the overview.
type Page = listing.Page[Row]

// cursorVersion changes when the meaning of a position changes. Cursors of older versions are then ignored.
const cursorVersion = 3

// maxRunes is the maximum length of a query; further characters are ignored.
const maxRunes = 100

// Derived holds the columns of a customer's row that are computed from its data, for code that writes rows in bulk.
type Derived struct {
	NameSort, CitySort, Search, Details, Identity string
	Trigrams                                      string   // the text of SQLite's customer_search
	Words                                         []string // words of the texts: each is a row of search_word
}

// Derive computes these columns from a customer's data and accesses.
func Derive(t Type, number int64, d Data, accesses ...Contact) Derived {
	search, details := textsOf(t, d, accesses).numbered(number)
	return Derived{
		NameSort: sortName(t, d), CitySort: citySort(d.City), Search: search, Details: details, Identity: identity(t, d),
		Trigrams: trigramText(search, details), Words: vocabulary(search, details),
	}
}

// trigramText is the text in SQLite's index. For details, a single digit at the beginning of a word is left out of the
// trigrams: see term.asked.
func trigramText(search, details string) string {
	return store.TrigramText(search) + firstDigit.ReplaceAllString(store.TrigramText(details), " $1")
}

var firstDigit = regexp.MustCompile(`  (\d)`)

// texts are the two texts in which a customer is searched: the search text, which is also read while walking a list, and
// the details. They are still without the customer's number, which is known only inside the tx.
type texts struct {
	before, after string // the parts of the search text before and after the number
	details       string
}

func textsOf(t Type, d Data, accesses []Contact) (x texts) {
	names := []string{d.LastName, d.FirstName, d.City}
	if t == Company {
		names = append([]string{d.CompanyName}, names...)
	}
	emails := make([]string, len(accesses))
	for i, a := range accesses {
		emails[i] = a.Email
	}
	x.before, x.after = strings.TrimRight(store.SearchText(names...), " "), strings.TrimRight(store.SearchText(emails...), " ")
	x.details = detailText(x.before+x.after, t, d, accesses)
	return x
}

// numbered returns the texts of the customer with a number.
func (x texts) numbered(number int64) (search, details string) {
	word := store.SearchText(strings.ReplaceAll(Label(number), "-", ""))
	return x.before + word + x.after, strings.TrimRight(strings.Replace(x.details+" ", word+" ", " ", 1), " ")
}
