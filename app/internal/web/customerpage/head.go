// Package customerpage loads what every page about one customer needs: the customer, the tabs, and the caller's
// permissions.
package customerpage

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/transaction"
	"kontor/policies"
)

// Heads loads the heads of a customer's pages.
type Heads struct {
	*kit.Kit
	customers    *customer.Service
	transactions *transaction.Service
}

// New makes Heads.
func New(
	k *kit.Kit, customers *customer.Service, transactions *transaction.Service,
) *Heads {
	return &Heads{Kit: k, customers: customers, transactions: transactions}
}

// Head is the head of every page about one customer.
type Head struct {
	customer.Customer
	Path string // /customers/<id>
	Tab  string
	May  map[policies.Permission]bool
	// Transactions says whether the caller may see any transactions, or add one for this customer.
	Transactions bool
}

// The permissions that the buttons on a customer's pages need.
var (
	wantUpdate       = policies.Permission{Object: policies.ObjectCustomer, Action: policies.Update}
	wantDelete       = policies.Permission{Object: policies.ObjectCustomer, Action: policies.Delete}
	wantReadAccess   = policies.Permission{Object: policies.ObjectAccess, Action: policies.Read}
	wantCreateAccess = policies.Permission{Object: policies.ObjectAccess, Action: policies.Create}
	wantUpdateAccess = policies.Permission{Object: policies.ObjectAccess, Action: policies.Update}
	wantResend       = policies.Permission{Object: policies.ObjectAccess, Action: policies.Resend}
	WantAuthorised   = policies.Permission{Object: policies.ObjectAuthorisation, Action: policies.Read}
	wantManage       = policies.Permission{Object: policies.ObjectAuthorisation, Action: policies.Manage}
	wantRemove       = policies.Permission{Object: policies.ObjectAccess, Action: policies.Remove}
)

// The caller's permissions on the customer's pages, for templates.

func (x Head) MayUpdate() bool       { return x.May[wantUpdate] }
func (x Head) MayDelete() bool       { return x.May[wantDelete] }
func (x Head) MayReadAccess() bool   { return x.May[wantReadAccess] }
func (x Head) MayCreateAccess() bool { return x.May[wantCreateAccess] }
func (x Head) MayUpdateAccess() bool { return x.May[wantUpdateAccess] }
func (x Head) MayResend() bool       { return x.May[wantResend] }
func (x Head) MayRemove() bool       { return x.May[wantRemove] }
func (x Head) MayReadAssigned() bool { return x.May[WantAuthorised] }
func (x Head) MayManage() bool       { return x.May[wantManage] }

// Of loads the customer that the address names, if the caller may see it.
func (s *Heads) Of(c *fiber.Ctx, tab string) (Head, error) {
	id, err := kit.Param(c, "id")
	if err != nil {
		return Head{}, err
	}
	cu, err := s.customers.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return Head{}, err
	}
	if c.Method() == fiber.MethodGet && !kit.IsFragment(c) {
		if err := s.customers.Opened(s.Ctx(c), s.Caller(c), id); err != nil {
			return Head{}, err
		}
	}
	return s.HeadOf(c, cu, tab)
}

// HeadOf is the head of a customer that is loaded already.
func (s *Heads) HeadOf(c *fiber.Ctx, cu customer.Customer, tab string) (Head, error) {
	may, err := s.customers.May(s.Ctx(c), s.Caller(c), cu, wantUpdate, wantDelete, wantReadAccess, wantCreateAccess, wantUpdateAccess, wantResend, wantRemove,
		WantAuthorised, wantManage)
	if err != nil {
		return Head{}, err
	}
	transactions, err := s.transactions.MaySeeAny(s.Caller(c))
	if err == nil && !transactions {
		var kinds []transaction.Kind
		kinds, err = s.transactions.Choices(s.Ctx(c), s.Caller(c), cu.ID)
		transactions = len(kinds) > 0
	}
	return Head{Customer: cu, Path: kit.CustomerPath(cu.ID), Tab: tab, May: may, Transactions: transactions}, err
}
