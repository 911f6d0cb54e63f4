// Package savedview keeps filters of lists that people have named, for themselves or for everybody.
package savedview

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/entry"
	"kontor/app/fault"
)

// List is a list whose filters can be named.
type List string

// The lists.
const (
	Customers    List = "customers"
	Transactions List = "transactions"
)

// Lists are all lists.
var Lists = []List{Customers, Transactions}

// View is a filter with a name.
type View struct {
	ID     uuid.UUID `bun:"id"`
	Name   string    `bun:"name"`
	Query  string    `bun:"query"` // the parameters of the list's address
	Shared bool      `bun:"shared"`
	Own    bool      `bun:"own"` // the caller named it
}

const (
	longestName  = 40
	longestQuery = 1000
	// MostOwn is how many views of a list a person can have.
	MostOwn = 20
	// mostShown is how many views a list shows.
	mostShown = 60
)

// Errors.
var (
	ErrName    = fault.At("name", "view.name")
	ErrTooMany = fault.At("name", "view.too_many").With("n", MostOwn)
	ErrUnknown = fault.New(fault.NotFound, "page")
)

// checkName cleans a name.
func checkName(typed string) (string, error) {
	name := entry.Line(typed)
	if name == "" || utf8.RuneCountInString(name) > longestName {
		return "", ErrName
	}
	return name, nil
}

// parameters are the parameters of each list's address that a view keeps. What was searched for is not among them: it may be
// the name of a customer, who can be deleted.
var parameters = map[List][]string{
	Customers:    {"type", "status", "administrator", "city", "sort"},
	Transactions: {"kind", "status", "due", "responsible", "sort"},
}

// Clean returns those parameters of an address that a view of the list keeps, in their order.
func Clean(list List, query string) string {
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		text, err := url.QueryUnescape(value)
		if err == nil && slices.Contains(parameters[list], name) && text != "" && utf8.ValidString(text) {
			kept = append(kept, name+"="+url.QueryEscape(text))
		}
	}
	return strings.Join(kept, "&")
}
