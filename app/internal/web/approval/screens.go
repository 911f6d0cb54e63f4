// Package approval serves the page of the proposals that wait for a second person.
package approval

import (
	"context"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/policy"
	"kontor/policies"
)

// Screens are the pages about approvals.
type Screens struct {
	*kit.Kit
	approvals   *approval.Service
	policyPages *policy.Screens
}

// New makes the screens.
func New(
	k *kit.Kit, approvals *approval.Service, policyPages *policy.Screens,
) *Screens {
	return &Screens{Kit: k, approvals: approvals, policyPages: policyPages}
}

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	may := s.Allowed(policies.ObjectApproval, "", policies.Read)
	return kit.Place{
		ID: "approvals", Key: "v", Href: kit.ApprovalsPath, Icon: "circle-check",
		May: func(ctx context.Context, caller account.Caller) (bool, error) {
			ok, err := may(ctx, caller)
			return ok || approval.Guards(caller.Roles), err
		},
		Badge: func(ctx context.Context, caller account.Caller) (int, error) {
			waiting, err := s.approvals.Awaiting(ctx, caller.ID)
			return len(waiting), err
		},
	}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get(kit.ApprovalsPath, kit.Firm, s.showApprovals),
		kit.Post("/approvals/:id/approve", kit.Firm, s.approve),
		kit.Post("/approvals/:id/stop", kit.Firm, s.stopApproval),
	}
}
