package approval

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/internal/web/kit"
	policypages "kontor/app/internal/web/policy"
	"kontor/app/policy"
	"kontor/policies"
)

// approvalsPage is the data of the page Approvals.
type approvalsPage struct {
	Open, Done []View
	All        bool // the caller may read all proposals, not only those that concern them
	Form       *kit.Form
}

// View is a proposal as a row of the list.
type View struct {
	approval.View
	Link string // address of the page about the proposal's subject, "" if the caller may not open it
	// Added and Removed are the rules that a proposed policy adds and removes.
	Added, Removed []policypages.SaidLine
	Roles          string // the proposed roles, in the person's language
}

func (s *Screens) showApprovals(c *fiber.Ctx) error {
	return s.renderApprovals(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) renderApprovals(c *fiber.Ctx, f *kit.Form, status int) error {
	d := approvalsPage{Form: f}
	caller := s.Caller(c)
	var err error
	if d.All, err = s.Policy.Allows(policies.Request{Roles: caller.Roles, Object: policies.ObjectApproval, Action: policies.Read}); err != nil {
		return err
	}
	open, done, err := s.approvals.List(s.Ctx(c), caller.Actor(), d.All)
	if err != nil {
		return err
	}
	if d.Open, err = s.Views(c, open); err != nil {
		return err
	}
	if d.Done, err = s.Views(c, done); err != nil {
		return err
	}
	title := s.Say(c, "nav.approvals")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "approval/index", Title: title, Nav: "approvals", Status: status, Data: d})
}

// Views prepares proposals for display in the person's language.
func (s *Screens) Views(c *fiber.Ctx, list []approval.View) (out []View, err error) {
	roles := s.Caller(c).Roles
	may := func(object policies.Object, action policies.Action) (bool, error) {
		return s.Policy.Allows(policies.Request{Roles: roles, Object: object, Action: action})
	}
	people, err := may(policies.ObjectSpecialist, policies.Read)
	if err != nil {
		return nil, err
	}
	keeps, err := may(policies.ObjectPolicy, policies.Manage)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		a := View{View: v}
		switch {
		case v.CustomerID.Valid:
			a.Link = "/customers/" + v.CustomerID.UUID.String() + "/authorisations"
		case v.Kind == approval.PolicyChange && keeps && v.State == approval.Waiting:
			a.Link = kit.DraftPath
		case v.Kind != approval.PolicyChange && v.SubjectID.Valid && people:
			a.Link = kit.SpecialistPath(v.SubjectID.UUID)
		}
		if v.Kind == approval.PolicyChange {
			var draft policy.DraftProposed
			if err := v.Read(&draft); err != nil {
				return nil, err
			}
			w, err := s.policyPages.PolicyWords(c)
			if err != nil {
				return nil, err
			}
			a.Added, a.Removed = w.Lines(draft.Added), w.Lines(draft.Removed)
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
				a.Roles += s.Say(c, "role."+string(r))
			}
		}
		out = append(out, a)
	}
	return out, nil
}

func (s *Screens) approve(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	_, err = s.approvals.Approve(s.Ctx(c), s.Caller(c).Actor(), id)
	return s.decided(c, err, "toast.approved")
}

func (s *Screens) stopApproval(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	_, err = s.approvals.Stop(s.Ctx(c), s.Caller(c).Actor(), id)
	return s.decided(c, err, "toast.approval_stopped")
}

// decided answers a decision: it returns to the list, or shows the list with a complaint.
func (s *Screens) decided(c *fiber.Ctx, err error, done string) error {
	if err == nil {
		return s.Redirect(c, kit.ApprovalsPath, done)
	}
	f := kit.NewForm(map[string]string{})
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderApprovals(c, f, status)
	}
	return err
}
