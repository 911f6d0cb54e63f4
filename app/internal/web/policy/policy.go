package policy

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/policy"
	"kontor/policies"
)

// policiesPage is the data of the page that shows the policy in force.
type policiesPage struct {
	Version    policy.Version
	Groups     []ruleGroup
	Inclusions []SaidLine
	Glance     glance
	Checks     []checkView
	Failing    int
	Manage     bool
	Changes    int  // number of changes in the draft
	Proposed   bool // a proposal waits for a second person
	Proposer   string
	Offered    int // number of offers of new permissions that wait for an answer
}

func (s *Screens) showPolicies(c *fiber.Ctx) error {
	v, err := s.policies.Current(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	w, err := s.PolicyWords(c)
	if err != nil {
		return err
	}
	doc := v.Document()
	d := policiesPage{Version: v, Groups: w.groups(doc, doc), Inclusions: w.inclusions(doc, doc)}
	inForce, err := s.policies.InForce(v)
	if err != nil {
		return err
	}
	if d.Glance, err = w.glanceOf(inForce, inForce, filterOf(func(name string) string { return c.Query(name) }), false); err != nil {
		return err
	}
	checks, err := s.policies.Expectations(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	for _, k := range checks {
		d.Checks = append(d.Checks, w.check(k))
		if !k.Holds {
			d.Failing++
		}
	}
	draft, err := s.policies.Draft(s.Ctx(c), s.Caller(c))
	switch {
	case errors.Is(err, policies.ErrForbidden):
	case err != nil:
		return err
	default:
		d.Manage, d.Changes, d.Proposed, d.Proposer = true, len(draft.Added)+len(draft.Removed), draft.Proposed, draft.Proposer
		if d.Offered, err = s.policies.Waiting(s.Ctx(c), s.Caller(c)); err != nil {
			return err
		}
	}
	return s.Render(c, kit.View{Page: "policy/index", Fragment: "policy/glance", Title: s.Say(c, "nav.policies"), Nav: "policies", Data: d})
}
