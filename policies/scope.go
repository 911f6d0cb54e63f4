package policies

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// masks is the number of different sets of relations.
const masks = int(Administrator|Processor|Access) + 1

// noKind stands for all kinds that no rule names. No valid key looks like it.
const noKind = "-"

// Scope answers for a whole list: for each set of relations to an object, it holds the kinds for which the caller may
// do an action. Each cell is a decision of Casbin, or that of another cell which all rules for the roles treat alike, so a
// list that uses it as a condition can't differ from the single decisions.
type Scope struct{ cells [masks]KindSet }

// KindSet is a set of kinds: exactly the listed kinds, or all kinds except them.
type KindSet struct {
	Except bool
	Kinds  []string // sorted
}

// Has says whether a kind is in the set.
func (k KindSet) Has(kind string) bool { return slices.Contains(k.Kinds, kind) != k.Except }

// Empty says whether no kind is in the set.
func (k KindSet) Empty() bool { return !k.Except && len(k.Kinds) == 0 }

// Full says whether every kind is in the set.
func (k KindSet) Full() bool { return k.Except && len(k.Kinds) == 0 }

func (k KindSet) equal(other KindSet) bool {
	return k.Except == other.Except && slices.Equal(k.Kinds, other.Kinds)
}

// For returns the kinds for which a caller with exactly these relations to the object has the permission.
func (s Scope) For(r Relation) KindSet { return s.cells[r] }

// Nothing says whether the caller has no permission for any relation and kind.
func (s Scope) Nothing() bool {
	return !slices.ContainsFunc(s.cells[:], func(k KindSet) bool { return !k.Empty() })
}

// Everything says whether the caller has the permission for every relation and every kind.
func (s Scope) Everything() bool {
	return !slices.ContainsFunc(s.cells[:], func(k KindSet) bool { return !k.Full() })
}

// Equal says whether two scopes give the same answers.
func (s Scope) Equal(other Scope) bool {
	for m, cell := range s.cells {
		if !cell.equal(other.cells[m]) {
			return false
		}
	}
	return true
}

// Unrelated says whether the caller has the permission for some objects without a relation to them. Then the caller's
// relations alone are not enough to find the rows of a list.
func (s Scope) Unrelated() bool { return !s.cells[None].Empty() }

// Matters returns the relations on which the answer depends. A query need not determine the others.
func (s Scope) Matters() (r Relation) {
	for _, bit := range []Relation{Administrator, Processor, Access} {
		for m := range Relation(masks) {
			if !s.cells[m].equal(s.cells[m^bit]) {
				r |= bit
			}
		}
	}
	return r
}

// SQL writes the scope as a condition over two expressions: mask, the caller's set of relations to a row's object as an
// integer, and kind, the object's kind. Placeholders are "?".
func (s Scope) SQL(mask, kind string) (sql string, args []any) {
	switch {
	case s.Nothing():
		return "FALSE", nil
	case s.Everything():
		return "TRUE", nil
	}
	var parts []string
	done := map[int]bool{}
	for m, cell := range s.cells {
		if done[m] || cell.Empty() {
			continue
		}
		var same []string
		for n := m; n < masks; n++ {
			if cell.equal(s.cells[n]) {
				same = append(same, strconv.Itoa(n))
				done[n] = true
			}
		}
		part := mask + " IN (" + strings.Join(same, ", ") + ")"
		if !cell.Full() {
			in := " IN ("
			if cell.Except {
				in = " NOT IN ("
			}
			part = "(" + part + " AND " + kind + in + strings.Repeat(", ?", len(cell.Kinds))[2:] + "))"
			for _, k := range cell.Kinds {
				args = append(args, k)
			}
		}
		parts = append(parts, part)
	}
	return "(" + strings.Join(parts, " OR ") + ")", args
}

type scopeKey struct {
	subject string
	object  Object
	action  Action
}

// Scope compiles the policy in force for an action and these roles. The first call costs one decision for each group of
// sets of relations and each group of kinds that the rules treat alike. A newly published version compiles again.
func (d *Decider) Scope(roles []Role, o Object, a Action) (Scope, error) {
	if len(roles) == 0 {
		return Scope{}, nil
	}
	return d.current.Load().scope(roles, o, a)
}

func (d *decisions) scope(roles []Role, o Object, a Action) (Scope, error) {
	key := scopeKey{subject(roles), o, a}
	if s, ok := d.scopes.Load(key); ok {
		return s.(Scope), nil
	}
	var s Scope
	rules := d.rulesFor(roles, o, a)
	groups, closed := kindsAlike(o, rules)
	named := relationsNamed(rules)
	for m := range masks {
		if alike := m & named; alike != m { // and it is less than m, so it is already decided
			s.cells[m] = s.cells[alike]
			continue
		}
		var yes, no []string
		for _, alike := range groups {
			ok, err := d.decide(Request{Roles: roles, Relation: Relation(m), Object: o, Kind: alike[0], Action: a})
			if err != nil {
				return Scope{}, fmt.Errorf("compile: %w", err)
			}
			if ok {
				yes = append(yes, alike...)
			} else {
				no = append(no, alike...)
			}
		}
		slices.Sort(yes)
		slices.Sort(no)
		s.cells[m] = cellOf(yes, no, closed)
	}
	d.scopes.Store(key, s)
	return s, nil
}

// cellOf turns the answers for each kind into a set. In an open list, noKind stands for all kinds that no rule for the roles
// names.
func cellOf(yes, no []string, closed bool) KindSet {
	if closed {
		if len(no) == 0 {
			return KindSet{Except: true}
		}
		return KindSet{Kinds: yes}
	}
	named := func(kinds []string) []string {
		return slices.DeleteFunc(kinds, func(k string) bool { return k == noKind })
	}
	if slices.Contains(yes, noKind) {
		return KindSet{Except: true, Kinds: named(no)}
	}
	return KindSet{Kinds: named(yes)}
}

// rulesFor returns the rules about an action that can match these roles.
func (d *decisions) rulesFor(roles []Role, o Object, a Action) (rules []Rule) {
	for _, r := range d.policy.Rules {
		if r.Object == o && r.Action == a && d.policy.chain(roles, r.Role) != nil {
			rules = append(rules, r)
		}
	}
	return rules
}

// relationsNamed returns the relations that rules name. Others change no answer.
func relationsNamed(rules []Rule) (mask int) {
	for _, r := range rules {
		mask |= int(relations[r.Relation])
	}
	return mask
}

// kindsAlike returns the kinds for which a decision is needed. For a closed list these are all kinds. For an open list
// these are the kinds that the rules name, and noKind for all others. A rule compares kinds only by equality, so kinds
// that the same rules name get the same answer: they form a group, and one kind of each group is decided.
func kindsAlike(o Object, rules []Rule) (groups [][]string, closed bool) {
	list, closed := Kinds[o]
	if !closed {
		list = []string{noKind}
	}
	said := make(map[string][]string, len(list)) // what the rules say that name the kind
	for _, kind := range list {
		said[kind] = nil
	}
	for _, r := range rules {
		if r.Kind == Anything {
			continue
		}
		if _, known := said[r.Kind]; known || !closed {
			said[r.Kind] = append(said[r.Kind], string(r.Role)+" "+r.Relation+" "+r.Effect)
		}
	}
	alike := map[string]int{}
	for _, kind := range slices.Sorted(maps.Keys(said)) {
		rules := said[kind]
		slices.Sort(rules)
		key := strings.Join(slices.Compact(rules), ", ")
		i, known := alike[key]
		if !known {
			i = len(groups)
			alike[key], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], kind)
	}
	return groups, closed
}

// Change is a cell in which two policies differ: with this relation to an object of these kinds, a person with the
// roles gains or loses the action.
type Change struct {
	Object   Object
	Action   Action
	Relation Relation
	Kinds    KindSet
	Gained   bool
}

// Changes compares two policies for a person with these roles, in the order of ObjectList. It leaves out relations that
// nobody can have to an object.
func Changes(old, new *Decider, roles []Role) ([]Change, error) {
	var out []Change
	for _, o := range ObjectList {
		for _, a := range Objects[o] {
			before, err := old.Scope(roles, o, a)
			if err != nil {
				return nil, err
			}
			after, err := new.Scope(roles, o, a)
			if err != nil {
				return nil, err
			}
			for m := range masks {
				if m != 0 && len(Related[o]) == 0 {
					break
				}
				gained, lost := minus(after.cells[m], before.cells[m]), minus(before.cells[m], after.cells[m])
				if !gained.Empty() {
					out = append(out, Change{o, a, Relation(m), gained, true})
				}
				if !lost.Empty() {
					out = append(out, Change{o, a, Relation(m), lost, false})
				}
			}
		}
	}
	return out, nil
}

// minus returns the kinds in a that are not in b.
func minus(a, b KindSet) KindSet {
	keep := func(from []string, cond func(string) bool) []string {
		var out []string
		for _, k := range from {
			if cond(k) {
				out = append(out, k)
			}
		}
		return out
	}
	switch {
	case !a.Except:
		return KindSet{Kinds: keep(a.Kinds, func(k string) bool { return !b.Has(k) })}
	case b.Except: // (all except a's) minus (all except b's) = b's kinds that are not a's
		return KindSet{Kinds: keep(b.Kinds, a.Has)}
	}
	all := append(slices.Clone(a.Kinds), keep(b.Kinds, a.Has)...)
	slices.Sort(all)
	return KindSet{Except: true, Kinds: all}
}
