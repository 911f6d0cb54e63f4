package search

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	customerpages "kontor/app/internal/web/customer"
	"kontor/app/internal/web/kit"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/transaction"
	"kontor/policies"
)

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

// find looks for customers and business transactions at once. What the caller may see of them is decided by the lists
// themselves, so what they may not see is in no row and in no count.
func (s *Screens) find(c *fiber.Ctx) (err error) {
	f := customerpages.ReadFilter(c)
	d := found{Query: f.Query}
	if d.Query != "" {
		if d.Customers, err = s.findCustomers(c, d.Query); err != nil {
			return err
		}
		if d.Transactions, err = s.transactionPages.Find(c, d.Query); err != nil {
			return err
		}
		if d.Transactions != nil && d.Customers != nil && d.Customers.Similar {
			d.Customers = nil // something does match
		}
		d.AllCustomers = customerpages.URL(customer.Filter{Query: d.Query}, "", "")
		d.AllTransactions = transactionpages.URL("/transactions", transactionpages.OfSearch(d.Query), "", "")
	}
	title := s.Say(c, "search")
	if d.Query != "" {
		title = d.Query + " · " + title
	}
	return s.Render(c, kit.View{
		Page: "search/index", Fragment: "search/found", Title: title, Data: d,
		Search: &kit.Search{Path: "/search", Target: "#hits", Label: "search.all", Hint: "search.hint", Query: d.Query},
	})
}

// findCustomers is nil when there are none. Who typed a transaction's number looks for no customer.
func (s *Screens) findCustomers(c *fiber.Ctx, query string) (*customer.Page, error) {
	if _, ok := transaction.ParseNumber(query); ok {
		return nil, nil
	}
	page, err := s.customers.List(s.Ctx(c), s.Caller(c), customer.Filter{Query: query})
	if errors.Is(err, policies.ErrForbidden) || err == nil && len(page.Rows) == 0 {
		return nil, nil
	}
	page.Rows = page.Rows[:min(len(page.Rows), transactionpages.ShownHits)]
	return &page, err
}
