// Package access serves the pages about a customer's accesses and the delivery of their invitations.
package access

import (
	"kontor/app/access"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
)

// Screens are the pages about accesses.
type Screens struct {
	*kit.Kit
	accesses *access.Service
	heads    *customerpage.Heads
}

// New makes the screens.
func New(
	k *kit.Kit, accesses *access.Service, heads *customerpage.Heads,
) *Screens {
	return &Screens{Kit: k, accesses: accesses, heads: heads}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/customers/:id/deliveries", kit.Firm, s.showDeliveries),
		kit.Get("/customers/:id/accesses/new", kit.Firm, s.newAccess),
		kit.Post("/customers/:id/accesses", kit.Firm, s.createAccess),
		kit.Post("/customers/:id/accesses/number", kit.Firm, s.numberOfAccess).ByItself(),
		kit.Get("/customers/:id/accesses/:aid", kit.Firm, s.showAccess),
		kit.Post("/customers/:id/accesses/:aid", kit.Firm, s.correctAccess),
		kit.Post("/customers/:id/accesses/:aid/resend", kit.Firm, s.resendAccess),
		kit.Post("/customers/:id/accesses/:aid/try", kit.Firm, s.tryAddress),
		kit.Post("/customers/:id/accesses/:aid/deactivate", kit.Firm, s.deactivateAccess),
		kit.Post("/customers/:id/accesses/:aid/reactivate", kit.Firm, s.reactivateAccess),
	}
}
