package web

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"kontor/app/policy"
	"kontor/policies"
)

func (s *Server) policyPlace() place {
	return place{id: "policies", href: "/policies", icon: "shield", may: s.allowed(policies.Policy, "", policies.Read)}
}

func (s *Server) policyRoutes() []route {
	return []route{
		get("/policies", firm, s.showPolicies),
		get("/policies/expectations/new", firm, s.newExpectation),
		post("/policies/expectations", firm, s.addExpectation),
		post("/policies/expectations/:id/remove", firm, s.removeExpectation),
		get("/policies/draft", firm, s.showDraft),
		post("/policies/draft/rules", firm, s.saveRule),
		post("/policies/draft/rules/remove", firm, s.removeRule),
		post("/policies/draft/rules/return", firm, s.returnRule),
		post("/policies/draft/inclusions", firm, s.addInclusion),
		post("/policies/draft/inclusions/remove", firm, s.removeInclusion),
		post("/policies/draft/undo", firm, s.undoDraft),
		post("/policies/draft/discard", firm, s.discardDraft),
		post("/policies/draft/rebase", firm, s.rebaseDraft),
		post("/policies/draft/publish", firm, s.publishDraft),
		post("/policies/draft/offers/:id/take", firm, s.takeOffer),
		post("/policies/draft/offers/:id/dismiss", firm, s.dismissOffer),
		post("/policies/draft/propose", firm, s.proposeDraft),
		get("/policies/draft/impact", firm, s.showImpact),
		get("/policies/draft/text", firm, s.showPolicyText),
		post("/policies/draft/text", firm, s.savePolicyText),
		get("/policies/versions", firm, s.listVersions),
		get("/policies/versions/:version", firm, s.showVersion),
		post("/policies/versions/:version/restore", firm, s.restoreVersion),
		post("/policies/versions/:version/draft", firm, s.takeVersion),
	}
}

const draftPath = "/policies/draft"

// policiesPage is the data of the page that shows what is in force.
type policiesPage struct {
	Version    policy.Version
	Groups     []ruleGroup
	Inclusions []saidLine
	Checks     []checkView
	Failing    int
	Manage     bool
	Changes    int  // of the draft
	Proposed   bool // somebody waits for a second person
	Proposer   string
	Offered    int // rights that are new in this version and wait
}

func (s *Server) showPolicies(c *fiber.Ctx) error {
	v, err := s.policies.Current(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	w, err := s.policyWords(c)
	if err != nil {
		return err
	}
	doc := v.Document()
	d := policiesPage{Version: v, Groups: w.groups(doc, doc), Inclusions: w.inclusions(doc, doc)}
	checks, err := s.policies.Expectations(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	for _, k := range checks {
		d.Checks = append(d.Checks, w.check(k))
		if !k.Holds {
			d.Failing++
		}
	}
	draft, err := s.policies.Draft(s.ctx(c), s.caller(c))
	switch {
	case errors.Is(err, policies.ErrForbidden):
	case err != nil:
		return err
	default:
		d.Manage, d.Changes, d.Proposed, d.Proposer = true, len(draft.Added)+len(draft.Removed), draft.Proposed, draft.Proposer
		if d.Offered, err = s.policies.Waiting(s.ctx(c), s.caller(c)); err != nil {
			return err
		}
	}
	return s.render(c, view{Page: "policies/index", Title: s.say(c, "nav.policies"), Nav: "policies", Data: d})
}
