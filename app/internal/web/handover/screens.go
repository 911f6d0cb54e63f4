// Package handover serves the pages that hand over assignments to others, permanently or to deputies for some time.
package handover

import (
	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/app/internal/web/kit"
)

// Screens are the pages about handovers and deputies.
type Screens struct {
	*kit.Kit
	handovers *handover.Service
	customers *customer.Service
}

// New makes the screens.
func New(
	k *kit.Kit, handovers *handover.Service, customers *customer.Service,
) *Screens {
	return &Screens{Kit: k, handovers: handovers, customers: customers}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/specialists/:id/deactivate", kit.Firm, s.askDeactivate),
		kit.Get("/specialists/:id/handover", kit.Firm, s.planHandover),
		kit.Post("/specialists/:id/handover", kit.Firm, s.startHandover),
		kit.Get("/specialists/:id/handovers/:hid", kit.Firm, s.showHandover),
		kit.Get("/specialists/:id/deputies", kit.Firm, s.showDeputies),
		kit.Post("/specialists/:id/deputies", kit.Firm, s.addDeputy),
		kit.Post("/specialists/:id/deputies/:did/end", kit.Firm, s.endDeputy),
	}
}
