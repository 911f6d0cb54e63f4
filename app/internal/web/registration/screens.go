// Package registration serves the page that the link of an invitation opens.
package registration

import (
	"kontor/app/access"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/signin"
)

// Screens are the pages of the registration.
type Screens struct {
	*kit.Kit
	accesses *access.Service
	signin   *signin.Screens
}

// New makes the screens.
func New(
	k *kit.Kit, accesses *access.Service, signin *signin.Screens,
) *Screens {
	return &Screens{Kit: k, accesses: accesses, signin: signin}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/register/:token", kit.Anyone, s.showRegistration),
		kit.Post("/register/:token", kit.Anyone, s.register),
		kit.Post("/register/:token/code", kit.Anyone, s.newCode),
		kit.Post("/register/:token/link", kit.Anyone, s.newLink),
		kit.Post("/register/:token/opened", kit.Anyone, s.noteOpened).ByItself(),
	}
}
