// Package portal serves the pages of end users.
package portal

import (
	"kontor/app/access"
	"kontor/app/internal/web/document"
	"kontor/app/internal/web/kit"
	"kontor/app/transaction"
)

// Screens are the pages of the portal.
type Screens struct {
	*kit.Kit
	accesses     *access.Service
	transactions *transaction.Service
	documents    *document.Screens
}

// New makes the screens.
func New(
	k *kit.Kit, accesses *access.Service, transactions *transaction.Service, documents *document.Screens,
) *Screens {
	return &Screens{Kit: k, accesses: accesses, transactions: transactions, documents: documents}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/portal", kit.EndUser, s.showPortal),
		kit.Get("/portal/transactions/:id", kit.EndUser, s.showPortalTransaction),
	}
}
