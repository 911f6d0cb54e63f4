package policies

import "slices"

// Oddity is something that a policy allows and that is hardly meant. It prevents nothing.
type Oddity struct {
	Why   OddReason
	Role  Role // "" for Nobody
	Right Permission
	Needs Permission // for Without
}

// OddReason says what is odd.
type OddReason string

// The reasons.
const (
	Without  OddReason = "without"   // Right is allowed where Needs is not, and is hardly of use without it
	NoEffect OddReason = "no_effect" // a rule for a relation that nobody can have there
	Nobody   OddReason = "nobody"    // no role has a right that some role had
)

// OddReasons lists all reasons.
var OddReasons = []OddReason{Without, NoEffect, Nobody}

// needs lists the rights that are hardly of use without another one.
var needs = []struct{ right, needs Permission }{
	{Permission{ObjectCustomer, List}, Permission{ObjectCustomer, Read}},
	{Permission{ObjectCustomer, Update}, Permission{ObjectCustomer, Read}},
	{Permission{ObjectCustomer, Delete}, Permission{ObjectCustomer, Read}},
	{Permission{ObjectCustomer, Import}, Permission{ObjectCustomer, Create}},
	{Permission{ObjectCustomer, Export}, Permission{ObjectCustomer, Read}},
	{Permission{ObjectAccess, Create}, Permission{ObjectAccess, Read}},
	{Permission{ObjectAccess, Update}, Permission{ObjectAccess, Read}},
	{Permission{ObjectAccess, Resend}, Permission{ObjectAccess, Read}},
	{Permission{ObjectAccess, Remove}, Permission{ObjectAccess, Read}},
	{Permission{ObjectAuthorisation, Manage}, Permission{ObjectAuthorisation, Read}},
	{Permission{ObjectTransaction, Process}, Permission{ObjectTransaction, Read}},
	{Permission{ObjectSpecialist, Manage}, Permission{ObjectSpecialist, Read}},
	{Permission{ObjectQueue, Manage}, Permission{ObjectQueue, Read}},
	{Permission{ObjectAudit, Export}, Permission{ObjectAudit, Read}},
	{Permission{ObjectPolicy, Manage}, Permission{ObjectPolicy, Read}},
	{Permission{ObjectTemplate, Manage}, Permission{ObjectTemplate, Read}},
}

// Odd returns what is odd about a policy, in the order of ObjectList and Roles. Something that a role only has from a role
// that it includes is said of that role alone. published is the policy in force, of which d is a draft; nil for none.
func Odd(d, published *Decider) (all []Oddity, err error) {
	for _, o := range ObjectList {
		for _, a := range Objects[o] {
			p := Permission{o, a}
			for _, n := range needs {
				if n.right == p {
					if all, err = d.without(all, p, n.needs); err != nil {
						return nil, err
					}
				}
			}
			all = append(all, d.noEffect(p)...)
			held, err := d.held(p)
			if err != nil {
				return nil, err
			}
			if held || published == nil {
				continue
			}
			if was, err := published.held(p); err != nil {
				return nil, err
			} else if was {
				all = append(all, Oddity{Why: Nobody, Right: p})
			}
		}
	}
	return all, nil
}

// without adds the roles that have a right where they do not have what it needs.
func (d *Decider) without(all []Oddity, right, needs Permission) ([]Oddity, error) {
	var lack []Role
	for _, role := range Roles {
		has, err := d.Scope([]Role{role}, right.Object, right.Action)
		if err != nil {
			return nil, err
		}
		may, err := d.Scope([]Role{role}, needs.Object, needs.Action)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(masksTo(right), func(m Relation) bool { return !minus(has.For(m), may.For(m)).Empty() }) {
			lack = append(lack, role)
		}
	}
	doc := d.Document()
	for _, role := range lack {
		own := slices.ContainsFunc(doc.Rules, func(r Rule) bool {
			return r.Role == role && (r.about(right) || r.about(needs) && r.Effect == Deny)
		})
		if own || !slices.ContainsFunc(lack, func(r Role) bool { return r != role && doc.chain([]Role{role}, r) != nil }) {
			all = append(all, Oddity{Without, role, right, needs})
		}
	}
	return all, nil
}

func (r Rule) about(p Permission) bool { return r.Object == p.Object && r.Action == p.Action }

// noEffect returns the roles with rules for a relation that nobody can have.
func (d *Decider) noEffect(p Permission) (all []Oddity) {
	for _, role := range Roles {
		if slices.ContainsFunc(d.Document().Rules, func(r Rule) bool {
			return r.Role == role && r.about(p) && r.Relation != Anything && !slices.Contains(RelationsTo(p), relations[r.Relation])
		}) {
			all = append(all, Oddity{Why: NoEffect, Role: role, Right: p})
		}
	}
	return all
}

// held says whether some role has a permission, for whatever relation and kind.
func (d *Decider) held(p Permission) (bool, error) {
	for _, role := range Roles {
		s, err := d.Scope([]Role{role}, p.Object, p.Action)
		if err != nil || !s.Nothing() {
			return err == nil, err
		}
	}
	return false, nil
}
