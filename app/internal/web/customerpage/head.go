// Package customerpage loads what every page about one customer needs: the customer, the tabs, and the caller's
// permissions.
package customerpage

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/audit"
	"kontor/app/authorisation"
	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/note"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Options are the services that the heads need.
type Options struct {
	Customers      *customer.Service
	Transactions   *transaction.Service
	Authorisations *authorisation.Service
	Notes          *note.Service
}

// Heads loads the heads of a customer's pages.
type Heads struct {
	*kit.Kit
	o Options
}

// New makes Heads.
func New(k *kit.Kit, o Options) *Heads { return &Heads{Kit: k, o: o} }

// Head is the head of every page about one customer.
type Head struct {
	customer.Customer
	Path string // /customers/<id>
	Tab  string
	May  map[policies.Permission]bool
	// Transactions says whether the caller may see any transactions, or add one for this customer.
	Transactions bool
	Glance       Glance
}

// Glance is what the head says about the customer, as far as the caller may see it.
type Glance struct {
	Status         customer.AccessStatus // as in the overview
	Accesses       int
	Administrators []string // the first names; nil if the caller may not see who administers the customer, or nobody does
	More           int      // how many others there are
	Count          transaction.Glance
	Last           *audit.Entry // the newest entry of the log; nil: none
}

// namesShown is how many administrators the head names.
const namesShown = 3

// Named is how many administrators there are.
func (g Glance) Named() int { return len(g.Administrators) + g.More }

// Capped is a number of transactions as the head says it.
func (g Glance) Capped(n int) string {
	if n > transaction.GlanceCap {
		return strconv.Itoa(transaction.GlanceCap) + "+"
	}
	return strconv.Itoa(n)
}

// Said is a number of transactions for a text with a singular and a plural; Many says that there are more.
func (g Glance) Said(n int) int  { return min(n, transaction.GlanceCap) }
func (g Glance) Many(n int) bool { return n > transaction.GlanceCap }

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
func (x Head) MayWriteNotes() bool   { return x.May[note.WantRead] && x.May[note.WantCreate] }

// Of loads the customer that the address names, if the caller may see it.
func (s *Heads) Of(c *fiber.Ctx, tab string) (Head, error) {
	x, err := s.BareOf(c, tab)
	if err == nil && !kit.IsFragment(c) { // a fragment has no head
		x.Glance, err = s.glance(c, x)
	}
	return x, err
}

// BareOf is Of for an answer that shows no head.
func (s *Heads) BareOf(c *fiber.Ctx, tab string) (Head, error) {
	id, err := kit.Param(c, "id")
	if err != nil {
		return Head{}, err
	}
	cu, err := s.o.Customers.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return Head{}, err
	}
	if c.Method() == fiber.MethodGet && !kit.IsFragment(c) {
		if err := s.o.Customers.Opened(s.Ctx(c), s.Caller(c), id); err != nil {
			return Head{}, err
		}
	}
	return s.bare(c, cu, tab)
}

// HeadOf is the head of a customer that is loaded already.
func (s *Heads) HeadOf(c *fiber.Ctx, cu customer.Customer, tab string) (Head, error) {
	x, err := s.bare(c, cu, tab)
	if err == nil {
		x.Glance, err = s.glance(c, x)
	}
	return x, err
}

func (s *Heads) bare(c *fiber.Ctx, cu customer.Customer, tab string) (Head, error) {
	may, err := s.o.Customers.May(s.Ctx(c), s.Caller(c), cu, wantUpdate, wantDelete, wantReadAccess, wantCreateAccess, wantUpdateAccess, wantResend, wantRemove,
		WantAuthorised, wantManage, note.WantRead, note.WantCreate)
	if err != nil {
		return Head{}, err
	}
	transactions, err := s.o.Transactions.MaySeeAny(s.Caller(c))
	if err == nil && !transactions {
		var kinds []transaction.Kind
		kinds, err = s.o.Transactions.Choices(s.Ctx(c), s.Caller(c), cu.ID)
		transactions = len(kinds) > 0
	}
	return Head{Customer: cu, Path: kit.CustomerPath(cu.ID), Tab: tab, May: may, Transactions: transactions}, err
}

// glance reads what the head says about the customer.
func (s *Heads) glance(c *fiber.Ctx, x Head) (g Glance, err error) {
	ctx, caller := s.Ctx(c), s.Caller(c)
	sum := x.AccessesAt(s.Now())
	g.Status, g.Accesses = sum.Status(), sum.Total
	if x.MayReadAssigned() {
		names, err := s.o.Authorisations.AdministratorNames(ctx, x.ID)
		if err != nil {
			return g, err
		}
		g.Administrators = names[:min(len(names), namesShown)]
		g.More = len(names) - len(g.Administrators)
	}
	if x.Transactions {
		if g.Count, err = s.o.Transactions.GlanceOf(ctx, caller, x.ID); err != nil {
			return g, err
		}
	}
	transactions, err := s.o.Transactions.Logged(caller, "entry")
	if err != nil {
		return g, err
	}
	notes, err := s.o.Notes.Logged(caller, "entry")
	if err != nil {
		return g, err
	}
	last, ok, err := s.Audit.Last(ctx, x.ID, store.All(transactions, notes))
	if ok {
		g.Last = &last
	}
	return g, err
}
