package authorisation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/policies"
)

// subject is a person with all facts that matter for decisions about a customer and its transactions.
type subject struct {
	Person
	sort  string
	facts []Fact
}

// to returns all relations of the person to a transaction. With uuid.Nil it returns the relations to the customer
// itself; there, a processor of any of its transactions counts as Processor.
func (p *subject) to(transactionID uuid.UUID) (r policies.Relation) {
	for _, f := range p.facts {
		if f.counts(transactionID) {
			r |= f.Relation
		}
	}
	return r
}

// counts says whether a fact matters for a transaction. For the customer itself (uuid.Nil) all facts matter.
func (f Fact) counts(transactionID uuid.UUID) bool {
	return f.Relation != policies.Processor || transactionID == uuid.Nil || f.TransactionID == transactionID
}

// related holds the people with a relation to a customer and the customer's transactions, as far as the caller may see
// them.
type related struct {
	customer     customer.Customer
	transactions []visibleTransaction
	moreTransact bool // there are more than the limit
	people       map[uuid.UUID]*subject
	accesses     map[uuid.UUID]uuid.UUID // access id → person id
	decider      decider
}

// relatedTo loads the people who have a relation to a customer, and the transactions that the filter (which) selects.
// Only transactions that the caller may see count. Errors: NotFound, Forbidden (authorisation read).
func (s *Service) relatedTo(ctx context.Context, c account.Caller, customerID uuid.UUID, which transactionFilter) (*related, error) {
	cu, err := s.customers.Authorise(ctx, s.db, c, customerID, permission(policies.Read))
	if err != nil {
		return nil, err
	}
	k := &related{
		customer: cu, people: map[uuid.UUID]*subject{}, accesses: map[uuid.UUID]uuid.UUID{},
		decider: decider{policy: s.decider, cells: map[cellKey]Level{}},
	}
	visible, _, err := s.transactions.Within(c, policies.Read, "t")
	if err != nil {
		return nil, err
	}
	if k.transactions, err = newestTransactions(ctx, s.db, customerID, visible, which); err != nil {
		return nil, err
	}
	if which.limit > 0 && len(k.transactions) > which.limit {
		k.moreTransact, k.transactions = true, k.transactions[:which.limit]
	}
	if err := s.addAssigned(ctx, k, visible); err != nil {
		return nil, err
	}
	return k, s.addAccesses(ctx, c, k)
}

func (s *Service) addAssigned(ctx context.Context, k *related, visible store.Condition) error {
	rows, err := assignedOf(ctx, s.db, k.customer.ID, visible, s.now())
	if err != nil {
		return err
	}
	for _, r := range rows {
		p := k.person(r.PersonID)
		since := r.Since
		p.facts = append(p.facts, Fact{
			Relation: r.Relation, Since: &since, By: r.By, TransactionID: r.TransactionID.UUID, Number: r.Number,
			Transaction: r.Transaction, Kind: r.Kind, For: r.For, Until: r.Until,
		})
	}
	return s.describe(ctx, k)
}

// addAccesses adds the end users, if the caller may see them. A person without an account is identified by the access.
func (s *Service) addAccesses(ctx context.Context, c account.Caller, k *related) error {
	_, err := s.customers.Authorise(ctx, s.db, c, k.customer.ID, policies.Permission{Object: policies.ObjectAccess, Action: policies.Read})
	if errors.Is(err, policies.ErrForbidden) {
		return nil
	}
	if err != nil {
		return err
	}
	rows, err := access.AllOf(ctx, s.db, k.customer.ID)
	if err != nil {
		return err
	}
	for _, r := range rows {
		id := r.ID
		if r.AccountID.Valid {
			id = r.AccountID.UUID
		}
		k.accesses[r.ID] = id
		p := k.person(id)
		if !r.AccountID.Valid {
			p.Person = Person{ID: id, Name: r.FirstName + " " + r.LastName}
			p.sort = store.SortKey(p.Name)
		}
		if r.AccountID.Valid && r.RegisteredAt != nil && r.DeactivatedAt == nil {
			p.facts = append(p.facts, Fact{Relation: policies.Access, Since: r.RegisteredAt})
		}
	}
	return s.describe(ctx, k)
}

func (k *related) person(id uuid.UUID) *subject {
	p := k.people[id]
	if p == nil {
		p = &subject{Person: Person{ID: id}}
		k.people[id] = p
	}
	return p
}

// describe loads the names and roles of the people who were added.
func (s *Service) describe(ctx context.Context, k *related) error {
	var ids []uuid.UUID
	for id, p := range k.people {
		if p.Name == "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := peopleByID(ctx, s.db, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		p := k.people[r.ID]
		p.Person, p.sort = r.person(), r.NameSort
	}
	for _, id := range ids { // the account was deleted, or is an end user's among the deputies, which should not happen
		if p := k.people[id]; p.Name == "" {
			delete(k.people, id)
		}
	}
	return nil
}

// addByRole adds specialist users who see transactions without any relation to the customer, at most limit, ordered by
// name. more says that there are others.
func (s *Service) addByRole(ctx context.Context, k *related, name string, limit int) (more bool, err error) {
	var roles []policies.Role
	for _, r := range policies.FirmRoles {
		scope, err := s.decider.Scope([]policies.Role{r}, policies.ObjectTransaction, policies.Read)
		if err != nil {
			return false, err
		}
		if scope.Unrelated() {
			roles = append(roles, r)
		}
	}
	if len(roles) == 0 {
		return false, nil
	}
	rows, err := peopleByRole(ctx, s.db, roles, name, limit+1)
	if err != nil {
		return false, err
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	for _, r := range rows {
		if k.people[r.ID] == nil {
			k.people[r.ID] = &subject{Person: r.person(), sort: r.NameSort}
		}
	}
	return more, nil
}

// byName lists the people ordered by name.
func (k *related) byName() []*subject {
	list := make([]*subject, 0, len(k.people))
	for _, p := range k.people {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *subject) int {
		return cmp.Or(strings.Compare(a.sort, b.sort), strings.Compare(a.ID.String(), b.ID.String()))
	})
	return list
}

// --- deciding ----------------------------------------------------------------------------------------------------

// decider caches the policy's decisions, because the thousands of cells of a matrix have only few different
// combinations of roles, relations and kind.
type decider struct {
	policy *policies.Decider
	cells  map[cellKey]Level
}

type cellKey struct {
	roles string
	mask  policies.Relation
	kind  string
}

// anyKind stands in cellKey for all kinds of transactions together. No valid key looks like it.
const anyKind = "*"

// level returns what a person with these relations may do with a transaction of a kind; with anyKind, with transactions
// of every kind.
func (d *decider) level(p Person, mask policies.Relation, kind string) (Level, error) {
	if !p.Active {
		return Nothing, nil
	}
	key := cellKey{rolesKey(p.Roles), mask, kind}
	if l, ok := d.cells[key]; ok {
		return l, nil
	}
	l := Nothing
	for i, action := range []policies.Action{policies.Read, policies.Process} {
		ok, err := d.allows(p.Roles, mask, kind, action)
		if err != nil {
			return Nothing, err
		}
		if !ok {
			break // without reading there is no processing
		}
		l = Level(i + 1)
	}
	d.cells[key] = l
	return l, nil
}

func (d *decider) allows(roles []policies.Role, mask policies.Relation, kind string, a policies.Action) (bool, error) {
	if kind == anyKind {
		scope, err := d.policy.Scope(roles, policies.ObjectTransaction, a)
		return scope.For(mask).Full(), err
	}
	return d.policy.Allows(policies.Request{Roles: roles, Relation: mask, Object: policies.ObjectTransaction, Kind: kind, Action: a})
}

func rolesKey(roles []policies.Role) string {
	var b strings.Builder
	for _, r := range roles {
		b.WriteString(string(r) + " ")
	}
	return b.String()
}

// Source is the reason why somebody sees something: a relation of theirs, a relation of a person they represent, or, if
// Relation is None, their role.
type Source struct {
	Relation policies.Relation
	For      string
	Until    *time.Time
}

// sourcesOf lists the reasons for a person's level: each of their relations once, or their role when they have none.
func (p *subject) sourcesOf(transactionID uuid.UUID, whole bool) (list []Source) {
	for _, f := range p.facts {
		if whole && f.Relation == policies.Processor || !f.counts(transactionID) {
			continue
		}
		source := Source{Relation: f.Relation, For: f.For, Until: f.Until}
		if !slices.ContainsFunc(list, func(o Source) bool { return o.Relation == source.Relation && o.For == source.For }) {
			list = append(list, source)
		}
	}
	if len(list) == 0 {
		list = []Source{{}}
	}
	return list
}
