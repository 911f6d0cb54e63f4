// Package policy serves the pages for reading, drafting, checking and publishing policies.
package policy

import (
	"context"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
	"kontor/app/policy"
	"kontor/app/transaction"
	"kontor/policies"
)

// Screens are the pages about policies.
type Screens struct {
	*kit.Kit
	policies     *policy.Service
	transactions Transactions
}

// Transactions finds the transactions to choose from for an expectation.
type Transactions interface {
	First(ctx context.Context, c account.Caller, f transaction.Filter, n int) (transaction.Page, error)
}

// New makes the screens.
func New(k *kit.Kit, policies *policy.Service, transactions Transactions) *Screens {
	return &Screens{Kit: k, policies: policies, transactions: transactions}
}

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "policies", Key: "p", Href: "/policies", Icon: "shield", May: s.Allowed(policies.ObjectPolicy, "", policies.Read)}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/policies", kit.Firm, s.showPolicies),
		kit.Get("/policies/expectations/new", kit.Firm, s.newExpectation),
		kit.Post("/policies/expectations", kit.Firm, s.addExpectation),
		kit.Post("/policies/expectations/:id/remove", kit.Firm, s.removeExpectation),
		kit.Get("/policies/draft", kit.Firm, s.showDraft),
		kit.Post("/policies/draft/cells", kit.Firm, s.toggleRule),
		kit.Post("/policies/draft/rules", kit.Firm, s.saveRule),
		kit.Post("/policies/draft/rules/remove", kit.Firm, s.removeRule),
		kit.Post("/policies/draft/rules/return", kit.Firm, s.returnRule),
		kit.Post("/policies/draft/inclusions", kit.Firm, s.addInclusion),
		kit.Post("/policies/draft/inclusions/remove", kit.Firm, s.removeInclusion),
		kit.Post("/policies/draft/undo", kit.Firm, s.undoDraft),
		kit.Post("/policies/draft/discard", kit.Firm, s.discardDraft),
		kit.Post("/policies/draft/rebase", kit.Firm, s.rebaseDraft),
		kit.Post("/policies/draft/publish", kit.Firm, s.publishDraft),
		kit.Post("/policies/draft/offers/:id/take", kit.Firm, s.takeOffer),
		kit.Post("/policies/draft/offers/:id/dismiss", kit.Firm, s.dismissOffer),
		kit.Post("/policies/draft/propose", kit.Firm, s.proposeDraft),
		kit.Get("/policies/draft/impact", kit.Firm, s.showImpact),
		kit.Get("/policies/draft/text", kit.Firm, s.showPolicyText),
		kit.Post("/policies/draft/text", kit.Firm, s.savePolicyText),
		kit.Get("/policies/versions", kit.Firm, s.listVersions),
		kit.Get("/policies/versions/:version", kit.Firm, s.showVersion),
		kit.Post("/policies/versions/:version/restore", kit.Firm, s.restoreVersion),
		kit.Post("/policies/versions/:version/draft", kit.Firm, s.takeVersion),
	}
}
