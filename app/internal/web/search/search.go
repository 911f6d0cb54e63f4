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

// found is the result of the frame's search: the first few results of each group, and the addresses of all results. A
// group is nil if it has no result that the caller may see.
type found struct {
	Query                         string
	Recent                        []customer.Row // the customers that the caller opened last, if nothing is looked for
	Customers                     *customer.Page
	Transactions                  *transaction.Page
	AllCustomers, AllTransactions string
}

// Nothing says whether nothing was found.
func (f found) Nothing() bool { return f.Customers == nil && f.Transactions == nil }

// find searches customers and business transactions. The lists themselves decide what the caller may see, so no row and
// no count contains anything else.
func (s *Screens) find(c *fiber.Ctx) (err error) {
	d := found{Query: customerpages.ReadFilter(c).Query}
	switch {
	case d.Query != "":
		if d, err = s.findAll(c, d.Query); err != nil {
			return err
		}
	case c.Get("HX-Target") != "found": // below the field of another page nothing opens until something is looked for
		if d.Recent, err = s.customers.Recent(s.Ctx(c), s.Caller(c)); err != nil {
			return err
		}
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

// findAll finds the first few of each group.
func (s *Screens) findAll(c *fiber.Ctx, query string) (d found, err error) {
	d.Query = query
	if d.Customers, err = s.findCustomers(c, query); err != nil {
		return d, err
	}
	if d.Transactions, err = s.transactionPages.Find(c, query); err != nil {
		return d, err
	}
	if d.Transactions != nil && d.Customers != nil && d.Customers.Similar {
		d.Customers = nil // a transaction does match, so customers that are only similar are not shown
	}
	d.AllCustomers = customerpages.URL(customer.Filter{Query: query}, "", "")
	d.AllTransactions = transactionpages.URL("/transactions", transactionpages.OfSearch(query), "", "")
	return d, nil
}

// findCustomers returns nil if no customer matches. It does not search if query is the number of a transaction.
func (s *Screens) findCustomers(c *fiber.Ctx, query string) (*customer.Page, error) {
	if _, ok := transaction.ParseNumber(query); ok {
		return nil, nil
	}
	page, err := s.customers.First(s.Ctx(c), s.Caller(c), customer.Filter{Query: query}, transactionpages.ShownHits)
	if errors.Is(err, policies.ErrForbidden) || err == nil && len(page.Rows) == 0 {
		return nil, nil
	}
	return &page, err
}
