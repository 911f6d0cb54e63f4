package policy

import (
	"context"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// Impact is what a draft would change for people, with the current assignments. What somebody has as a deputy now
// counts together with their own assignments.
type Impact struct {
	Lines    []Line // by person
	More     int    // number of further people beyond maxPeople
	EndUsers []Line // all end users together
	// Cut says that counting exceeded the caller's time limit: some figures are missing.
	Cut bool
}

// Nothing says whether nobody gains or loses anything.
func (i Impact) Nothing() bool { return len(i.Lines) == 0 && len(i.EndUsers) == 0 && !i.Cut }

// Line is one right that a person, or all end users together, would gain or lose.
type Line struct {
	PersonID uuid.UUID
	Person   string
	People   int // number of end users
	Object   policies.Object
	Action   policies.Action
	Gained   bool
	// Unit is what Count counts: customers or transactions; "" for rights that do not concern single ones.
	Unit     policies.Object
	Count    int64
	Examples []string // only those that the viewer may see

	cells []policies.Change
	mixed bool // the person has relations besides their own assignments; see concerned
}

// maxPeople is the maximum number of people named, maxExamples the maximum number of examples in each line.
const (
	maxPeople   = 50
	maxExamples = 3
)

// unitOf says what a right is counted by: single transactions, single customers (with everything that belongs to them),
// or "" where no relation matters.
func unitOf(o policies.Object, a policies.Action) policies.Object {
	switch {
	case o == policies.ObjectCustomer && a == policies.Create, len(policies.Related[o]) == 0:
		return ""
	case o.OfTransaction() && !byCustomer(a):
		return policies.ObjectTransaction
	}
	return policies.ObjectCustomer
}

// byCustomer says whether a right to an action with transactions is one with the customer: there is no transaction yet.
func byCustomer(a policies.Action) bool { return a == policies.Create || a == policies.Start }

// kindMatters says whether a change depends on the kind of the counted objects. Rights to begin transactions are
// counted by customers, which do not have these kinds.
func kindMatters(ch policies.Change) bool {
	return !ch.Kinds.Full() && (ch.Object != policies.ObjectTransaction || !byCustomer(ch.Action))
}

// WouldChange computes what publishing a draft would change, within the given time. Each kind of fact takes one
// aggregate query, however many people there are. When the time is over, the remaining counts are left out and Cut is
// set. policies.ErrForbidden.
func (s *Service) WouldChange(ctx context.Context, c account.Caller, d Draft, within time.Duration) (Impact, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Impact{}, err
	}
	next, err := policies.New(d.Text)
	if err != nil {
		return Impact{}, err
	}
	old, err := s.InForce(d.Published)
	if err != nil {
		return Impact{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m := &measure{s: s, viewer: c, now: s.o.Now(), old: old, next: next, sets: map[string][]policies.Change{}, order: map[uuid.UUID]int{}}
	late := func(err error) bool { return err != nil && bounded.Err() != nil && ctx.Err() == nil }
	if err := m.run(bounded); late(err) {
		m.out.Cut = true
	} else if err != nil {
		return Impact{}, err
	}
	m.arrange()
	if err := m.examples(bounded); err != nil && !late(err) { // the figures are complete without examples
		return Impact{}, err
	}
	return m.out, nil
}

// measure holds the state of one computation of an Impact.
type measure struct {
	s         *Service
	viewer    account.Caller
	now       time.Time // decides which deputyships are current
	old, next *policies.Decider
	sets      map[string][]policies.Change // by roles
	order     map[uuid.UUID]int            // position of each person in the order of names
	out       Impact
}

// concerned is a person whose rights change.
type concerned struct {
	personRow
	changes []policies.Change
	mixed   bool // has relations besides their own assignments, as an end user or as a deputy
}

func (m *measure) run(ctx context.Context) error {
	rows, err := specialists(ctx, m.s.o.DB)
	if err != nil {
		return err
	}
	deputies, err := standingIn(ctx, m.s.o.DB, m.now)
	if err != nil {
		return err
	}
	var people []concerned
	for i, r := range rows {
		m.order[r.ID] = i
		changes, err := m.changes(r.roles())
		if err != nil {
			return err
		}
		if len(changes) > 0 {
			people = append(people, concerned{r, changes, r.HasAccess || slices.Contains(deputies, r.ID)})
		}
	}
	ends, err := m.changes([]policies.Role{policies.EndUser})
	if err != nil {
		return err
	}
	// The changes that need no counting come first: they are there even if the time runs out.
	for _, p := range people {
		m.general(p)
	}
	for _, unit := range []policies.Object{policies.ObjectCustomer, policies.ObjectTransaction} {
		if err := m.count(ctx, unit, people); err != nil {
			return err
		}
		if err := m.countEndUsers(ctx, unit, ends); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) changes(roles []policies.Role) ([]policies.Change, error) {
	key := ""
	for _, r := range roles {
		key += string(r) + "+"
	}
	if known, ok := m.sets[key]; ok {
		return known, nil
	}
	changes, err := policies.Changes(m.old, m.next, roles)
	m.sets[key] = changes
	return changes, err
}

// general adds the changes that do not concern single customers or transactions.
func (m *measure) general(p concerned) {
	for _, ch := range p.changes {
		if unitOf(ch.Object, ch.Action) == "" && ch.Relation == policies.None {
			m.out.Lines = append(m.out.Lines, Line{
				PersonID: p.ID, Person: p.Name, Object: ch.Object, Action: ch.Action, Gained: ch.Gained,
			})
		}
	}
}

// linesFor groups the changes for a unit into lines: each line is one right, gained or lost, with any relation.
func linesFor(changes []policies.Change, unit policies.Object) (lines []Line) {
	for _, ch := range changes {
		if unitOf(ch.Object, ch.Action) != unit {
			continue
		}
		i := slices.IndexFunc(lines, func(l Line) bool {
			return l.Object == ch.Object && l.Action == ch.Action && l.Gained == ch.Gained
		})
		if i < 0 {
			i = len(lines)
			lines = append(lines, Line{Object: ch.Object, Action: ch.Action, Gained: ch.Gained, Unit: unit})
		}
		lines[i].cells = append(lines[i].cells, ch)
	}
	return lines
}

// count counts for each person the customers or transactions over which they gain or lose a right.
func (m *measure) count(ctx context.Context, unit policies.Object, people []concerned) error {
	var whose tallied
	o := objects{unit: unit}
	rest := false
	for _, p := range people {
		lines := linesFor(p.changes, unit)
		if len(lines) > 0 {
			whose.ids = append(whose.ids, p.ID)
		}
		if p.mixed {
			whose.mixed = append(whose.mixed, p.ID)
		}
		for _, l := range lines {
			o.byKind = o.byKind || slices.ContainsFunc(l.cells, kindMatters)
			rest = rest || slices.ContainsFunc(l.cells, func(ch policies.Change) bool { return ch.Relation == policies.None })
		}
	}
	if len(whose.ids) == 0 {
		return nil
	}
	held, err := tallyOf(ctx, m.s.o.DB, o, whose, m.now)
	if err != nil {
		return err
	}
	var all map[string]int64
	if rest {
		if all, err = totals(ctx, m.s.o.DB, o); err != nil {
			return err
		}
	}
	for _, p := range people {
		for _, l := range linesFor(p.changes, unit) {
			for _, ch := range l.cells {
				l.Count += held.of(p.ID, ch, all)
			}
			if l.Count > 0 {
				l.PersonID, l.Person, l.mixed = p.ID, p.Name, p.mixed
				m.out.Lines = append(m.out.Lines, l)
			}
		}
	}
	return nil
}

// tally is the number of customers or transactions to which a person has exactly these relations, by kind ("" when
// kinds are not distinguished).
type tally map[tallyKey]int64

type tallyKey struct {
	person uuid.UUID
	mask   policies.Relation
	kind   string
}

// of counts the person's objects in the cell of a change. The objects without a relation are all objects minus those to
// which the person has a relation.
func (t tally) of(person uuid.UUID, ch policies.Change, all map[string]int64) (n int64) {
	in := func(kind string) bool { return kind == "" || !kindMatters(ch) || ch.Kinds.Has(kind) }
	if ch.Relation == policies.None {
		for kind, k := range all {
			if in(kind) {
				n += k
			}
		}
	}
	for key, k := range t {
		switch {
		case key.person != person || !in(key.kind):
		case ch.Relation == policies.None:
			n -= k
		case key.mask == ch.Relation:
			n += k
		}
	}
	return n
}

// countEndUsers counts, for all people who are only end users together, how many people a change concerns and how many
// different customers or transactions.
func (m *measure) countEndUsers(ctx context.Context, unit policies.Object, changes []policies.Change) error {
	for _, l := range linesFor(changes, unit) {
		for _, ch := range l.cells {
			if ch.Relation != policies.None && ch.Relation != policies.Access {
				continue // somebody who is only an end user never has this relation
			}
			people, n, err := endUserReach(ctx, m.s.o.DB, unit, ch)
			if err != nil {
				return err
			}
			l.People, l.Count = max(l.People, people), max(l.Count, n)
		}
		if l.People > 0 && l.Count > 0 {
			m.out.EndUsers = append(m.out.EndUsers, l)
		}
	}
	return nil
}

// arrange sorts the lines by the people's names and keeps those of the first maxPeople.
func (m *measure) arrange() {
	slices.SortStableFunc(m.out.Lines, func(a, b Line) int { return m.order[a.PersonID] - m.order[b.PersonID] })
	named, last := 0, uuid.Nil
	for i, l := range m.out.Lines {
		if l.PersonID == last {
			continue
		}
		named, last = named+1, l.PersonID
		if named == maxPeople+1 {
			m.out.More = 1
			for j := i + 1; j < len(m.out.Lines); j++ {
				if m.out.Lines[j].PersonID != m.out.Lines[j-1].PersonID {
					m.out.More++
				}
			}
			m.out.Lines = m.out.Lines[:i]
			return
		}
	}
}

// examples adds to each line the names of some counted objects that the viewer may see.
func (m *measure) examples(ctx context.Context) error {
	within := map[policies.Object]store.Condition{}
	if where, nothing, err := m.s.o.Transactions.Within(m.viewer, policies.Read, "t"); err != nil {
		return err
	} else if !nothing {
		within[policies.ObjectTransaction] = where
	}
	if where, nothing, err := m.s.o.Customers.Readable(m.viewer); err != nil {
		return err
	} else if !nothing {
		within[policies.ObjectCustomer] = where
	}
	for i := range m.out.Lines {
		l := &m.out.Lines[i]
		where, some := within[l.Unit]
		if !some {
			continue
		}
		var err error
		if l.Examples, err = examplesOf(ctx, m.s.o.DB, *l, where, m.now); err != nil {
			return err
		}
	}
	return nil
}
