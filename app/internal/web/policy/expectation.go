package policy

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/policy"
	"kontor/policies"
)

type expectationPage struct {
	Form             *kit.Form
	Choices          ruleChoices
	Roles, Relations []text.Option
}

func (s *Screens) newExpectation(c *fiber.Ctx) error {
	if _, err := s.policies.Draft(s.Ctx(c), s.Caller(c)); err != nil { // only editors of the draft may add expectations
		return err
	}
	f := kit.NewForm(map[string]string{})
	for _, name := range expectationFields {
		f.Values[name] = c.Query(name)
	}
	return s.renderExpectation(c, f, fiber.StatusOK)
}

var expectationFields = []string{"role", "relation", "person", "effect", "object", "kind", "action", "transaction"}

func (s *Screens) renderExpectation(c *fiber.Ctx, f *kit.Form, status int) error {
	w, err := s.PolicyWords(c)
	if err != nil {
		return err
	}
	rule := w.ruleForm(f)
	d := expectationPage{Form: rule.Form, Choices: rule.ruleChoices}
	d.Roles = append([]text.Option{{Value: "", Text: s.Say(c, "policy.expect_person")}}, rule.Roles...)
	d.Relations = append([]text.Option{{Value: policies.Anything, Text: s.Say(c, "policy.no_relation")}}, rule.Relations[1:]...)
	title := s.Say(c, "policy.expectation_add")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "policy/expectation", Fragment: "policy/expectation_form", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Screens) addExpectation(c *fiber.Ctx) error {
	f := kit.ReadForm(c, expectationFields...)
	if kit.Posted(c, "choose") != "" {
		if _, err := s.policies.Draft(s.Ctx(c), s.Caller(c)); err != nil {
			return err
		}
		return s.renderExpectation(c, f, fiber.StatusOK)
	}
	v := f.Values
	err := s.policies.Expect(s.Ctx(c), s.Caller(c), policy.ExpectationForm{
		Role: policies.Role(v["role"]), Relation: v["relation"], Person: v["person"], May: v["effect"] != policies.Deny,
		Action: policies.Action(v["action"]), Object: policies.Object(v["object"]), Kind: v["kind"], Transaction: v["transaction"],
	})
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderExpectation(c, f, status)
		}
		return err
	}
	return s.Redirect(c, "/policies#expectations", "toast.expectation_added")
}

func (s *Screens) removeExpectation(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := s.policies.Unexpect(s.Ctx(c), s.Caller(c), id); err != nil {
		return err
	}
	to := "/policies#expectations"
	if kit.Posted(c, "from") == "draft" {
		to = kit.DraftPath + "#expectations"
	}
	return s.Redirect(c, to, "toast.expectation_removed")
}
