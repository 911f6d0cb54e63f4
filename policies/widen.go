package policies

import "slices"

// Widens says whether the next policy may give a person a right that they can't get under the old one. roles are all
// roles that the person can get without a second person: their own roles, and those of further accounts that they can
// create for themselves. Widens compares rules, not decisions, so it may say yes although nothing widens. It never says
// no wrongly: after a no, no combination of these roles allows anything that no combination of them allowed before.
func Widens(old, next Document, roles []Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool {
		return !old.gives(roles, r, next) || !forbidsAs(next, old, r)
	})
}

// Covers says whether everything that role may do is also allowed to one of the roles.
func (d Document) Covers(roles []Role, role Role) bool { return d.gives(roles, role, d) }

// gives says whether d allows everything that next allows a role. d must allow it to the same role, or to one of roles
// while no rule of d denies that action to any of them.
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

// forbidsAs says whether next denies a role everything that old denies it.
func forbidsAs(next, old Document, role Role) bool {
	denied := next.rulesOf(role, Deny)
	return !slices.ContainsFunc(old.rulesOf(role, Deny), func(r Rule) bool { return !slices.ContainsFunc(denied, r.within) })
}

// within says whether wide applies to everything to which r applies.
func (r Rule) within(wide Rule) bool {
	return wide.Object == r.Object && wide.Action == r.Action &&
		(wide.Kind == Anything || wide.Kind == r.Kind) && (wide.Relation == Anything || wide.Relation == r.Relation)
}

// concerns says whether two rules have the same object and action.
func (r Rule) concerns(other Rule) bool { return r.Object == other.Object && r.Action == other.Action }

// rulesOf returns the rules with an effect for a role, including those of the roles that it includes.
func (d Document) rulesOf(role Role, effect string) []Rule { return d.rulesOfAll([]Role{role}, effect) }

func (d Document) rulesOfAll(roles []Role, effect string) (rules []Rule) {
	for _, r := range d.Rules {
		if r.Effect == effect && d.chain(roles, r.Role) != nil {
			rules = append(rules, r)
		}
	}
	return rules
}
