package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/policy"
	"kontor/policies"
)

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
	if posted(c, "choose") != "" {
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
	if posted(c, "from") == "draft" {
		to = draftPath + "#expectations"
	}
	return s.redirect(c, to, "toast.expectation_removed")
}
