// Package authorisation serves the pages that assign people to customers and transactions, and the pages that explain who
// sees what and why.
package authorisation

import (
	"kontor/app/authorisation"
	"kontor/app/internal/web/access"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/transaction"
)

// Screens are the pages about authorisations.
type Screens struct {
	*kit.Kit
	authorisations   *authorisation.Service
	heads            *customerpage.Heads
	accessPages      *access.Screens
	transactionPages *transaction.Screens
}

// New makes the screens.
func New(
	k *kit.Kit, authorisations *authorisation.Service, heads *customerpage.Heads, accessPages *access.Screens, transactionPages *transaction.Screens,
) *Screens {
	return &Screens{Kit: k, authorisations: authorisations, heads: heads, accessPages: accessPages, transactionPages: transactionPages}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/customers/:id/authorisations", kit.Firm, s.showAuthorisations),
		kit.Post("/customers/:id/authorisations/remove", kit.Firm, s.removeAuthorisations),
		kit.Post("/customers/:id/authorisations/undo/:removal", kit.Firm, s.undoRemoval),
		kit.Get("/customers/:id/authorisations/why", kit.Firm, s.showWhy),
		kit.Get("/customers/:id/authorisations/matrix", kit.Firm, s.showMatrix),
		kit.Get("/customers/:id/authorisations/matrix.csv", kit.Firm, s.downloadMatrix),
		kit.Get("/customers/:id/administrators", kit.Firm, s.chooseAdministrators),
		kit.Post("/customers/:id/administrators", kit.Firm, s.addAdministrators),
		kit.Get("/customers/:id/processors", kit.Firm, s.chooseProcessors),
		kit.Post("/customers/:id/processors", kit.Firm, s.addProcessors),
		kit.Get("/transactions/:id/people", kit.Firm, s.showSeenBy),
		kit.Get("/specialists/:id/sees", kit.Firm, s.showSees),
	}
}
