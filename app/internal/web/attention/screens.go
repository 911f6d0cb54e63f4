// Package attention serves the page of what needs attention.
package attention

import (
	"kontor/app/attention"
	"kontor/app/internal/web/kit"
)

// Screens are the pages and what they are made with.
type Screens struct {
	*kit.Kit
	attention *attention.Service
}

// New takes all that they need.
func New(
	k *kit.Kit, attention *attention.Service,
) *Screens {
	return &Screens{Kit: k, attention: attention}
}

// Place is this feature's entry of the navigation.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "attention", Href: "/attention", Icon: "triangle-alert", May: s.attention.May, Badge: s.attention.Count}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/attention", kit.Firm, s.showAttention),
		kit.Post("/attention/resend", kit.Firm, s.resendAll),
	}
}
