package text

import (
	"slices"

	"kontor/policies"
)

// Rule is a rule of a policy as a sentence without its full stop: "Specialist users who are administrators of the
// customer may process business transactions of any kind". names are the names of the kinds of transactions in this
// language, by key. A kind that is not in names is shown by its key.
func (t *Texts) Rule(r policies.Rule, names map[string]string) string {
	being := ""
	if r.Relation != policies.Anything {
		being = t.Say("rule.being." + relationKey(r.Relation, r.Object))
	}
	id := "rule.allow"
	if r.Effect == policies.Deny {
		id = "rule.deny"
	}
	return t.Say(id, "Who", t.Say("rule.who."+string(r.Role)), "Being", being, "Action", t.Say("action."+string(r.Action)),
		"Object", t.Say("object."+string(r.Object)), "Kind", t.RuleKind(r.Object, r.Kind, names))
}

// Relation is the name of a relation in a rule: what a person is to the object, or to the customer that the object
// belongs to.
func (t *Texts) Relation(name string, o policies.Object) string {
	return t.Say("relation." + relationKey(name, o))
}

func relationKey(name string, o policies.Object) string {
	if name == "processor" && o.OfTransaction() {
		return "processor_transaction"
	}
	return name
}

// RuleKind is the part of a rule's sentence that names the kinds; "" for objects that have no kinds.
func (t *Texts) RuleKind(o policies.Object, kind string, names map[string]string) string {
	ofCustomers := policies.Kinds[o]
	switch {
	case !o.OfTransaction() && len(ofCustomers) == 0:
		return ""
	case kind == policies.Anything && o.OfTransaction():
		return t.Say("rule.kind.any")
	case kind == policies.Anything:
		return t.Say("rule.kind.any_type")
	case slices.Contains(ofCustomers, kind):
		return t.Say("rule.kind." + kind)
	}
	name := names[kind]
	if name == "" {
		name = kind
	}
	return t.Say("rule.kind.named", "Name", name)
}
