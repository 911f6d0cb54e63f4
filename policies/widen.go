package policies

import "slices"

// Widens says whether a policy may give somebody a right that they can't get under the one before. roles are all that they
// can come to be alone: what they are, and what else they can make an account of theirs. It compares rules, not decisions,
// so it says yes too often rather than too rarely: where it says no, nobody with some of these roles may do anything that
// nobody with some of them might do before.
func Widens(old, next Document, roles []Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool {
		return !old.gives(roles, r, next) || !forbidsAs(next, old, r)
	})
}

// Covers says whether whatever a role may do is something that one of the roles may do anyway.
func (d Document) Covers(roles []Role, role Role) bool { return d.gives(roles, role, d) }

// gives says whether all that next allows a role is allowed by d: to that role, or to one of roles where none of them is
// denied it.
func (d Document) gives(roles []Role, role Role, next Document) bool {
	same, any, denied := d.rulesOf(role, Allow), d.rulesOfAll(roles, Allow), d.rulesOfAll(roles, Deny)
	if !slices.Contains(roles, role) {
		same = nil
	}
	return !slices.ContainsFunc(next.rulesOf(role, Allow), func(r Rule) bool {
		if slices.ContainsFunc(same, r.within) {
			return false
		}
		return !slices.ContainsFunc(any, r.within) || slices.ContainsFunc(denied, r.concerns)
	})
}

// forbidsAs says whether next denies a role all that old denies it.
func forbidsAs(next, old Document, role Role) bool {
	denied := next.rulesOf(role, Deny)
	return !slices.ContainsFunc(old.rulesOf(role, Deny), func(r Rule) bool { return !slices.ContainsFunc(denied, r.within) })
}

// within says whether a rule is about all that r is about.
func (r Rule) within(wide Rule) bool {
	return wide.Object == r.Object && wide.Action == r.Action &&
		(wide.Kind == Anything || wide.Kind == r.Kind) && (wide.Relation == Anything || wide.Relation == r.Relation)
}

// concerns says whether two rules are about the same action.
func (r Rule) concerns(other Rule) bool { return r.Object == other.Object && r.Action == other.Action }

// rulesOf are the rules of an effect for a role, those of the roles that it includes among them.
func (d Document) rulesOf(role Role, effect string) []Rule { return d.rulesOfAll([]Role{role}, effect) }

func (d Document) rulesOfAll(roles []Role, effect string) (rules []Rule) {
	for _, r := range d.Rules {
		if r.Effect == effect && d.chain(roles, r.Role) != nil {
			rules = append(rules, r)
		}
	}
	return rules
}
