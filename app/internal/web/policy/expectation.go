package policy

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/policy"
	"kontor/app/transaction"
	"kontor/policies"
)

type expectationPage struct {
	Form             *kit.Form
	Choices          ruleChoices
	Roles, Relations []text.Option
	OfPerson         bool // the expectation is about one person
	People           kit.People
	// Transactions are those to choose from, the chosen one first; nil where a single one can't be named.
	Single       bool
	Transactions []offeredTransaction
	More         bool // a search finds others
}

// onePerson stands in the place of a role for an expectation about one person.
const onePerson = "person"

// offeredTransaction is a business transaction that an expectation may be about.
type offeredTransaction struct {
	transaction.Transaction
	On bool
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

// expectationFields are the fields of the form; q and t search among the people and the transactions to choose from.
var expectationFields = []string{"role", "relation", "person", "login", "effect", "object", "kind", "action", "transaction", "q", "t"}

func (s *Screens) renderExpectation(c *fiber.Ctx, f *kit.Form, status int) error {
	w, err := s.PolicyWords(c)
	if err != nil {
		return err
	}
	if v := f.Values; v["role"] == "" && v["person"]+v["login"] != "" {
		v["role"] = onePerson
	}
	rule := w.ruleForm(f)
	d := expectationPage{Form: rule.Form, Choices: rule.ruleChoices}
	d.Roles = append([]text.Option{{Value: onePerson, Text: s.Say(c, "policy.expect_person")}}, rule.Roles...)
	d.Relations = append([]text.Option{{Value: policies.Anything, Text: s.Say(c, "policy.no_relation")}}, rule.Relations[1:]...)
	d.OfPerson = f.Values["role"] == onePerson || f.Wrong["person"] != "" || f.Wrong["login"] != ""
	if d.OfPerson {
		if err := s.offerPeople(c, &d); err != nil {
			return err
		}
		if err := s.offerTransactions(c, &d); err != nil {
			return err
		}
	}
	title := s.Say(c, "policy.expectation_add")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "policy/expectation", Fragment: "policy/expectation_form", Title: title, Nav: "policies", Status: status, Data: d})
}

// offerPeople adds the specialist users to choose from.
func (s *Screens) offerPeople(c *fiber.Ctx, d *expectationPage) error {
	chosen := uuid.FromStringOrNil(d.Form.Values["person"])
	list, more, err := s.policies.Candidates(s.Ctx(c), s.Caller(c), d.Form.Values["q"], chosen)
	d.People = kit.People{Field: "person", More: more, Cap: policy.CustomersCap}
	for _, p := range list {
		d.People.Offered = append(d.People.Offered, kit.Offered{ID: p.ID, Name: p.Name, Email: p.Email, Roles: p.Roles(true), Customers: p.Customers, On: p.Chosen})
	}
	return err
}

// fewTransactions is the number of business transactions that are offered at once.
const fewTransactions = 8

// offerTransactions adds the business transactions to choose from, if the expectation can be about a single one. The
// caller sees only those that they may see.
func (s *Screens) offerTransactions(c *fiber.Ctx, d *expectationPage) error {
	v := d.Form.Values
	d.Single = v["object"] == string(policies.ObjectTransaction) && v["action"] != string(policies.Create)
	if !d.Single {
		return nil
	}
	search := func(query string, n int) ([]transaction.Transaction, error) {
		page, err := s.transactions.First(s.Ctx(c), s.Caller(c), transaction.Filter{Query: query}, n)
		return page.Rows, err
	}
	if v["transaction"] != "" {
		rows, err := search(v["transaction"], 1)
		if err != nil {
			return err
		}
		for _, t := range rows {
			if strings.EqualFold(t.Label(), v["transaction"]) {
				d.Transactions = append(d.Transactions, offeredTransaction{t, true})
			}
		}
	}
	rows, err := search(v["t"], fewTransactions+1)
	if err != nil {
		return err
	}
	d.More = len(rows) > fewTransactions
	for _, t := range rows[:min(len(rows), fewTransactions)] {
		if len(d.Transactions) == 0 || d.Transactions[0].ID != t.ID {
			d.Transactions = append(d.Transactions, offeredTransaction{Transaction: t})
		}
	}
	return nil
}

func (s *Screens) addExpectation(c *fiber.Ctx) error {
	f := kit.ReadForm(c, expectationFields...)
	if kit.Posted(c, "choose") != "" {
		if _, err := s.policies.Draft(s.Ctx(c), s.Caller(c)); err != nil {
			return err
		}
		return s.renderExpectation(c, f, fiber.StatusOK)
	}
	v, role := f.Values, f.Values["role"]
	if role == onePerson {
		role, v["relation"] = "", policies.Anything
	}
	person := v["person"]
	if v["login"] != "" {
		person = v["login"]
	}
	err := s.policies.Expect(s.Ctx(c), s.Caller(c), policy.ExpectationForm{
		Role: policies.Role(role), Relation: v["relation"], Person: person, May: v["effect"] != policies.Deny,
		Action: policies.Action(v["action"]), Object: policies.Object(v["object"]), Kind: v["kind"], Transaction: v["transaction"],
	})
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			if v["login"] != "" {
				f.Rename("person", "login")
			}
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
