package web

import (
	"slices"

	"kontor/policies"
)

// rule says a rule of a policy as a sentence without its full stop: "Specialist users who are administrators of the
// customer may process business transactions of any kind". names are the kinds of transactions in this language, by key; a kind
// that is not among them is named by its key.
func (t *texts) rule(r policies.Rule, names map[string]string) string {
	being := ""
	if r.Relation != policies.Anything {
		being = t.say("rule.being." + relationKey(r.Relation, r.Object))
	}
	id := "rule.allow"
	if r.Effect == policies.Deny {
		id = "rule.deny"
	}
	return t.say(id, "Who", t.say("rule.who."+string(r.Role)), "Being", being, "Action", t.say("action."+string(r.Action)),
		"Object", t.say("object."+string(r.Object)), "Kind", t.ruleKind(r.Object, r.Kind, names))
}

// relation names a relation of a rule: what somebody is to the object, or to the customer whose object it is.
func (t *texts) relation(name string, o policies.Object) string {
	return t.say("relation." + relationKey(name, o))
}

func relationKey(name string, o policies.Object) string {
	if name == "processor" && o == policies.Transaction {
		return "processor_transaction"
	}
	return name
}

// ruleKind is what a rule adds to its object to say which kinds; nothing for objects that have none.
func (t *texts) ruleKind(o policies.Object, kind string, names map[string]string) string {
	ofCustomers := policies.Kinds[o]
	switch {
	case o != policies.Transaction && len(ofCustomers) == 0:
		return ""
	case kind == policies.Anything && o == policies.Transaction:
		return t.say("rule.kind.any")
	case kind == policies.Anything:
		return t.say("rule.kind.any_type")
	case slices.Contains(ofCustomers, kind):
		return t.say("rule.kind." + kind)
	}
	name := names[kind]
	if name == "" {
		name = kind
	}
	return t.say("rule.kind.named", "Name", name)
}
