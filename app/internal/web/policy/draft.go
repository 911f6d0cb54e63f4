package policy

import (
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/policy"
	"kontor/policies"
)

// draftPage is the data of the page of the draft.
type draftPage struct {
	Draft          policy.Draft
	Changes        int
	Groups         []ruleGroup
	Inclusions     []SaidLine
	Added, Removed []SaidLine
	Unknown        []stepView // changes of other people since the caller loaded the page
	LastStep       *stepView
	Rule           ruleForm
	Inclusion      *kit.Form
	Roles          []text.Option
	Impact         impactView
	Review         policy.Review
	Checks         []checkView
	Offers         []offerView
	Own            bool      // the caller has made the proposal
	Form           *kit.Form // the form for publishing
	Glance         glance
	Click          *click // a click in the table; nil for other requests
}

// click is a click in the table, and what it has changed there.
type click struct {
	before policy.Draft
	Rule   SaidLine
	Added  bool
	Whole  bool // the whole table is sent, because the reader has seen another draft
	glanceChange
}

// How long these pages wait for counting what a draft would change.
const (
	draftImpactTime = 3 * time.Second
	impactTime      = 10 * time.Second
)

func (s *Screens) showDraft(c *fiber.Ctx) error {
	query := func(name string) string { return c.Query(name) }
	rule := readRule(query)
	d := draftPage{Rule: ruleForm{Form: rule}, Glance: glance{Filter: filterOf(query)}}
	if kit.IsFragment(c) && rule.Values["object"] != "" { // somebody has chosen an option in the form of a rule, and the other options depend on it
		d, err := s.policies.Draft(s.Ctx(c), s.Caller(c))
		if err != nil {
			return err
		}
		return s.renderRuleForm(c, d, rule)
	}
	return s.renderDraft(c, d, fiber.StatusOK)
}

// renderRuleForm answers with the form of a rule only.
func (s *Screens) renderRuleForm(c *fiber.Ctx, d policy.Draft, rule *kit.Form) error {
	w, err := s.PolicyWords(c)
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "policy/rule_form", Fragment: "policy/rule_form", Title: s.Say(c, "policy.draft"), Nav: "policies",
		Data: draftPage{Draft: d, Rule: w.ruleForm(rule)},
	})
}

// renderDraft answers with the page of the draft. d contains the forms that were sent, if any.
func (s *Screens) renderDraft(c *fiber.Ctx, d draftPage, status int) error {
	var err error
	if d.Draft, err = s.policies.Draft(s.Ctx(c), s.Caller(c)); err != nil {
		return err
	}
	w, err := s.PolicyWords(c)
	if err != nil {
		return err
	}
	if d.Glance, err = s.draftGlance(w, d.Draft, d.Glance.Filter); err != nil {
		return err
	}
	fragment := "policy/glance"
	if d.Click != nil {
		fragment, d.Glance.Swaps = "policy/clicked", kit.IsFragment(c)
		if !d.Click.Whole {
			before, err := s.draftGlance(w, d.Click.before, d.Glance.Filter)
			if err != nil {
				return err
			}
			d.Click.glanceChange = d.Glance.since(before)
		}
	}
	doc, published := d.Draft.Document(), d.Draft.Published.Document()
	d.Changes = len(d.Draft.Added) + len(d.Draft.Removed)
	d.Groups, d.Inclusions = w.groups(published, doc), w.inclusions(published, doc)
	d.Added, d.Removed = w.Lines(d.Draft.Added), w.Lines(d.Draft.Removed)
	d.Own = d.Draft.ProposedBy == s.Caller(c).ID
	d.Roles = w.roleOptions()
	if n := len(d.Draft.Steps); n > 0 {
		last := w.step(d.Draft.Steps[n-1])
		d.LastStep = &last
	}
	if d.Rule.Form == nil {
		d.Rule.Form = kit.NewForm(map[string]string{})
	}
	d.Rule = w.ruleForm(d.Rule.Form)
	if d.Inclusion == nil {
		d.Inclusion = kit.NewForm(map[string]string{})
	}
	if d.Form == nil {
		d.Form = kit.NewForm(map[string]string{"comment": d.Draft.Comment})
	}
	if status == fiber.StatusConflict {
		if edit, err := strconv.Atoi(kit.Posted(c, "edit")); err == nil {
			for _, step := range d.Draft.Since(edit) {
				d.Unknown = append(d.Unknown, w.step(step))
			}
		}
	}
	if d.Review, err = s.policies.Review(s.Ctx(c), s.Caller(c), d.Draft); err != nil {
		return err
	}
	for _, k := range d.Review.Checks {
		d.Checks = append(d.Checks, w.check(k))
	}
	if d.Offers, err = s.offers(c, w); err != nil {
		return err
	}
	if !d.Glance.Swaps { // after a click the page asks for it, so that the click is answered at once
		if d.Impact, err = s.impact(c, w, d.Draft, draftImpactTime); err != nil {
			return err
		}
	}
	title := s.Say(c, "policy.draft")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "policy/draft", Fragment: fragment, Title: title, Nav: "policies", Status: status, Data: d})
}

// draftGlance is the table of a draft.
func (s *Screens) draftGlance(w policyWords, d policy.Draft, f glanceFilter) (glance, error) {
	next, published, err := s.policies.Deciders(d)
	if err != nil {
		return glance{}, err
	}
	g, err := w.glanceOf(next, published, f, true)
	g.Edit = d.Edit
	return g, err
}

// toggleRule answers a click in the table: it adds the button's rule to the draft, or removes it.
func (s *Screens) toggleRule(c *fiber.Ctx) error {
	before, err := s.policies.Draft(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	w, err := s.PolicyWords(c)
	if err != nil {
		return err
	}
	f, rule := kit.NewForm(map[string]string{}), ruleOfLine(kit.Posted(c, "rule"))
	page := draftPage{Form: f, Glance: glance{Filter: filterOf(func(name string) string { return kit.Posted(c, name) })}}
	page.Click = &click{before: before}
	page.Click.Added, err = s.policies.ToggleRule(s.Ctx(c), s.Caller(c), editOf(c), rule)
	done := "toast.rule_removed"
	if page.Click.Added {
		done = "toast.rule_added"
	}
	switch {
	case err == nil && kit.IsFragment(c):
		page.Form, page.Click.Rule = nil, w.ruleLine(rule)
		return s.renderDraft(c, page, fiber.StatusOK)
	case err == nil:
		to := page.Glance.Filter.address(kit.DraftPath) + "#" + cellID(rule.Role, policies.Permission{Object: rule.Object, Action: rule.Action})
		return s.Redirect(c, to, done)
	}
	page.Click.Whole = true
	return s.edited(c, err, done, f, func() draftPage { return page })
}

func (s *Screens) impact(c *fiber.Ctx, w policyWords, d policy.Draft, within time.Duration) (impactView, error) {
	if !d.Changed() {
		return impactView{}, nil
	}
	i, err := s.policies.WouldChange(s.Ctx(c), s.Caller(c), d, within)
	return w.impact(i), err
}

// showImpact counts for the table that has just been clicked in, or, as a page, with a longer time limit.
func (s *Screens) showImpact(c *fiber.Ctx) error {
	within := impactTime
	if kit.IsFragment(c) {
		within = draftImpactTime
	}
	d, err := s.policies.Draft(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	w, err := s.PolicyWords(c)
	if err != nil {
		return err
	}
	i, err := s.impact(c, w, d, within)
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "policy/impact_page", Fragment: "policy/impact", Title: s.Say(c, "policy.impact"), Nav: "policies",
		Data: draftPage{Draft: d, Impact: i},
	})
}

// editOf is the edit number of the draft when the form was made. If it can't be parsed, it is -1, which no draft has.
func editOf(c *fiber.Ctx) int {
	edit, err := strconv.Atoi(kit.Posted(c, "edit"))
	if err != nil {
		return -1
	}
	return edit
}

// edited answers a change of the draft: it redirects to the draft, or shows the page again with complaints.
func (s *Screens) edited(c *fiber.Ctx, err error, done string, f *kit.Form, d func() draftPage) error {
	if err == nil {
		return s.Redirect(c, kit.DraftPath, done)
	}
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	return s.renderDraft(c, d(), status)
}

// plainly is edited for buttons without their own form. The message is shown at the top of the page.
func (s *Screens) plainly(c *fiber.Ctx, err error, done string) error {
	f := kit.NewForm(map[string]string{})
	return s.edited(c, err, done, f, func() draftPage { return draftPage{Form: f} })
}

func (s *Screens) saveRule(c *fiber.Ctx) error {
	f := readRule(func(name string) string { return kit.Posted(c, name) })
	if kit.Posted(c, "choose") != "" { // without JavaScript: show the options for the chosen object
		return s.renderDraft(c, draftPage{Rule: ruleForm{Form: f}}, fiber.StatusOK)
	}
	var err error
	done := "toast.rule_added"
	if was := f.Values["was"]; was != "" {
		done = "toast.rule_changed"
		err = s.policies.ChangeRule(s.Ctx(c), s.Caller(c), editOf(c), ruleOfLine(was), ruleOfForm(f))
	} else {
		err = s.policies.AddRule(s.Ctx(c), s.Caller(c), editOf(c), ruleOfForm(f))
	}
	return s.edited(c, err, done, f, func() draftPage { return draftPage{Rule: ruleForm{Form: f}} })
}

func (s *Screens) removeRule(c *fiber.Ctx) error {
	err := s.policies.RemoveRule(s.Ctx(c), s.Caller(c), editOf(c), ruleOfLine(kit.Posted(c, "rule")))
	return s.plainly(c, err, "toast.rule_removed")
}

// returnRule adds a published rule again that the draft has removed.
func (s *Screens) returnRule(c *fiber.Ctx) error {
	err := s.policies.AddRule(s.Ctx(c), s.Caller(c), editOf(c), ruleOfLine(kit.Posted(c, "rule")))
	return s.plainly(c, err, "toast.rule_added")
}

func inclusionOf(c *fiber.Ctx) policies.Inclusion {
	return policies.Inclusion{Role: policies.Role(kit.Posted(c, "who")), Includes: policies.Role(kit.Posted(c, "includes"))}
}

func (s *Screens) addInclusion(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "who", "includes")
	err := s.policies.AddInclusion(s.Ctx(c), s.Caller(c), editOf(c), inclusionOf(c))
	return s.edited(c, err, "toast.rule_added", f, func() draftPage {
		f.Rename("role", "who")
		return draftPage{Inclusion: f}
	})
}

func (s *Screens) removeInclusion(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.RemoveInclusion(s.Ctx(c), s.Caller(c), editOf(c), inclusionOf(c)), "toast.rule_removed")
}

func (s *Screens) undoDraft(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.Undo(s.Ctx(c), s.Caller(c), editOf(c)), "toast.draft_undone")
}

func (s *Screens) discardDraft(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.Discard(s.Ctx(c), s.Caller(c), editOf(c)), "toast.draft_discarded")
}

func (s *Screens) rebaseDraft(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.Rebase(s.Ctx(c), s.Caller(c), editOf(c)), "toast.draft_rebased")
}

func (s *Screens) publishDraft(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "comment")
	v, err := s.policies.Publish(s.Ctx(c), s.Caller(c), editOf(c), f.Values["comment"])
	if err == nil {
		return s.Redirect(c, "/policies", "toast.policy_published", "version", v.Number)
	}
	return s.edited(c, err, "", f, func() draftPage { return draftPage{Form: f} })
}

func (s *Screens) proposeDraft(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "comment")
	err := s.policies.Propose(s.Ctx(c), s.Caller(c), editOf(c), f.Values["comment"])
	return s.edited(c, err, "toast.policy_proposed", f, func() draftPage { return draftPage{Form: f} })
}

// changeLink is the address of the draft's page with the form to change a rule.
func changeLink(r policies.Rule) string {
	q := url.Values{
		"was": {r.String()}, "role": {string(r.Role)}, "relation": {r.Relation}, "object": {string(r.Object)}, "kind": {r.Kind},
		"action": {string(r.Action)}, "effect": {r.Effect},
	}
	return kit.DraftPath + "?" + q.Encode() + "#rule"
}
