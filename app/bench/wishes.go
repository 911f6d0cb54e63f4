package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// The kinds of requests in a mix.
const (
	kindPage         = "page"         // the overview, or a page about a customer
	kindTyped        = "typed"        // a search as one types
	kindTransactions = "transactions" // My transactions
	kindWrite        = "write"        // adding a customer
)

// mixKinds are the kinds of 20 requests, in this order again and again: 60 % pages, 20 % searches as one types, 15 % My
// transactions, 5 % writes.
var mixKinds = strings.Fields(`page typed page transactions page page typed page page transactions
	page typed page page write page typed page transactions page`)

// wishes are what the people of a mix ask for. The n-th request is the same in every run.
type wishes struct {
	customers []string // paths of customers
	pages     []string // addresses of pages of the overview
}

var customerLink = regexp.MustCompile(`href="(/customers/[0-9a-f-]{36})[/"]`)

// learn takes customers and addresses from a page of the overview.
func (w *wishes) learn(page string) {
	for _, m := range customerLink.FindAllStringSubmatch(page, -1) {
		if !slices.Contains(w.customers, m[1]) {
			w.customers = append(w.customers, m[1])
		}
	}
	if m := next.FindStringSubmatch(page); m != nil {
		w.pages = append(w.pages, strings.ReplaceAll(m[1], "&amp;", "&"))
	}
}

// typedWords are what people type into the search of the frame.
var typedWords = []string{"stein", "müller", "xylander", "anna berg", "köln", "schmidt gmbh", "K-10042", "becker", "wagner thomas", "hoffmann"}

// transactionFilters are what people ask for in My transactions. Most look at the first page.
var transactionFilters = []url.Values{nil, {"status": {"open"}}, nil, {"q": {"grundst"}}, nil, {"kind": {"contract"}}}

// nth is the n-th request, of a person.
func (w *wishes) nth(n int, person *browser) (kind string, r request) {
	kind = mixKinds[n%len(mixKinds)]
	k := n*7919 + n/len(mixKinds) // large enough steps that neighbours differ
	switch kind {
	case kindWrite:
		return kind, person.newCustomer()
	case kindTyped:
		word := []rune(typedWords[k%len(typedWords)])
		letters := 2 + n%(len(word)-1) // at least two
		r = get("/search?" + url.Values{"q": {string(word[:letters])}}.Encode())
		r.typed = true
		return kind, r
	case kindTransactions:
		return kind, get(address("/transactions", transactionFilters[k%len(transactionFilters)]))
	}
	return kindPage, get(w.page(n, k))
}

// page is the overview, one of its further pages, or a page about a customer.
func (w *wishes) page(n, k int) string {
	customer := func() string { return w.customers[k%len(w.customers)] }
	switch {
	case len(w.customers) == 0 || n%5 < 2:
		return "/customers"
	case n%5 == 2 && len(w.pages) > 0:
		return w.pages[k%len(w.pages)]
	case n%5 == 3:
		return customer() + "/authorisations"
	}
	return customer() + "/data"
}

func address(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return fmt.Sprintf("%s?%s", path, query.Encode())
}
