// Package audit serves the log: of all customers, of one customer, of one transaction.
package audit

import (
	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/note"
	"kontor/app/transaction"
	"kontor/policies"
)

// Options are the services and screens that the log needs: the objects of its entries are theirs.
type Options struct {
	Accounts     *account.Service
	Customers    *customer.Service
	Accesses     *access.Service
	Transactions *transaction.Service
	Handovers    *handover.Service
	Notes        *note.Service

	Heads            *customerpage.Heads
	TransactionPages *transactionpages.Screens
}

// Screens are the pages of the log.
type Screens struct {
	*kit.Kit
	o Options
}

// New makes the screens.
func New(k *kit.Kit, o Options) *Screens { return &Screens{Kit: k, o: o} }

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "audit", Key: "l", Href: Path, Icon: "scroll-text", May: s.Allowed(policies.ObjectAudit, "", policies.Read)}
}

// Path is the address of the log of all customers.
const Path = "/audit"

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return append(s.ExportRoutes(Path, s.export),
		kit.Get(Path, kit.Firm, s.showAudit),
		kit.Get("/customers/:id/log", kit.Firm, s.showCustomerLog),
		kit.Get("/transactions/:id/log", kit.Firm, s.showTransactionLog),
	)
}
