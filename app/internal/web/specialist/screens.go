// Package specialist serves the pages about specialist users.
package specialist

import (
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/handover"
	accountpages "kontor/app/internal/web/account"
	approvalpages "kontor/app/internal/web/approval"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/transaction"
	"kontor/policies"
)

// Options are the dependencies of the pages about specialist users. All are required.
type Options struct {
	Accounts         *account.Service
	Approvals        *approval.Service
	Courier          *courier.Service
	Handovers        *handover.Service
	AccountPages     *accountpages.Screens
	ApprovalPages    *approvalpages.Screens
	TransactionPages *transaction.Screens
}

// Screens are the pages about specialist users.
type Screens struct {
	*kit.Kit
	accounts         *account.Service
	approvals        *approval.Service
	courier          *courier.Service
	handovers        *handover.Service
	accountPages     *accountpages.Screens
	approvalPages    *approvalpages.Screens
	transactionPages *transaction.Screens
}

// New makes the screens.
func New(k *kit.Kit, o Options) *Screens {
	return &Screens{
		Kit: k, accounts: o.Accounts, approvals: o.Approvals, courier: o.Courier, handovers: o.Handovers,
		accountPages: o.AccountPages, approvalPages: o.ApprovalPages, transactionPages: o.TransactionPages,
	}
}

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "specialists", Key: "s", Href: "/specialists", Icon: "user", May: s.Allowed(policies.ObjectSpecialist, "", policies.Read)}
}

// AddAction is the action of adding a specialist user.
func (s *Screens) AddAction() kit.Action {
	return kit.Action{
		Text: "specialist.add", Href: "/specialists/new", Icon: "user-plus", May: s.Allowed(policies.ObjectSpecialist, "", policies.Manage),
	}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/specialists", kit.Firm, s.listSpecialists),
		kit.Get("/specialists/new", kit.Firm, s.newSpecialist),
		kit.Post("/specialists", kit.Firm, s.addSpecialist),
		kit.Get("/specialists/:id", kit.Firm, s.showSpecialist),
		kit.Post("/specialists/:id", kit.Firm, s.saveSpecialist),
		kit.Post("/specialists/:id/deactivate", kit.Firm, s.onSpecialist(s.accounts.Deactivate, "toast.specialist_deactivated")),
		kit.Post("/specialists/:id/reactivate", kit.Firm, s.onSpecialist(s.accounts.Reactivate, "toast.specialist_reactivated")),
		kit.Post("/specialists/:id/sessions/end", kit.Firm, s.onSpecialist(s.accounts.EndSessionsOf, "toast.sessions_ended")),
		kit.Post("/specialists/:id/sessions/:session/end", kit.Firm, s.endSession),
		kit.Post("/specialists/:id/resend", kit.Firm, s.onSpecialist(s.accounts.ResendSetPassword, "toast.link_sent")),
		kit.Post("/specialists/:id/try", kit.Firm, s.onSpecialist(s.accounts.TryAddress, "toast.address_freed")),
	}
}
