package portal

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/access"
	"kontor/app/internal/web/document"
	"kontor/app/internal/web/kit"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/transaction"
	"kontor/policies"
)

// portal is the data of the end user's start page.
type portal struct {
	Name      string
	Customers []portalCustomer
}

// portalCustomer is one of the end user's customers with one page of its transactions.
type portalCustomer struct {
	access.MyCustomer
	Rows       []transaction.Transaction
	Empty      kit.Empty
	Next, Prev string // addresses
}

func (s *Screens) showPortal(c *fiber.Ctx) error {
	mine, err := s.accesses.Mine(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	d := portal{Name: kit.Signed(c).Account.Name}
	scope, err := s.Policy.Scope(s.Caller(c).Roles, policies.ObjectTransaction, policies.Read)
	if err != nil {
		return err
	}
	all := transactionpages.FullFor(scope, policies.Access)
	for _, m := range mine { // a person has few customers
		f := transaction.Filter{Customer: m.ID.String()}
		if c.Query("customer") == f.Customer { // the customer whose transactions are being paged through
			f.After, f.Before = c.Query("after"), c.Query("before")
		}
		page, err := s.transactions.List(s.Ctx(c), s.Caller(c), f)
		if err != nil {
			return err
		}
		p := portalCustomer{MyCustomer: m, Rows: page.Rows, Empty: kit.Empty{List: "portal", Why: kit.EmptinessOf(false, all)}}
		if page.Next != "" {
			p.Next = transactionpages.URL("/portal", transaction.Filter{Customer: f.Customer}, "after", page.Next)
		}
		if page.Prev != "" {
			p.Prev = transactionpages.URL("/portal", transaction.Filter{Customer: f.Customer}, "before", page.Prev)
		}
		d.Customers = append(d.Customers, p)
	}
	return s.Render(c, kit.View{Page: "portal/index", Title: s.Say(c, "portal.title"), SingleColumn: true, Wide: true, Data: d})
}

// portalTransaction is the data of the page of one transaction.
type portalTransaction struct {
	transaction.Transaction
	Owner    string // the customer's name as its end users see it
	Contents document.Contents
	Asked    []document.Row // slots that are to be answered
	Done     []document.Row // slots that were answered
	Files    []document.Row // documents, and the folders in which they are
	Form     *kit.Form
}

func (s *Screens) showPortalTransaction(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	t, err := s.transactions.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	mine, err := s.accesses.Mine(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(mine, func(m access.MyCustomer) bool { return m.ID == t.CustomerID })
	if i < 0 { // the portal shows only what the person sees as an end user
		return transaction.ErrNotFound
	}
	d := portalTransaction{Transaction: t, Owner: mine[i].Name, Form: kit.NewForm(nil)}
	if d.Contents, err = s.documents.Contents(c, t.ID); err != nil {
		return err
	}
	if err := s.documents.Seen(c, d.Contents); err != nil {
		return err
	}
	d.Asked, d.Done, d.Files = d.Contents.ForEndUser()
	return s.Render(c, kit.View{Page: "portal/transaction", Title: t.Name, SingleColumn: true, Wide: true, Data: d})
}
