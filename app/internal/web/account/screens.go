// Package account serves the page on which people manage their own account.
package account

import (
	"kontor/app/account"
	"kontor/app/handover"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/signin"
)

// Screens are the pages about one's own account.
type Screens struct {
	*kit.Kit
	accounts  *account.Service
	handovers *handover.Service
	signin    *signin.Screens
}

// New makes the screens.
func New(
	k *kit.Kit, accounts *account.Service, handovers *handover.Service, signin *signin.Screens,
) *Screens {
	return &Screens{Kit: k, accounts: accounts, handovers: handovers, signin: signin}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/account", kit.Person, s.showAccount),
		kit.Post("/account", kit.Person, s.saveAccount),
		kit.Post("/account/appearance", kit.Person, s.saveLook),
		kit.Post("/account/mails", kit.Firm, s.saveMails),
		kit.Post("/account/password", kit.Person, s.changePassword),
		kit.Post("/account/email", kit.Person, s.askEmail),
		kit.Post("/account/sessions", kit.Person, s.signOutEverywhere),
		kit.Post("/account/sessions/:session/end", kit.Person, s.endOwnSession),
		kit.Get("/account/email/:token", kit.Anyone, s.showConfirmEmail),
		kit.Post("/account/email/:token", kit.Anyone, s.confirmEmail),
	}
}
