package web

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/policy"
	"kontor/policies"
)

const approvalsPath = "/approvals"

func (s *Server) approvalPlace() place {
	may := s.allowed(policies.Approval, "", policies.Read)
	return place{
		id: "approvals", href: approvalsPath, icon: "circle-check",
		may: func(caller account.Caller) (bool, error) {
			ok, err := may(caller)
			return ok || approval.Guards(caller.Roles), err
		},
		badge: func(ctx context.Context, caller account.Caller) (int, error) {
			waiting, err := s.approvals.Awaiting(ctx, caller.ID)
			return len(waiting), err
		},
	}
}

func (s *Server) approvalRoutes() []route {
	return []route{
		get(approvalsPath, firm, s.showApprovals),
		post("/approvals/:id/approve", firm, s.approve),
		post("/approvals/:id/stop", firm, s.stopApproval),
	}
}

// approvalsPage is the data of the page Approvals.
type approvalsPage struct {
	Open, Done []approvalView
	All        bool // the caller may read all of them, not only those they have to do with
	Form       *form
}

// approvalView is a proposal as a row.
type approvalView struct {
	approval.View
	Link string // to what it is about, "" when the caller has none to go to
	// Added and Removed are the rules of a policy that is proposed.
	Added, Removed []saidLine
	Roles          string // those that are proposed, in the person's language
}

func (s *Server) showApprovals(c *fiber.Ctx) error {
	return s.renderApprovals(c, newForm(map[string]string{}), fiber.StatusOK)
}

func (s *Server) renderApprovals(c *fiber.Ctx, f *form, status int) error {
	d := approvalsPage{Form: f}
	caller := s.caller(c)
	var err error
	if d.All, err = s.policy.Allows(policies.Request{Roles: caller.Roles, Object: policies.Approval, Action: policies.Read}); err != nil {
		return err
	}
	open, done, err := s.approvals.List(s.ctx(c), caller.Actor(), d.All)
	if err != nil {
		return err
	}
	if d.Open, err = s.approvalViews(c, open); err != nil {
		return err
	}
	if d.Done, err = s.approvalViews(c, done); err != nil {
		return err
	}
	title := s.say(c, "nav.approvals")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "approvals/index", Title: title, Nav: "approvals", Status: status, Data: d})
}

func (s *Server) approvalViews(c *fiber.Ctx, list []approval.View) (out []approvalView, err error) {
	roles := s.caller(c).Roles
	may := func(object policies.Object, action policies.Action) (bool, error) {
		return s.policy.Allows(policies.Request{Roles: roles, Object: object, Action: action})
	}
	people, err := may(policies.SpecialistOb, policies.Read)
	if err != nil {
		return nil, err
	}
	keeps, err := may(policies.Policy, policies.Manage)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		a := approvalView{View: v}
		switch {
		case v.CustomerID.Valid:
			a.Link = "/customers/" + v.CustomerID.UUID.String() + "/authorisations"
		case v.Kind == approval.PolicyChange && keeps && v.State == approval.Waiting:
			a.Link = draftPath
		case v.Kind != approval.PolicyChange && v.SubjectID.Valid && people:
			a.Link = specialistPath(v.SubjectID.UUID)
		}
		if v.Kind == approval.PolicyChange {
			var draft policy.DraftProposed
			if err := v.Read(&draft); err != nil {
				return nil, err
			}
			w, err := s.policyWords(c)
			if err != nil {
				return nil, err
			}
			a.Added, a.Removed = w.lines(draft.Added), w.lines(draft.Removed)
		}
		if v.Kind == approval.Roles {
			var wanted account.RolesWanted
			if err := v.Read(&wanted); err != nil {
				return nil, err
			}
			for i, r := range wanted.Roles {
				if i > 0 {
					a.Roles += ", "
				}
				a.Roles += s.say(c, "role."+string(r))
			}
		}
		out = append(out, a)
	}
	return out, nil
}

func (s *Server) approve(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	_, err = s.approvals.Approve(s.ctx(c), s.caller(c).Actor(), id)
	return s.decided(c, err, "toast.approved")
}

func (s *Server) stopApproval(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	_, err = s.approvals.Stop(s.ctx(c), s.caller(c).Actor(), id)
	return s.decided(c, err, "toast.approval_stopped")
}

// decided answers a decision: back to the list, or the list with what stands in the way.
func (s *Server) decided(c *fiber.Ctx, err error, done string) error {
	if err == nil {
		return s.redirect(c, approvalsPath, done)
	}
	f := newForm(map[string]string{})
	if status, ok := s.complain(c, f, err); ok {
		return s.renderApprovals(c, f, status)
	}
	return err
}

// asked answers what was proposed instead of done; ok is false for any other outcome.
func (s *Server) asked(c *fiber.Ctx, err error) (answer error, ok bool) {
	if !errors.Is(err, approval.ErrAsked) {
		return nil, false
	}
	return s.redirect(c, approvalsPath, "toast.approval_asked"), true
}
