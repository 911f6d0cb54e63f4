// Package audit serves the log: of all customers, of one customer, of one transaction.
package audit

import (
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/transaction"
	"kontor/policies"
)

// Screens are the pages of the log.
type Screens struct {
	*kit.Kit
	transactions     *transaction.Service
	heads            *customerpage.Heads
	transactionPages *transactionpages.Screens
}

// New makes the screens.
func New(
	k *kit.Kit, transactions *transaction.Service, heads *customerpage.Heads, transactionPages *transactionpages.Screens,
) *Screens {
	return &Screens{Kit: k, transactions: transactions, heads: heads, transactionPages: transactionPages}
}

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "audit", Href: "/audit", Icon: "scroll-text", May: s.Allowed(policies.ObjectAudit, "", policies.Read)}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/audit", kit.Firm, s.showAudit),
		kit.Get("/customers/:id/log", kit.Firm, s.showCustomerLog),
		kit.Get("/transactions/:id/log", kit.Firm, s.showTransactionLog),
	}
}
