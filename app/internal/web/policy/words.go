package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/policy"
	"kontor/app/transaction"
	"kontor/policies"
)

// policyWords turns policies into text in the language of a request.
type policyWords struct {
	*text.Texts
	kinds []transaction.Kind
	names map[string]string // of kinds of transactions, by key
}

// PolicyWords makes policyWords for the person's language.
func (s *Screens) PolicyWords(c *fiber.Ctx) (policyWords, error) {
	w := policyWords{Texts: s.Text(c), names: map[string]string{}}
	var err error
	if w.kinds, err = s.policies.Kinds(s.Ctx(c)); err != nil {
		return w, err
	}
	for _, k := range w.kinds {
		w.names[k.Key] = k.Name(w.Locale)
	}
	return w, nil
}

// SaidLine is a line of a policy, in words.
type SaidLine struct {
	Line, Text string
	Rule       policies.Rule
	Inclusion  policies.Inclusion
	Deny       bool
	Change     string // address where it can be changed
	// New and Removed mark lines that the draft adds to the published policy, or removes from it.
	New, Removed bool
}

// ruleGroup holds the rules of a role.
type ruleGroup struct {
	Role policies.Role
	Rows []SaidLine
}

func (w policyWords) ruleLine(r policies.Rule) SaidLine {
	return SaidLine{Line: r.String(), Text: w.Rule(r, w.names) + ".", Rule: r, Deny: r.Effect == policies.Deny, Change: changeLink(r)}
}

func (w policyWords) inclusionLine(i policies.Inclusion) SaidLine {
	text := w.Say("policy.includes", "Role", w.Say("role."+string(i.Role)), "Includes", w.Say("role."+string(i.Includes)))
	return SaidLine{Line: i.String(), Text: text, Inclusion: i}
}

// Lines turns the lines of a policy text into words.
func (w policyWords) Lines(all []string) (said []SaidLine) {
	for _, line := range all {
		doc, err := policies.Parse(line, policies.AnyKind)
		if err != nil {
			continue
		}
		for _, r := range doc.Rules {
			said = append(said, w.ruleLine(r))
		}
		for _, i := range doc.Inclusions {
			said = append(said, w.inclusionLine(i))
		}
	}
	return said
}

// groups are the rules by role. They include the published rules that the draft removes, with a mark.
func (w policyWords) groups(published, doc policies.Document) (groups []ruleGroup) {
	for _, role := range policies.Roles {
		g := ruleGroup{Role: role}
		for _, r := range doc.Rules {
			if r.Role == role {
				line := w.ruleLine(r)
				line.New = !slices.Contains(published.Rules, r)
				g.Rows = append(g.Rows, line)
			}
		}
		for _, r := range published.Rules {
			if r.Role == role && !slices.Contains(doc.Rules, r) {
				line := w.ruleLine(r)
				line.Removed = true
				g.Rows = append(g.Rows, line)
			}
		}
		if len(g.Rows) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func (w policyWords) inclusions(published, doc policies.Document) (rows []SaidLine) {
	for _, i := range doc.Inclusions {
		line := w.inclusionLine(i)
		line.New = !slices.Contains(published.Inclusions, i)
		rows = append(rows, line)
	}
	for _, i := range published.Inclusions {
		if !slices.Contains(doc.Inclusions, i) {
			line := w.inclusionLine(i)
			line.Removed = true
			rows = append(rows, line)
		}
	}
	return rows
}

// stepView is a change of the draft, in words.
type stepView struct {
	By             string
	At             time.Time
	Added, Removed []SaidLine
}

func (w policyWords) step(s policy.Step) stepView {
	return stepView{By: s.By, At: s.At, Added: w.Lines(s.Added), Removed: w.Lines(s.Removed)}
}

// --- the form of a rule -------------------------------------------------------------------------------------------

// ruleForm is the form of a rule, with the options that fit its object.
type ruleForm struct {
	Form *kit.Form
	ruleChoices
	Was  *SaidLine // the rule that is being changed; nil: a new one
	Says string    // the rule with the current choices, in words
}

type ruleChoices struct {
	Roles, Relations, Objects, Kinds, Actions, Effects []text.Option
}

var ruleFields = []string{"role", "relation", "object", "kind", "action", "effect", "was"}

// readRule reads a rule's fields from an address or a form.
func readRule(value func(name string) string) *kit.Form {
	values := map[string]string{}
	for _, name := range ruleFields {
		values[name] = value(name)
	}
	return kit.NewForm(values)
}

func ruleOfForm(f *kit.Form) policies.Rule {
	v := f.Values
	return policies.Rule{
		Role: policies.Role(v["role"]), Relation: v["relation"], Object: policies.Object(v["object"]), Kind: v["kind"],
		Action: policies.Action(v["action"]), Effect: v["effect"],
	}
}

// ruleOfLine parses a line with one rule. It returns the zero rule, which no policy has, for anything else.
func ruleOfLine(line string) policies.Rule {
	doc, err := policies.Parse(line, policies.AnyKind)
	if err != nil || len(doc.Rules) != 1 {
		return policies.Rule{}
	}
	return doc.Rules[0]
}

// ruleForm adds the options. A value that was chosen for another object and does not fit this one is replaced by the
// first option, unless there is a complaint about it.
func (w policyWords) ruleForm(f *kit.Form) ruleForm {
	r := ruleForm{Form: f, ruleChoices: ruleChoices{Roles: w.roleOptions(), Effects: []text.Option{
		{Value: policies.Allow, Text: w.Say("policy.allow")}, {Value: policies.Deny, Text: w.Say("policy.deny")},
	}}}
	for _, o := range policies.ObjectList {
		r.Objects = append(r.Objects, text.Option{Value: string(o), Text: w.Say("object." + string(o))})
	}
	if f.Values["object"] == "" {
		f.Values["object"], f.Values["action"] = string(policies.ObjectTransaction), string(policies.Read)
	}
	object := policies.Object(f.Values["object"])
	r.Relations = []text.Option{{Value: policies.Anything, Text: w.Say("policy.any_relation")}}
	if len(policies.Related[object]) > 0 {
		for _, name := range policies.RelationNames {
			r.Relations = append(r.Relations, text.Option{Value: name, Text: w.Relation(name, object)})
		}
	}
	r.Kinds = []text.Option{{Value: policies.Anything, Text: w.Say("policy.any_kind")}}
	for _, k := range policies.Kinds[object] {
		r.Kinds = append(r.Kinds, text.Option{Value: k, Text: w.Say("type." + k)})
	}
	if object.OfTransaction() {
		for _, k := range w.kinds {
			r.Kinds = append(r.Kinds, text.Option{Value: k.Key, Text: k.Name(w.Locale)})
		}
	}
	for _, a := range policies.Objects[object] {
		r.Actions = append(r.Actions, text.Option{Value: string(a), Text: w.Say("action." + string(a))})
	}
	for name, choices := range map[string][]text.Option{
		"role": r.Roles, "relation": r.Relations, "kind": r.Kinds, "action": r.Actions, "effect": r.Effects,
	} {
		known := slices.ContainsFunc(choices, func(o text.Option) bool { return o.Value == f.Values[name] })
		if !known && f.Wrong[name] == "" && len(choices) > 0 && (name != "role" || f.Values["role"] != onePerson) {
			f.Values[name] = choices[0].Value
		}
	}
	if was := f.Values["was"]; was != "" {
		if rule := ruleOfLine(was); rule != (policies.Rule{}) {
			line := w.ruleLine(rule)
			r.Was = &line
		} else {
			f.Values["was"] = ""
		}
	}
	if rule := ruleOfForm(f); rule.Check(policies.AnyKind) == nil {
		r.Says = w.Rule(rule, w.names) + "."
	}
	return r
}

func (w policyWords) roleOptions() (all []text.Option) {
	for _, r := range policies.Roles {
		all = append(all, text.Option{Value: string(r), Text: w.Say("role." + string(r))})
	}
	return all
}

// lineNumber parses "line 7".
func lineNumber(field string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(field, "line "))
	return n, err == nil && strings.HasPrefix(field, "line ")
}

// --- expectations -------------------------------------------------------------------------------------------------

// checkView is an expectation in words, with its result.
type checkView struct {
	ID, Text, Why string
	Holds         bool
	Hint          string
}

func (w policyWords) check(k policy.Check) checkView {
	v := checkView{ID: k.ID.String(), Holds: k.Holds}
	r := policies.Rule{Role: k.Role, Relation: k.Relation, Object: k.Object, Kind: k.Kind, Action: k.Action, Effect: policies.Deny}
	r.Kind = k.Expectation.Kind
	if r.Kind == "" {
		r.Kind = policies.Anything
	}
	if r.Relation == "" {
		r.Relation = policies.Anything
	}
	if k.May {
		r.Effect = policies.Allow
	}
	if k.PersonID.Valid {
		v.Text = w.personMay(k, r)
	} else {
		v.Text = w.Rule(r, w.names) + "."
	}
	if k.Relation == "" && !k.PersonID.Valid && len(policies.Related[k.Object]) > 0 {
		v.Hint = w.Say("policy.without_relation")
	}
	switch {
	case k.Holds || k.Hidden:
	case k.Inactive:
		v.Why = w.Say("policy.why_inactive")
	case k.Rule == nil:
		v.Why = w.Say("policy.why_none")
	default:
		v.Why = w.Say("policy.why_rule", "Rule", w.Rule(*k.Rule, w.names))
	}
	return v
}

func (w policyWords) personMay(k policy.Check, r policies.Rule) string {
	object := w.Say("object."+string(r.Object)) + w.RuleKind(r.Object, r.Kind, w.names)
	switch {
	case k.Hidden:
		object = w.Say("policy.hidden_transaction")
	case k.TransactionID.Valid:
		object = w.Say("policy.the_transaction", "Name", k.Transaction)
	}
	id := "policy.person_may"
	if !k.May {
		id = "policy.person_may_not"
	}
	return w.Say(id, "Who", k.Person, "Action", w.Say("action."+string(r.Action)), "Object", object) + "."
}

// --- what would change --------------------------------------------------------------------------------------------

// impactView is what a draft would change, in words.
type impactView struct {
	Lines []impactLine
	More  int
	Cut   bool
	None  bool
}

// impactLine is a sentence such as "Tomasz Kern can no longer process 1 business transaction".
type impactLine struct {
	Text, Examples string
	Gained         bool
}

func (w policyWords) impact(i policy.Impact) impactView {
	v := impactView{More: i.More, Cut: i.Cut, None: i.Nothing()}
	add := func(l policy.Line, text string) {
		v.Lines = append(v.Lines, impactLine{Text: text, Gained: l.Gained, Examples: strings.Join(l.Examples, ", ")})
	}
	for _, l := range i.Lines {
		id := "policy.loses"
		if l.Gained {
			id = "policy.gains"
		}
		add(l, w.Say(id, "Who", l.Person, "Action", w.action(l), "What", w.affected(l)))
	}
	for _, l := range i.EndUsers {
		id := "policy.end_users_lose"
		if l.Gained {
			id = "policy.end_users_gain"
		}
		add(l, w.Count(id, l.People, "Action", w.action(l), "What", w.affected(l)))
	}
	return v
}

func (w policyWords) action(l policy.Line) string { return w.Say("action." + string(l.Action)) }

// affected is the object of a line: "4 business transactions", "authorisations of 3 customers", "the log".
func (w policyWords) affected(l policy.Line) string {
	switch {
	case l.Unit == policies.ObjectTransaction:
		return w.Count("policy.n_transactions", l.Count)
	case l.Unit == policies.ObjectCustomer && l.Object == policies.ObjectCustomer:
		return w.Count("policy.n_customers", l.Count)
	case l.Unit == policies.ObjectCustomer:
		return w.Say("policy.of_customers", "Object", w.Say("object_of."+string(l.Object)), "Customers", w.Count("policy.n_customers", l.Count))
	}
	return w.Say("object." + string(l.Object))
}
