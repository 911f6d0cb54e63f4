package web

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/access"
	"kontor/app/transaction"
	"kontor/policies"
)

func (s *Server) portalRoutes() []route {
	return []route{
		get("/portal", endUser, s.showPortal),
		get("/portal/transactions/:id", endUser, s.showPortalTransaction),
	}
}

// portal is the data of the end user's page.
type portal struct {
	Name      string
	Customers []portalCustomer
}

// portalCustomer is one of the end user's customers with a page of its transactions.
type portalCustomer struct {
	access.MyCustomer
	Rows       []transaction.Transaction
	Empty      empty
	Next, Prev string // addresses
}

func (s *Server) showPortal(c *fiber.Ctx) error {
	mine, err := s.accesses.Mine(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	d := portal{Name: signed(c).Account.Name}
	scope, err := s.policy.Scope(s.caller(c).Roles, policies.Transaction, policies.Read)
	if err != nil {
		return err
	}
	all := fullFor(scope, policies.Access)
	for _, m := range mine { // a person's few customers
		f := transaction.Filter{Customer: m.ID.String()}
		if c.Query("customer") == f.Customer { // the one that is being paged through
			f.After, f.Before = c.Query("after"), c.Query("before")
		}
		page, err := s.transactions.List(s.ctx(c), s.caller(c), f)
		if err != nil {
			return err
		}
		p := portalCustomer{MyCustomer: m, Rows: page.Rows, Empty: empty{List: "portal", Why: emptinessOf(false, all)}}
		if page.Next != "" {
			p.Next = transactionsURL("/portal", transaction.Filter{Customer: f.Customer}, "after", page.Next)
		}
		if page.Prev != "" {
			p.Prev = transactionsURL("/portal", transaction.Filter{Customer: f.Customer}, "before", page.Prev)
		}
		d.Customers = append(d.Customers, p)
	}
	return s.render(c, view{Page: "portal/index", Title: s.say(c, "portal.title"), Door: true, Wide: true, Data: d})
}

// portalTransaction is the data of one transaction's page.
type portalTransaction struct {
	transaction.Transaction
	Owner string // the customer's name as its end users see it
}

func (s *Server) showPortalTransaction(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	t, err := s.transactions.Get(s.ctx(c), s.caller(c), id)
	if err != nil {
		return err
	}
	mine, err := s.accesses.Mine(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(mine, func(m access.MyCustomer) bool { return m.ID == t.CustomerID })
	if i < 0 { // what they see as somebody else than its end user is not here
		return transaction.ErrNotFound
	}
	return s.render(c, view{
		Page: "portal/transaction", Title: t.Name, Door: true, Wide: true, Data: portalTransaction{Transaction: t, Owner: mine[i].Name},
	})
}
