package web

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/transaction"
	"kontor/policies"
)

func (s *Server) searchRoutes() []route {
	return []route{get("/search", firm, s.find)}
}

// search is the search field of the frame.
type search struct {
	Path        string   // where it asks
	Target      string   // what it fills as somebody types; "" is the sheet below it
	Label, Hint string   // text ids
	Query       string   // what stands in it
	Rest        []option // what else the list's address says, name and value
}

// found is what the frame's search found: of each group the first few, and where all of them are. A group is nil when
// there is nothing of it that the caller may see.
type found struct {
	Query                         string
	Customers                     *customer.Page
	Transactions                  *transaction.Page
	AllCustomers, AllTransactions string
}

// Nothing says whether nothing was found.
func (f found) Nothing() bool { return f.Customers == nil && f.Transactions == nil }

// shownHits is how many of a group are shown.
const shownHits = 5

// find looks for customers and business transactions at once. What the caller may see of them is decided by the lists
// themselves, so what they may not see is in no row and in no count.
func (s *Server) find(c *fiber.Ctx) (err error) {
	f := readFilter(c)
	d := found{Query: f.Query}
	if d.Query != "" {
		if d.Customers, err = s.findCustomers(c, d.Query); err != nil {
			return err
		}
		if d.Transactions, err = s.findTransactions(c, d.Query); err != nil {
			return err
		}
		if d.Transactions != nil && d.Customers != nil && d.Customers.Similar {
			d.Customers = nil // something does match
		}
		d.AllCustomers = overviewURL(customer.Filter{Query: d.Query}, "", "")
		d.AllTransactions = transactionsURL("/transactions", ofSearch(d.Query), "", "")
	}
	title := s.say(c, "search")
	if d.Query != "" {
		title = d.Query + " · " + title
	}
	return s.render(c, view{
		Page: "search/index", Fragment: "search/found", Title: title, Data: d,
		Search: &search{Path: "/search", Target: "#hits", Label: "search.all", Hint: "search.hint", Query: d.Query},
	})
}

// findCustomers is nil when there are none. Who typed a transaction's number looks for no customer.
func (s *Server) findCustomers(c *fiber.Ctx, query string) (*customer.Page, error) {
	if _, ok := transaction.ParseNumber(query); ok {
		return nil, nil
	}
	page, err := s.customers.List(s.ctx(c), s.caller(c), customer.Filter{Query: query})
	if errors.Is(err, policies.ErrForbidden) || err == nil && len(page.Rows) == 0 {
		return nil, nil
	}
	page.Rows = page.Rows[:min(len(page.Rows), shownHits)]
	return &page, err
}

// ofSearch are the business transactions that a search means: with a customer's number, those of the customer.
func ofSearch(query string) transaction.Filter {
	if _, ok := customer.ParseNumber(query); ok {
		return transaction.Filter{Customer: query}
	}
	return transaction.Filter{Query: query}
}

// findTransactions is nil when there are none.
func (s *Server) findTransactions(c *fiber.Ctx, query string) (*transaction.Page, error) {
	page, err := s.transactions.List(s.ctx(c), s.caller(c), ofSearch(query))
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	page.Rows = page.Rows[:min(len(page.Rows), shownHits)]
	return &page, nil
}
