// Package signin serves signing in and out and forgotten passwords. It also keeps what somebody typed while they sign in
// again.
package signin

import (
	"kontor/app/account"
	"kontor/app/internal/web/kit"
)

// Screens are the pages for signing in and out.
type Screens struct {
	*kit.Kit
	accounts *account.Service
}

// New makes the screens.
func New(
	k *kit.Kit, accounts *account.Service,
) *Screens {
	return &Screens{Kit: k, accounts: accounts}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/", kit.Anyone, s.start),
		kit.Get("/login", kit.Anyone, s.showSignIn),
		kit.Post("/login", kit.Anyone, s.doSignIn),
		kit.Post("/logout", kit.Anyone, s.DoSignOut),
		kit.Get("/password/forgotten", kit.Anyone, s.showForgotten),
		kit.Post("/password/forgotten", kit.Anyone, s.doForgotten),
		kit.Get("/password/reset/:token", kit.Anyone, s.showPassword),
		kit.Post("/password/reset/:token", kit.Anyone, s.doPassword),
	}
}
