package web

import (
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/policy"
	"kontor/policies"
)

// draftPage is the data of the draft's page.
type draftPage struct {
	Draft          policy.Draft
	Changes        int
	Groups         []ruleGroup
	Inclusions     []saidLine
	Added, Removed []saidLine
	Unknown        []stepView // what somebody else changed while the caller was looking
	LastStep       *stepView
	Rule           ruleForm
	Inclusion      *form
	Roles          []option
	Impact         impactView
	Review         policy.Review
	Checks         []checkView
	Offers         []offerView
	Own            bool  // the proposal is the caller's
	Form           *form // of publishing
}

// Only so long do these pages wait for what a draft would change to be counted.
const (
	draftImpactTime = 3 * time.Second
	impactTime      = 10 * time.Second
)

func (s *Server) showDraft(c *fiber.Ctx) error {
	rule := readRule(func(name string) string { return c.Query(name) })
	if isFragment(c) { // a choice was made in the form of a rule: the other choices follow it
		d, err := s.policies.Draft(s.ctx(c), s.caller(c))
		if err != nil {
			return err
		}
		return s.renderRuleForm(c, d, rule)
	}
	return s.renderDraft(c, draftPage{Rule: ruleForm{Form: rule}}, fiber.StatusOK)
}

// renderRuleForm answers with the form of a rule alone.
func (s *Server) renderRuleForm(c *fiber.Ctx, d policy.Draft, rule *form) error {
	w, err := s.policyWords(c)
	if err != nil {
		return err
	}
	return s.render(c, view{
		Page: "policies/rule_form", Fragment: "policies/rule_form", Title: s.say(c, "policy.draft"), Nav: "policies",
		Data: draftPage{Draft: d, Rule: w.ruleForm(rule)},
	})
}

// renderDraft answers with the draft's page. d brings the forms that were sent, if any.
func (s *Server) renderDraft(c *fiber.Ctx, d draftPage, status int) error {
	var err error
	if d.Draft, err = s.policies.Draft(s.ctx(c), s.caller(c)); err != nil {
		return err
	}
	w, err := s.policyWords(c)
	if err != nil {
		return err
	}
	doc, published := d.Draft.Document(), d.Draft.Published.Document()
	d.Changes = len(d.Draft.Added) + len(d.Draft.Removed)
	d.Groups, d.Inclusions = w.groups(published, doc), w.inclusions(published, doc)
	d.Added, d.Removed = w.lines(d.Draft.Added), w.lines(d.Draft.Removed)
	d.Own = d.Draft.ProposedBy == s.caller(c).ID
	d.Roles = w.roleOptions()
	if n := len(d.Draft.Steps); n > 0 {
		last := w.step(d.Draft.Steps[n-1])
		d.LastStep = &last
	}
	if d.Rule.Form == nil {
		d.Rule.Form = newForm(map[string]string{})
	}
	d.Rule = w.ruleForm(d.Rule.Form)
	if d.Inclusion == nil {
		d.Inclusion = newForm(map[string]string{})
	}
	if d.Form == nil {
		d.Form = newForm(map[string]string{"comment": d.Draft.Comment})
	}
	if status == fiber.StatusConflict {
		if edit, err := strconv.Atoi(posted(c, "edit")); err == nil {
			for _, step := range d.Draft.Since(edit) {
				d.Unknown = append(d.Unknown, w.step(step))
			}
		}
	}
	if d.Review, err = s.policies.Review(s.ctx(c), s.caller(c), d.Draft); err != nil {
		return err
	}
	for _, k := range d.Review.Checks {
		d.Checks = append(d.Checks, w.check(k))
	}
	if d.Offers, err = s.offers(c, w); err != nil {
		return err
	}
	if d.Impact, err = s.impact(c, w, d.Draft, draftImpactTime); err != nil {
		return err
	}
	title := s.say(c, "policy.draft")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "policies/draft", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Server) impact(c *fiber.Ctx, w policyWords, d policy.Draft, within time.Duration) (impactView, error) {
	if !d.Changed() {
		return impactView{}, nil
	}
	i, err := s.policies.WouldChange(s.ctx(c), s.caller(c), d, within)
	return w.impact(i), err
}

// showImpact counts with more patience.
func (s *Server) showImpact(c *fiber.Ctx) error {
	d, err := s.policies.Draft(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	w, err := s.policyWords(c)
	if err != nil {
		return err
	}
	i, err := s.impact(c, w, d, impactTime)
	if err != nil {
		return err
	}
	return s.render(c, view{
		Page: "policies/impact_page", Fragment: "policies/impact", Title: s.say(c, "policy.impact"), Nav: "policies",
		Data: draftPage{Draft: d, Impact: i},
	})
}

// editOf is the edit at which the draft was when the form was made; what is none was never one.
func editOf(c *fiber.Ctx) int {
	edit, err := strconv.Atoi(posted(c, "edit"))
	if err != nil {
		return -1
	}
	return edit
}

// edited answers a change of the draft: back to it, or the page again with what is wrong.
func (s *Server) edited(c *fiber.Ctx, err error, done string, f *form, d func() draftPage) error {
	if err == nil {
		return s.redirect(c, draftPath, done)
	}
	status, ok := s.complain(c, f, err)
	if !ok {
		return err
	}
	return s.renderDraft(c, d(), status)
}

// plainly is edited for buttons without a form of their own: the message stands at the page's head.
func (s *Server) plainly(c *fiber.Ctx, err error, done string) error {
	f := newForm(map[string]string{})
	return s.edited(c, err, done, f, func() draftPage { return draftPage{Form: f} })
}

func (s *Server) saveRule(c *fiber.Ctx) error {
	f := readRule(func(name string) string { return posted(c, name) })
	if posted(c, "choose") != "" { // without script: the choices that go with the object
		return s.renderDraft(c, draftPage{Rule: ruleForm{Form: f}}, fiber.StatusOK)
	}
	var err error
	done := "toast.rule_added"
	if was := f.Values["was"]; was != "" {
		done = "toast.rule_changed"
		err = s.policies.ChangeRule(s.ctx(c), s.caller(c), editOf(c), ruleOfLine(was), ruleOfForm(f))
	} else {
		err = s.policies.AddRule(s.ctx(c), s.caller(c), editOf(c), ruleOfForm(f))
	}
	return s.edited(c, err, done, f, func() draftPage { return draftPage{Rule: ruleForm{Form: f}} })
}

func (s *Server) removeRule(c *fiber.Ctx) error {
	err := s.policies.RemoveRule(s.ctx(c), s.caller(c), editOf(c), ruleOfLine(posted(c, "rule")))
	return s.plainly(c, err, "toast.rule_removed")
}

// returnRule puts a rule back that the draft has taken out of what is published.
func (s *Server) returnRule(c *fiber.Ctx) error {
	err := s.policies.AddRule(s.ctx(c), s.caller(c), editOf(c), ruleOfLine(posted(c, "rule")))
	return s.plainly(c, err, "toast.rule_added")
}

func inclusionOf(c *fiber.Ctx) policies.Inclusion {
	return policies.Inclusion{Role: policies.Role(posted(c, "who")), Includes: policies.Role(posted(c, "includes"))}
}

func (s *Server) addInclusion(c *fiber.Ctx) error {
	f := readForm(c, "who", "includes")
	err := s.policies.AddInclusion(s.ctx(c), s.caller(c), editOf(c), inclusionOf(c))
	return s.edited(c, err, "toast.rule_added", f, func() draftPage {
		f.rename("role", "who")
		return draftPage{Inclusion: f}
	})
}

func (s *Server) removeInclusion(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.RemoveInclusion(s.ctx(c), s.caller(c), editOf(c), inclusionOf(c)), "toast.rule_removed")
}

func (s *Server) undoDraft(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.Undo(s.ctx(c), s.caller(c), editOf(c)), "toast.draft_undone")
}

func (s *Server) discardDraft(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.Discard(s.ctx(c), s.caller(c), editOf(c)), "toast.draft_discarded")
}

func (s *Server) rebaseDraft(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.Rebase(s.ctx(c), s.caller(c), editOf(c)), "toast.draft_rebased")
}

func (s *Server) publishDraft(c *fiber.Ctx) error {
	f := readForm(c, "comment")
	v, err := s.policies.Publish(s.ctx(c), s.caller(c), editOf(c), f.Values["comment"])
	if err == nil {
		return s.redirect(c, "/policies", "toast.policy_published", "version", v.Number)
	}
	return s.edited(c, err, "", f, func() draftPage { return draftPage{Form: f} })
}

func (s *Server) proposeDraft(c *fiber.Ctx) error {
	f := readForm(c, "comment")
	err := s.policies.Propose(s.ctx(c), s.caller(c), editOf(c), f.Values["comment"])
	return s.edited(c, err, "toast.policy_proposed", f, func() draftPage { return draftPage{Form: f} })
}

// changeLink is the address at which the draft's page offers a rule for changing.
func changeLink(r policies.Rule) string {
	q := url.Values{
		"was": {r.String()}, "role": {string(r.Role)}, "relation": {r.Relation}, "object": {string(r.Object)}, "kind": {r.Kind},
		"action": {string(r.Action)}, "effect": {r.Effect},
	}
	return draftPath + "?" + q.Encode() + "#rule"
}
