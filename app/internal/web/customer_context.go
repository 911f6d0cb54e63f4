package web

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/transaction"
	"kontor/policies"
)

// customerContext is the head of every page about one customer.
type customerContext struct {
	customer.Customer
	Path string // /customers/<id>
	Tab  string
	May  map[customer.Want]bool
	// Transactions says whether the caller may see transactions at all, or add one here.
	Transactions bool
}

// What buttons on a customer's pages need.
var (
	wantUpdate       = customer.Want{Object: policies.Customer, Action: policies.Update}
	wantDelete       = customer.Want{Object: policies.Customer, Action: policies.Delete}
	wantReadAccess   = customer.Want{Object: policies.AccessObject, Action: policies.Read}
	wantCreateAccess = customer.Want{Object: policies.AccessObject, Action: policies.Create}
	wantUpdateAccess = customer.Want{Object: policies.AccessObject, Action: policies.Update}
	wantResend       = customer.Want{Object: policies.AccessObject, Action: policies.Resend}
	wantAuthorised   = customer.Want{Object: policies.Authorisation, Action: policies.Read}
	wantManage       = customer.Want{Object: policies.Authorisation, Action: policies.Manage}
	wantRemove       = customer.Want{Object: policies.AccessObject, Action: policies.Remove}
)

// For templates.
func (x customerContext) MayUpdate() bool       { return x.May[wantUpdate] }
func (x customerContext) MayDelete() bool       { return x.May[wantDelete] }
func (x customerContext) MayReadAccess() bool   { return x.May[wantReadAccess] }
func (x customerContext) MayCreateAccess() bool { return x.May[wantCreateAccess] }
func (x customerContext) MayUpdateAccess() bool { return x.May[wantUpdateAccess] }
func (x customerContext) MayResend() bool       { return x.May[wantResend] }
func (x customerContext) MayRemove() bool       { return x.May[wantRemove] }
func (x customerContext) MayReadAssigned() bool { return x.May[wantAuthorised] }
func (x customerContext) MayManage() bool       { return x.May[wantManage] }

// customerOf loads the customer of the address through what the caller may see.
func (s *Server) customerOf(c *fiber.Ctx, tab string) (customerContext, error) {
	id, err := param(c, "id")
	if err != nil {
		return customerContext{}, err
	}
	cu, err := s.customers.Get(s.ctx(c), s.caller(c), id)
	if err != nil {
		return customerContext{}, err
	}
	return s.contextOf(c, cu, tab)
}

func (s *Server) contextOf(c *fiber.Ctx, cu customer.Customer, tab string) (customerContext, error) {
	may, err := s.customers.May(s.ctx(c), s.caller(c), cu, wantUpdate, wantDelete, wantReadAccess, wantCreateAccess, wantUpdateAccess, wantResend, wantRemove,
		wantAuthorised, wantManage)
	if err != nil {
		return customerContext{}, err
	}
	transactions, err := s.transactions.MaySeeAny(s.caller(c))
	if err == nil && !transactions {
		var kinds []transaction.Kind
		kinds, err = s.transactions.Choices(s.ctx(c), s.caller(c), cu.ID)
		transactions = len(kinds) > 0
	}
	return customerContext{Customer: cu, Path: customerPath(cu.ID), Tab: tab, May: may, Transactions: transactions}, err
}

// mayAdd says whether the caller may add customers of any type.
func (s *Server) mayAdd(c *fiber.Ctx) (bool, error) {
	for _, t := range customer.Types {
		ok, err := s.policy.Allows(policies.Request{Roles: s.caller(c).Roles, Object: policies.Customer, Kind: string(t), Action: policies.Create})
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// orForbidden is err, or that it is not allowed.
func orForbidden(err error) error {
	if err != nil {
		return err
	}
	return policies.ErrForbidden
}

// query writes an address with a query, leaving out what is empty, in the order of adding.
type query struct {
	path  string
	parts []string
}

func newQuery(path string) *query { return &query{path: path} }

func (q *query) add(name, value string) {
	if value != "" {
		q.parts = append(q.parts, name+"="+url.QueryEscape(value))
	}
}

func (q *query) String() string {
	if len(q.parts) == 0 {
		return q.path
	}
	return q.path + "?" + strings.Join(q.parts, "&")
}
