// Package attention serves the page about everything that needs attention.
package attention

import (
	"kontor/app/attention"
	"kontor/app/internal/web/kit"
)

// Screens are the pages about what needs attention.
type Screens struct {
	*kit.Kit
	attention *attention.Service
}

// New makes the screens.
func New(
	k *kit.Kit, attention *attention.Service,
) *Screens {
	return &Screens{Kit: k, attention: attention}
}

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "attention", Key: "a", Href: "/attention", Icon: "triangle-alert", May: s.attention.May, Badge: s.attention.Count}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/attention", kit.Firm, s.showAttention),
		kit.Post("/attention/resend", kit.Firm, s.resendAll),
	}
}
