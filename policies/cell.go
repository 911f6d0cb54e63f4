package policies

import (
	"maps"
	"slices"
)

// Degree says how much a decision allows.
type Degree int

// The answers.
const (
	Never     Degree = iota
	SomeKinds        // for some kinds, not for others
	Always
)

func degreeOf(k KindSet) Degree {
	switch {
	case k.Empty():
		return Never
	case k.Full():
		return Always
	}
	return SomeKinds
}

// Cell says what a person with one role, and no other, may do with one permission. All answers are decisions of Casbin;
// the rules only say where they come from.
type Cell struct {
	Role Role
	Permission
	// Parts answer for everybody (relation None, always the first if it is there), and for each relation with which the
	// answer is another one. Without a part for everybody, and for a relation, the answer is Never.
	Parts []Part
	Rules []Rule // the rules about it for the role and for the roles that it includes, in the order of the policy
	// Clash says that a person with several relations may do less than a person with one of them, because of a deny.
	Clash bool
}

// Part is the answer for a person with exactly this relation; for None, with any relation that has no part of its own.
type Part struct {
	Relation Relation
	Answer   Degree
	From     []Role // the roles whose rules allow it, in the order of Roles; nil if the answer is Never
}

// Inherited says that the role has it only because it includes other roles.
func (c Cell) Inherited(p Part) bool { return len(p.From) > 0 && !slices.Contains(p.From, c.Role) }

// Answer returns the answer for a person with exactly this relation or none.
func (c Cell) Answer(r Relation) Degree {
	if i := slices.IndexFunc(c.Parts, func(p Part) bool { return p.Relation == r }); i >= 0 {
		return c.Parts[i].Answer
	}
	if len(c.Parts) > 0 && c.Parts[0].Relation == None {
		return c.Parts[0].Answer
	}
	return Never
}

// Denies returns the rules that deny it.
func (c Cell) Denies() []Rule { return c.with(func(r Rule) bool { return r.Effect == Deny }) }

// ByKind returns the rules that allow it for one kind.
func (c Cell) ByKind() []Rule {
	return c.with(func(r Rule) bool { return r.Effect == Allow && r.Kind != Anything })
}

func (c Cell) with(is func(Rule) bool) (rules []Rule) {
	for _, r := range c.Rules {
		if is(r) {
			rules = append(rules, r)
		}
	}
	return rules
}

// RelationsTo returns the relations that a person may have to what a permission is about. Nobody has a relation to a
// customer that is not there yet.
func RelationsTo(p Permission) []Relation {
	if p.Object == ObjectCustomer && (p.Action == Create || p.Action == Import) {
		return nil
	}
	return Related[p.Object]
}

// masksTo returns the sets of relations that a person may have to what a permission is about.
func masksTo(p Permission) []Relation {
	sets := []Relation{None}
	for _, bit := range RelationsTo(p) {
		for _, m := range slices.Clone(sets) {
			sets = append(sets, m|bit)
		}
	}
	return sets
}

// Cell returns what the policy says about a role and a permission.
func (d *Decider) Cell(role Role, p Permission) (Cell, error) {
	v := d.current.Load()
	s, err := v.scope([]Role{role}, p.Object, p.Action)
	if err != nil {
		return Cell{}, err
	}
	c := Cell{Role: role, Permission: p, Rules: v.rulesFor([]Role{role}, p.Object, p.Action)}
	for _, r := range append([]Relation{None}, RelationsTo(p)...) {
		if kinds := s.For(r); r == None && !kinds.Empty() || r != None && !kinds.equal(s.For(None)) {
			c.Parts = append(c.Parts, Part{r, degreeOf(kinds), c.from(r, degreeOf(kinds))})
		}
	}
	c.Clash = slices.ContainsFunc(masksTo(p), func(m Relation) bool {
		return slices.ContainsFunc(RelationsTo(p), func(bit Relation) bool {
			return m&bit != 0 && !minus(s.For(bit), s.For(m)).Empty()
		})
	})
	return c, nil
}

// from returns the roles whose rules allow what a part says: rules for the relation, else rules for any relation, of
// which a deny has left some.
func (c Cell) from(r Relation, a Degree) []Role {
	if a == Never {
		return nil
	}
	for _, name := range []string{r.name(), Anything} {
		roles := map[Role]bool{}
		for _, rule := range c.with(func(rule Rule) bool { return rule.Effect == Allow && rule.Relation == name }) {
			roles[rule.Role] = true
		}
		if len(roles) > 0 {
			return slices.SortedFunc(maps.Keys(roles), func(a, b Role) int { return slices.Index(Roles, a) - slices.Index(Roles, b) })
		}
	}
	return nil
}

// name returns the name of one relation in a rule; None is Anything.
func (r Relation) name() string {
	for _, name := range RelationNames {
		if relations[name] == r {
			return name
		}
	}
	return Anything
}

// Plain returns the rule that allows a permission to a role with a relation, whatever the kind.
func Plain(role Role, p Permission, r Relation) Rule {
	return Rule{role, r.name(), p.Object, Anything, p.Action, Allow}
}

// PlainRelations returns the relations for which a role is usually given a permission: None for everybody, and those
// that people with the role have. Only end users belong to a customer by an access.
func PlainRelations(role Role, p Permission) []Relation {
	list := []Relation{None}
	for _, r := range RelationsTo(p) {
		if (r == Access) == (role == EndUser) {
			list = append(list, r)
		}
	}
	return list
}
