package authorisation

import (
	"context"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/transaction"
	"kontor/policies"
)

// Explanation says what a person may do with a customer, or with one of its transactions, and why.
type Explanation struct {
	Customer    customer.Customer
	Transaction *transaction.Transaction // nil: the customer as a whole
	Person      Person
	Facts       []Fact // the person's relations; may be empty
	Answers     []Answer
	Grants      []Grant             // the summary; never empty
	Needed      []policies.Relation // when they see nothing: each of these assignments alone would change that
}

// Grant is what a person may do with some of the transactions: with the one asked about, with all of the customer, or
// with those in Facts.
type Grant struct {
	Level Level
	All   bool
	Facts []Fact // the facts that allow it; empty: by role alone
	Via   []policies.Role
	// Rule is, if Level is Nothing, the rule that forbids it; nil: no rule allows it.
	Rule *policies.Rule
}

// Answer is the decision about one action on one object.
type Answer struct {
	Object policies.Object
	Action policies.Action
	policies.Verdict
	// Partly says that the person may do it with some kinds of the customer's transactions and not with others. Allowed
	// is false then.
	Partly bool
}

// Counting returns the facts on which the answer is based: those with the relation that the rule names. If no rule
// decided, these are all facts; if the rule holds for any relation, none.
func (e Explanation) Counting(a Answer) (list []Fact) {
	for _, f := range e.Facts {
		if a.Rule == nil && (a.Object != policies.ObjectTransaction || e.Transaction != nil || f.Relation != policies.Processor) ||
			a.Rule != nil && policies.RelationNamed(a.Rule.Relation) == f.Relation {
			list = append(list, f)
		}
	}
	return list
}

// Why explains what a person may do with the customer as a whole (transactionID is Nil) or with one of its
// transactions. personID is the id of an account, or of an access to this customer. Only assignments to transactions
// that the caller may see are shown and count. Errors: NotFound for the customer and the transaction; ErrUnknownPerson
// for a person without a relation to the customer, unless the caller may manage its authorisations, may read specialist
// users, or asks about themselves; Forbidden (authorisation read).
func (s *Service) Why(ctx context.Context, c account.Caller, customerID, personID, transactionID uuid.UUID) (e Explanation, err error) {
	which := transactionFilter{limit: 1}
	if transactionID != uuid.Nil {
		which = transactionFilter{id: transactionID}
	}
	k, err := s.relatedTo(ctx, c, customerID, which)
	if err != nil {
		return e, err
	}
	e.Customer = k.customer
	if transactionID != uuid.Nil {
		t, err := s.transactions.Get(ctx, c, transactionID)
		if err != nil {
			return e, err
		}
		if t.CustomerID != customerID {
			return e, transaction.ErrNotFound
		}
		e.Transaction = &t
	}
	p, err := s.personIn(ctx, c, k, personID)
	if err != nil {
		return e, err
	}
	e.Person, e.Facts = p.Person, p.factsAbout(transactionID)
	if e.Answers, err = s.answers(k.customer, e.Transaction, p); err != nil {
		return e, err
	}
	if e.Grants, err = k.grants(e, p); err != nil || e.Grants[0].Level != Nothing {
		return e, err
	}
	e.Needed, err = k.needed(e, p)
	return e, err
}

// grants summarises the answers. The first grant is about the transaction, or about all transactions of the customer.
// For the customer as a whole, grants follow for the transactions to which the person is assigned, if they allow more.
func (k *related) grants(e Explanation, p *subject) (list []Grant, err error) {
	first := Grant{All: e.Transaction == nil}
	for _, a := range e.Answers {
		switch {
		case a.Object != policies.ObjectTransaction:
		case a.Action == policies.Read:
			first.Facts, first.Via, first.Rule = e.Counting(a), a.Via, a.Rule
			if a.Allowed {
				first.Level = Sees
			}
		case a.Action == policies.Process && a.Allowed && first.Level == Sees:
			first.Level = Works
		}
	}
	if e.Transaction == nil {
		for _, f := range e.Facts {
			if f.Relation != policies.Processor {
				continue
			}
			level, err := k.decider.level(p.Person, p.to(f.TransactionID), f.Kind)
			if err != nil {
				return nil, err
			}
			if level > first.Level {
				list = addGrant(list, level, f)
			}
		}
	}
	if first.Level == Nothing && len(list) > 0 {
		return list, nil
	}
	return append([]Grant{first}, list...), nil
}

// addGrant adds a transaction to the grant with the same level and the same represented person.
func addGrant(list []Grant, level Level, f Fact) []Grant {
	for i := range list {
		if list[i].Level == level && list[i].Facts[0].For == f.For {
			list[i].Facts = append(list[i].Facts, f)
			return list
		}
	}
	return append(list, Grant{Level: level, Facts: []Fact{f}})
}

// needed returns the assignments each of which alone would let an active person see it.
func (k *related) needed(e Explanation, p *subject) (list []policies.Relation, err error) {
	kind, relations := anyKind, []policies.Relation{policies.Administrator}
	if e.Transaction != nil {
		kind, relations = e.Transaction.Kind, append(relations, policies.Processor)
	}
	if !p.Specialist {
		relations = []policies.Relation{policies.Access}
	}
	mask := p.to(uuid.Nil) &^ policies.Processor
	if e.Transaction != nil {
		mask = p.to(e.Transaction.ID)
	}
	for _, r := range relations {
		level, err := k.decider.level(p.Person, mask|r, kind)
		if err != nil {
			return nil, err
		}
		if level > Nothing && mask&r == 0 {
			list = append(list, r)
		}
	}
	return list, nil
}

// personIn finds a person with a relation to the customer, or a specialist user about whom the caller may ask.
func (s *Service) personIn(ctx context.Context, c account.Caller, k *related, id uuid.UUID) (*subject, error) {
	if account, ok := k.accesses[id]; ok {
		id = account
	}
	if p := k.people[id]; p != nil {
		return p, nil
	}
	rows, err := peopleByID(ctx, s.db, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || !rows[0].Specialist {
		return nil, ErrUnknownPerson
	}
	p := &subject{Person: rows[0].person()}
	if id == c.ID {
		return p, nil
	}
	// a person who sees the customer's transactions by role alone is in the matrix as well
	scope, err := s.decider.Scope(p.Roles, policies.ObjectTransaction, policies.Read)
	if err != nil || p.Active && scope.Unrelated() {
		return p, err
	}
	may, err := s.customers.May(ctx, c, k.customer, wantManage)
	if err != nil || may[wantManage] {
		return p, err
	}
	if ok, err := s.decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: policies.Read}); err != nil || ok {
		return p, err
	}
	return nil, ErrUnknownPerson
}

// ofTransaction are the rights that are explained of one transaction, in the order in which they are told.
var ofTransaction = []policies.Permission{
	{Object: policies.ObjectTransaction, Action: policies.Read}, {Object: policies.ObjectTransaction, Action: policies.Process},
	{Object: policies.ObjectTransaction, Action: policies.Upload}, {Object: policies.ObjectTransaction, Action: policies.Answer},
	{Object: policies.ObjectTransaction, Action: policies.Review}, {Object: policies.ObjectTransaction, Action: policies.Comment},
	{Object: policies.ObjectDocument, Action: policies.Read}, {Object: policies.ObjectInternal, Action: policies.Read},
}

// answers returns the policy's decisions about the transaction, or about the customer.
func (s *Service) answers(cu customer.Customer, t *transaction.Transaction, p *subject) (list []Answer, err error) {
	if t != nil {
		for _, w := range ofTransaction {
			v, err := s.explain(p, p.to(t.ID), w.Object, t.Kind, w.Action)
			if err != nil {
				return nil, err
			}
			list = append(list, Answer{Object: w.Object, Action: w.Action, Verdict: v})
		}
		return list, nil
	}
	for _, w := range []policies.Permission{
		{Object: policies.ObjectCustomer, Action: policies.Read}, {Object: policies.ObjectCustomer, Action: policies.Update},
		{Object: policies.ObjectNote, Action: policies.Read}, {Object: policies.ObjectNote, Action: policies.Create}, wantManage,
	} {
		v, err := s.explain(p, p.to(uuid.Nil), w.Object, string(cu.Type), w.Action)
		if err != nil {
			return nil, err
		}
		list = append(list, Answer{Object: w.Object, Action: w.Action, Verdict: v})
	}
	for _, a := range []policies.Action{policies.Read, policies.Process} {
		answer, err := s.allTransactions(p, a)
		if err != nil {
			return nil, err
		}
		list = append(list, answer)
	}
	return list, nil
}

// allTransactions says whether the person may do an action with all transactions of the customer, of every kind.
func (s *Service) allTransactions(p *subject, a policies.Action) (answer Answer, err error) {
	answer = Answer{Object: policies.ObjectTransaction, Action: a}
	if !p.Active {
		return answer, nil
	}
	mask := p.to(uuid.Nil) &^ policies.Processor
	scope, err := s.decider.Scope(p.Roles, policies.ObjectTransaction, a)
	if err != nil {
		return answer, err
	}
	kinds := scope.For(mask)
	if answer.Partly = !kinds.Full() && !kinds.Empty(); answer.Partly {
		return answer, nil
	}
	// the answer is the same for all kinds, so a kind that no rule names gives the verdict
	answer.Verdict, err = s.explain(p, mask, policies.ObjectTransaction, "", a)
	return answer, err
}

func (s *Service) explain(p *subject, mask policies.Relation, o policies.Object, kind string, a policies.Action) (policies.Verdict, error) {
	if !p.Active {
		return policies.Verdict{}, nil
	}
	return s.decider.Explain(policies.Request{Roles: p.Roles, Relation: mask, Object: o, Kind: kind, Action: a})
}
