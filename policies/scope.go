package policies

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// masks is how many sets of relations there are.
const masks = int(Administrator|Processor|Access) + 1

// noKind stands for every kind that no rule names: no key looks like it.
const noKind = "-"

// Scope is a list's answer: for each set of relations to an object, the kinds with which the caller may do something.
// It is the policy itself, asked once for every cell, so a list that it makes the condition of can't differ from the
// single decisions.
type Scope struct{ cells [masks]KindSet }

// KindSet is a set of kinds: exactly these, or all but these.
type KindSet struct {
	Except bool
	Kinds  []string // sorted
}

// Has says whether a kind is in the set.
func (k KindSet) Has(kind string) bool { return slices.Contains(k.Kinds, kind) != k.Except }

// Empty says whether no kind is in the set, Full whether every kind is.
func (k KindSet) Empty() bool { return !k.Except && len(k.Kinds) == 0 }

// Full says whether every kind is in the set.
func (k KindSet) Full() bool { return k.Except && len(k.Kinds) == 0 }

// For is the kinds with which a caller may, who is this to the object.
func (s Scope) For(r Relation) KindSet { return s.cells[r] }

// Nothing says whether there is no relation and no kind with which the caller may.
func (s Scope) Nothing() bool {
	return !slices.ContainsFunc(s.cells[:], func(k KindSet) bool { return !k.Empty() })
}

// Everything says whether the caller may with every relation and every kind.
func (s Scope) Everything() bool {
	return !slices.ContainsFunc(s.cells[:], func(k KindSet) bool { return !k.Full() })
}

// Unrelated says whether the caller may with objects of some kind that they have no relation to: then a list can't be
// read off the caller's relations alone.
func (s Scope) Unrelated() bool { return !s.cells[None].Empty() }

// Matters is the relations on which the answer depends: a query need not find out about the others.
func (s Scope) Matters() (r Relation) {
	for _, bit := range []Relation{Administrator, Processor, Access} {
		for m := range Relation(masks) {
			if a, b := s.cells[m], s.cells[m^bit]; a.Except != b.Except || !slices.Equal(a.Kinds, b.Kinds) {
				r |= bit
			}
		}
	}
	return r
}

// SQL writes the scope as a condition over two expressions: the caller's set of relations to a row's object, as an
// integer, and the object's kind. Placeholders are "?".
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
			if other := s.cells[n]; other.Except == cell.Except && slices.Equal(other.Kinds, cell.Kinds) {
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

// Scope compiles what the policy in force says of an action for these roles. It costs one decision for each set of
// relations and each group of kinds of which the rules say the same, the first time; a published version starts anew.
func (d *Decider) Scope(roles []Role, o Object, a Action) (Scope, error) {
	if len(roles) == 0 {
		return Scope{}, nil
	}
	return d.current.Load().scope(roles, o, a)
}

func (v *version) scope(roles []Role, o Object, a Action) (Scope, error) {
	key := scopeKey{subject(roles), o, a}
	if s, ok := v.scopes.Load(key); ok {
		return s.(Scope), nil
	}
	var s Scope
	groups, closed := v.kinds(o, a)
	for m := range masks {
		var yes, no []string
		for _, alike := range groups {
			ok, err := v.decide(Request{Roles: roles, Relation: Relation(m), Object: o, Kind: alike[0], Action: a})
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
	v.scopes.Store(key, s)
	return s, nil
}

// cellOf turns the answers for each kind into a set. Of an open list noKind answers for all kinds that no rule names.
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

// kinds are those that an answer is wanted for: all of a closed list; of an open one those that the rules about the action
// name, and one that stands for all others. A rule compares kinds by equality and nothing else, so those about which the
// same rules speak get the same answer: they are grouped, and one of a group is asked for.
func (v *version) kinds(o Object, a Action) (groups [][]string, closed bool) {
	list, closed := Kinds[o]
	if !closed {
		list = []string{noKind}
	}
	said := make(map[string][]string, len(list)) // what the rules that name a kind say
	for _, kind := range list {
		said[kind] = nil
	}
	for _, r := range v.policy.Rules {
		if r.Object != o || r.Action != a || r.Kind == Anything {
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

// Change is a cell in which two policies differ: with this relation to an object of this kind the roles' holder gains
// the action, or loses it.
type Change struct {
	Object   Object
	Action   Action
	Relation Relation
	Kinds    KindSet
	Gained   bool
}

// Changes compares what two policies say to the holder of these roles, in the order of ObjectList. Relations that nobody
// can have to an object are left out.
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

// minus is the kinds in a that are not in b.
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
	case b.Except: // all but a's, less all but b's: b's that are not a's
		return KindSet{Kinds: keep(b.Kinds, a.Has)}
	}
	all := append(slices.Clone(a.Kinds), keep(b.Kinds, a.Has)...)
	slices.Sort(all)
	return KindSet{Except: true, Kinds: all}
}
