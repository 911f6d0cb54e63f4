package web

import (
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/policy"
	"kontor/policies"
)

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
	}
	return s.render(c, view{Page: "policies/index", Title: s.say(c, "nav.policies"), Nav: "policies", Data: d})
}

// --- the draft ----------------------------------------------------------------------------------------------------

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
		if edit, err := strconv.Atoi(c.FormValue("edit")); err == nil {
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
	edit, err := strconv.Atoi(c.FormValue("edit"))
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
	f := readRule(func(name string) string { return c.FormValue(name) })
	if c.FormValue("choose") != "" { // without script: the choices that go with the object
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
	err := s.policies.RemoveRule(s.ctx(c), s.caller(c), editOf(c), ruleOfLine(c.FormValue("rule")))
	return s.plainly(c, err, "toast.rule_removed")
}

// returnRule puts a rule back that the draft has taken out of what is published.
func (s *Server) returnRule(c *fiber.Ctx) error {
	err := s.policies.AddRule(s.ctx(c), s.caller(c), editOf(c), ruleOfLine(c.FormValue("rule")))
	return s.plainly(c, err, "toast.rule_added")
}

func inclusionOf(c *fiber.Ctx) policies.Inclusion {
	return policies.Inclusion{Role: policies.Role(c.FormValue("who")), Includes: policies.Role(c.FormValue("includes"))}
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

// --- the text -----------------------------------------------------------------------------------------------------

type policyTextPage struct {
	Draft   policy.Draft
	Form    *form
	Unknown []stepView
}

func (s *Server) showPolicyText(c *fiber.Ctx) error {
	d, err := s.policies.Draft(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	return s.renderPolicyText(c, policyTextPage{Draft: d, Form: newForm(map[string]string{"text": d.Text})}, fiber.StatusOK)
}

func (s *Server) renderPolicyText(c *fiber.Ctx, d policyTextPage, status int) error {
	title := s.say(c, "policy.text")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "policies/text", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Server) savePolicyText(c *fiber.Ctx) error {
	f := readForm(c, "text")
	edit := editOf(c)
	err := s.policies.SetText(s.ctx(c), s.caller(c), edit, f.Values["text"])
	if err == nil {
		return s.redirect(c, draftPath, "toast.saved")
	}
	sent := newForm(f.Values)
	status, ok := s.complain(c, sent, err)
	if !ok {
		return err
	}
	f.Message = sent.Message
	for _, wrong := range sent.Summary { // every line's complaint leads to the one field
		text := wrong.Message
		if n, ok := lineNumber(wrong.Field); ok {
			text = s.say(c, "policy.line", map[string]any{"number": n, "text": wrong.Message})
		}
		f.wrong("text", text)
	}
	d, err := s.policies.Draft(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	page := policyTextPage{Draft: d, Form: f}
	if status == fiber.StatusConflict {
		w, err := s.policyWords(c)
		if err != nil {
			return err
		}
		for _, step := range d.Since(edit) {
			page.Unknown = append(page.Unknown, w.step(step))
		}
	}
	return s.renderPolicyText(c, page, status)
}

// --- versions -----------------------------------------------------------------------------------------------------

func (s *Server) listVersions(c *fiber.Ctx) error {
	all, err := s.policies.Versions(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	return s.render(c, view{Page: "policies/versions", Title: s.say(c, "policy.versions"), Nav: "policies", Data: all})
}

// versionPage is the data of the page of a published version.
type versionPage struct {
	Version, Before policy.Version
	Added, Removed  []saidLine // against the version before
	InForce         bool
	Manage          bool
	Back            int // in how many lines it differs from what is in force
	Impact          impactView
	Edit            int
	Form            *form
	Second          bool // restoring it takes a second person
}

func (s *Server) versionNumber(c *fiber.Ctx) (int, error) {
	n, err := strconv.ParseInt(c.Params("version"), 10, 32)
	if err != nil {
		return 0, policy.ErrVersion
	}
	return int(n), nil
}

func (s *Server) showVersion(c *fiber.Ctx) error {
	return s.renderVersion(c, newForm(map[string]string{}), fiber.StatusOK, nil)
}

func (s *Server) renderVersion(c *fiber.Ctx, f *form, status int, why error) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	d := versionPage{Form: f, Second: errors.Is(why, policy.ErrSecond)}
	if d.Version, d.Before, err = s.policies.Version(s.ctx(c), s.caller(c), n); err != nil {
		return err
	}
	w, err := s.policyWords(c)
	if err != nil {
		return err
	}
	added, removed := policies.Diff(d.Before.Document(), d.Version.Document())
	d.Added, d.Removed = w.lines(added), w.lines(removed)
	now, err := s.policies.Current(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	d.InForce = now.Number == d.Version.Number
	draft, err := s.policies.Draft(s.ctx(c), s.caller(c))
	switch {
	case errors.Is(err, policies.ErrForbidden):
	case err != nil:
		return err
	default:
		d.Manage, d.Edit = true, draft.Edit
		added, removed := policies.Diff(now.Document(), d.Version.Document())
		d.Back = len(added) + len(removed)
		if d.Impact, err = s.impact(c, w, policy.Draft{Text: d.Version.Text, Published: now}, draftImpactTime); err != nil {
			return err
		}
	}
	title := d.Version.Label()
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "policies/version", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Server) restoreVersion(c *fiber.Ctx) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	f := readForm(c, "comment")
	v, err := s.policies.Restore(s.ctx(c), s.caller(c), n, f.Values["comment"])
	if err == nil {
		return s.redirect(c, "/policies", "toast.policy_published", "version", v.Number)
	}
	status, ok := s.complain(c, f, err)
	if !ok {
		return err
	}
	return s.renderVersion(c, f, status, err)
}

func (s *Server) takeVersion(c *fiber.Ctx) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	return s.plainly(c, s.policies.Take(s.ctx(c), s.caller(c), editOf(c), n), "toast.saved")
}

// --- expectations -------------------------------------------------------------------------------------------------

type expectationPage struct {
	Form             *form
	Choices          ruleChoices
	Roles, Relations []option
}

func (s *Server) newExpectation(c *fiber.Ctx) error {
	if _, err := s.policies.Draft(s.ctx(c), s.caller(c)); err != nil { // who may not edit may not expect
		return err
	}
	f := newForm(map[string]string{})
	for _, name := range expectationFields {
		f.Values[name] = c.Query(name)
	}
	return s.renderExpectation(c, f, fiber.StatusOK)
}

var expectationFields = []string{"role", "relation", "person", "effect", "object", "kind", "action", "transaction"}

func (s *Server) renderExpectation(c *fiber.Ctx, f *form, status int) error {
	w, err := s.policyWords(c)
	if err != nil {
		return err
	}
	rule := w.ruleForm(f)
	d := expectationPage{Form: rule.Form, Choices: rule.ruleChoices}
	d.Roles = append([]option{{"", s.say(c, "policy.expect_person")}}, rule.Roles...)
	d.Relations = append([]option{{policies.Anything, s.say(c, "policy.no_relation")}}, rule.Relations[1:]...)
	title := s.say(c, "policy.expectation_add")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "policies/expectation", Fragment: "policies/expectation_form", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Server) addExpectation(c *fiber.Ctx) error {
	f := readForm(c, expectationFields...)
	if c.FormValue("choose") != "" {
		if _, err := s.policies.Draft(s.ctx(c), s.caller(c)); err != nil {
			return err
		}
		return s.renderExpectation(c, f, fiber.StatusOK)
	}
	v := f.Values
	err := s.policies.Expect(s.ctx(c), s.caller(c), policy.ExpectationForm{
		Role: policies.Role(v["role"]), Relation: v["relation"], Person: v["person"], May: v["effect"] != policies.Deny,
		Action: policies.Action(v["action"]), Object: policies.Object(v["object"]), Kind: v["kind"], Transaction: v["transaction"],
	})
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderExpectation(c, f, status)
		}
		return err
	}
	return s.redirect(c, "/policies#expectations", "toast.expectation_added")
}

func (s *Server) removeExpectation(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	if err := s.policies.Unexpect(s.ctx(c), s.caller(c), id); err != nil {
		return err
	}
	to := "/policies#expectations"
	if c.FormValue("from") == "draft" {
		to = draftPath + "#expectations"
	}
	return s.redirect(c, to, "toast.expectation_removed")
}

// changeLink is the address at which the draft's page offers a rule for changing.
func changeLink(r policies.Rule) string {
	q := url.Values{
		"was": {r.String()}, "role": {string(r.Role)}, "relation": {r.Relation}, "object": {string(r.Object)}, "kind": {r.Kind},
		"action": {string(r.Action)}, "effect": {r.Effect},
	}
	return draftPath + "?" + q.Encode() + "#rule"
}
