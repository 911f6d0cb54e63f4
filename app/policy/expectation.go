package policy

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Expectation is a condition that a policy must meet before it can be published. It says that a role with a relation,
// or one person with their current roles and assignments, may or may not do something.
type Expectation struct {
	ID            uuid.UUID       `bun:"id,pk"`
	Role          policies.Role   `bun:"role"`      // "" when the expectation is about a person
	Relation      string          `bun:"relation"`  // exactly this relation; "" for none
	PersonID      uuid.NullUUID   `bun:"person_id"` // checked with the roles and assignments at the time of the check
	May           bool            `bun:"may"`
	Action        policies.Action `bun:"action"`
	Object        policies.Object `bun:"object"`
	Kind          string          `bun:"kind"` // "" for any: the expectation must hold for every kind
	TransactionID uuid.NullUUID   `bun:"transaction_id"`
	CreatedAt     time.Time       `bun:"created_at"`
}

// ExpectationForm is the input for an expectation: fields role, relation, person, may, action, object, kind,
// transaction.
type ExpectationForm struct {
	Role        policies.Role
	Relation    string // "" or policies.Anything for none
	Person      string // id, e-mail address or username; then Role and Relation must be empty
	May         bool
	Action      policies.Action
	Object      policies.Object
	Kind        string // "" or policies.Anything for any
	Transaction string // number of a transaction (V-10001), only with a person
}

// Check is an expectation with its result under a policy.
type Check struct {
	Expectation
	Person      string // name
	Inactive    bool   // the person can't sign in, so they may do nothing
	Transaction string // name
	Hidden      bool   // the caller may not see its transaction: name and reason are left out
	Holds       bool
	// Rule decided against the expectation, for Kind if the object has kinds; nil when no rule applies.
	Rule *policies.Rule
	Kind string
}

func failing(checks []Check) (n int) {
	for _, c := range checks {
		if !c.Holds {
			n++
		}
	}
	return n
}

// Expectations returns all expectations and whether each holds under the policy in force. policies.ErrForbidden.
func (s *Service) Expectations(ctx context.Context, c account.Caller) ([]Check, error) {
	if err := s.require(c, policies.Read); err != nil {
		return nil, err
	}
	return s.shown(ctx, c, s.o.Decider)
}

// shown is evaluate, without the data that the caller may not see.
func (s *Service) shown(ctx context.Context, c account.Caller, under *policies.Decider) ([]Check, error) {
	checks, err := s.evaluate(ctx, s.o.DB, under)
	if err != nil {
		return nil, err
	}
	var ids []uuid.UUID
	for _, k := range checks {
		if k.TransactionID.Valid {
			ids = append(ids, k.TransactionID.UUID)
		}
	}
	within, nothing, err := s.o.Transactions.Within(c, policies.Read, "t")
	if err != nil {
		return nil, err
	}
	visible := map[uuid.UUID]bool{}
	if !nothing {
		if visible, err = seenAmong(ctx, s.o.DB, ids, within); err != nil {
			return nil, err
		}
	}
	for i := range checks {
		if k := &checks[i]; k.TransactionID.Valid && !visible[k.TransactionID.UUID] {
			k.Hidden, k.Transaction, k.Rule, k.Kind = true, "", nil, ""
		}
	}
	return checks, nil
}

// evaluate checks every expectation with a decider and the current facts.
func (s *Service) evaluate(ctx context.Context, db bun.IDB, under *policies.Decider) ([]Check, error) {
	rows, err := expectations(ctx, db)
	if err != nil {
		return nil, err
	}
	all, err := transaction.AllKinds(ctx, db)
	if err != nil {
		return nil, err
	}
	known := make([]string, 0, len(all)+1)
	for _, k := range all {
		known = append(known, k.Key)
	}
	checks := make([]Check, 0, len(rows))
	for _, r := range rows {
		k := Check{
			Expectation: r.Expectation, Person: r.Person, Inactive: r.PersonID.Valid && !r.Active, Transaction: r.TransactionName,
		}
		masks, err := r.masks(ctx, db)
		if err != nil {
			return nil, err
		}
		if err := k.ask(under, r.roles(), masks, r.asked(known)); err != nil {
			return nil, err
		}
		checks = append(checks, k)
	}
	return checks, nil
}

// roles returns the roles for the check. The policy itself says which roles they include.
func (r factsRow) roles() []policies.Role {
	switch {
	case r.PersonID.Valid && !r.Active:
		return nil
	case r.PersonID.Valid:
		return r.Roles(r.Specialist)
	}
	return []policies.Role{r.Role}
}

// masks returns the sets of relations for which the expectation must hold. For a person these are the sets that they
// have to some customer or transaction now, or none if they have no such relation. What a person must not do, they must
// not do without a relation either.
func (r factsRow) masks(ctx context.Context, db bun.IDB) ([]policies.Relation, error) {
	switch {
	case !r.PersonID.Valid:
		return []policies.Relation{policies.RelationNamed(r.Relation)}, nil
	case r.TransactionID.Valid:
		m, err := relationTo(ctx, db, r.PersonID.UUID, r.TransactionID.UUID)
		return []policies.Relation{m}, err
	case unitOf(r.Object, r.Action) == "":
		return []policies.Relation{policies.None}, nil
	}
	held, err := heldBy(ctx, db, account.Caller{ID: r.PersonID.UUID})
	masks := held[unitOf(r.Object, r.Action)]
	if len(masks) == 0 || !r.May {
		masks = append(masks, policies.None)
	}
	return masks, err
}

// otherKind stands for kinds that may be added later. No valid key looks like it.
const otherKind = "-"

// asked returns the kinds for which the expectation must hold.
func (r factsRow) asked(known []string) []string {
	switch {
	case r.TransactionID.Valid:
		return []string{r.TransactionKind}
	case r.Kind != "":
		return []string{r.Kind}
	case r.Object.OfTransaction():
		return append(slices.Clone(known), otherKind)
	case len(policies.Kinds[r.Object]) > 0:
		return policies.Kinds[r.Object]
	}
	return []string{""}
}

// ask checks whether the expectation holds, and finds the first rule that decides against it.
func (k *Check) ask(under *policies.Decider, roles []policies.Role, masks []policies.Relation, kinds []string) error {
	k.Holds = true
	for _, m := range masks {
		for _, kind := range kinds {
			v, err := under.Explain(policies.Request{Roles: roles, Relation: m, Object: k.Object, Kind: kind, Action: k.Action})
			if err != nil {
				return err
			}
			if v.Allowed != k.May {
				k.Holds, k.Rule, k.Kind = false, v.Rule, kind
				if kind == otherKind {
					k.Kind = ""
				}
				return nil
			}
		}
	}
	return nil
}

// Expect adds an expectation. It may fail at first: then it prevents publishing. policies.ErrForbidden; Invalid at the
// field as policies.Rule.Check, at person ("policy.person": unknown; "policy.subject": both a person and a role, or
// neither), at transaction ("policy.transaction": the caller may not see it, or it does not exist;
// "policy.transaction_person": without a person), at action ("policy.transaction_action": not an action on a single
// transaction).
func (s *Service) Expect(ctx context.Context, c account.Caller, f ExpectationForm) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	e, err := s.expectation(ctx, c, f)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := insertExpectation(ctx, tx, &expectationRow{Expectation: e, CreatedBy: c.ID}); err != nil {
			return err
		}
		return s.note(ctx, tx, c, audit.PolicyExpectationAdded, e)
	})
}

// expectation checks a form and finds its person and its transaction.
func (s *Service) expectation(ctx context.Context, c account.Caller, f ExpectationForm) (e Expectation, err error) {
	var form fault.Form
	e = Expectation{May: f.May, Action: f.Action, Object: f.Object, Kind: f.Kind, Role: f.Role, Relation: f.Relation, CreatedAt: s.o.Now()}
	if e.Kind == policies.Anything {
		e.Kind = ""
	}
	if e.Relation == policies.Anything {
		e.Relation = ""
	}
	known, err := Vocabulary(ctx, s.o.DB)
	if err != nil {
		return e, err
	}
	person := entry.Key(f.Person)
	if (person == "") == (f.Role == "") || person != "" && e.Relation != "" {
		form.Add("person", "policy.subject")
	} else if person != "" {
		if e.PersonID, err = s.person(ctx, person); err != nil {
			return e, err
		}
		if !e.PersonID.Valid {
			form.Add("person", "policy.person")
		}
	}
	form.AddError(e.rule().Check(known))
	if number := entry.Key(f.Transaction); number != "" {
		switch {
		case person == "":
			form.Add("transaction", "policy.transaction_person")
		case unitOf(f.Object, f.Action) != policies.ObjectTransaction:
			form.Add("action", "policy.transaction_action")
		default:
			if e.TransactionID, err = s.transaction(ctx, c, number); err != nil {
				return e, err
			}
			if !e.TransactionID.Valid {
				form.Add("transaction", "policy.transaction")
			}
			e.Kind = ""
		}
	}
	if err := form.Err(); err != nil {
		return e, err
	}
	e.ID, err = uuid.NewV7()
	return e, err
}

// rule returns a rule with the same words as the expectation, for checks and for the log.
func (e Expectation) rule() policies.Rule {
	r := policies.Rule{
		Role: e.Role, Relation: e.Relation, Object: e.Object, Kind: e.Kind, Action: e.Action, Effect: policies.Deny,
	}
	if e.May {
		r.Effect = policies.Allow
	}
	if r.Role == "" {
		r.Role = policies.Specialist // an expectation about a person has no role: this one passes the check
	}
	if r.Relation == "" {
		r.Relation = policies.Anything
	}
	if r.Kind == "" {
		r.Kind = policies.Anything
	}
	return r
}

// person finds an account by id, e-mail address or username; not valid when there is none.
func (s *Service) person(ctx context.Context, login string) (uuid.NullUUID, error) {
	if id, err := uuid.FromString(login); err == nil {
		return accountID(ctx, s.o.DB, id)
	}
	a, ok, err := account.Named(ctx, s.o.DB, login)
	return uuid.NullUUID{UUID: a.ID, Valid: ok}, err
}

// Candidate is a specialist user whom an expectation may be about.
type Candidate struct {
	ID        uuid.UUID `bun:"id"`
	Name      string    `bun:"name"`
	Email     string    `bun:"email"`
	Customers int64     `bun:"customers"` // number of the customers that they administer, at most CustomersCap + 1
	account.Facts
	Chosen bool `bun:"-"`
}

// CustomersCap is up to which number the customers of a candidate are counted.
const CustomersCap = 1000

// maxCandidates is the number of people that are offered at once.
const maxCandidates = 12

// Candidates returns active specialist users whose name or e-mail address contains the words of the query, by name. The
// chosen one comes first, whatever the query. more says that there are others. policies.ErrForbidden.
func (s *Service) Candidates(ctx context.Context, c account.Caller, query string, chosen uuid.UUID) (list []Candidate, more bool, err error) {
	if err := s.require(c, policies.Manage); err != nil {
		return nil, false, err
	}
	found, err := candidates(ctx, s.o.DB, strings.Fields(store.Fold(query)), chosen)
	if err != nil {
		return nil, false, err
	}
	if i := slices.IndexFunc(found, func(p Candidate) bool { return p.ID == chosen }); i >= 0 {
		one := found[i]
		one.Chosen = true
		found = slices.Insert(slices.Delete(found, i, i+1), 0, one)
	}
	return found[:min(len(found), maxCandidates)], len(found) > maxCandidates, nil
}

// transaction finds a transaction by its number, among those that the caller may see.
func (s *Service) transaction(ctx context.Context, c account.Caller, label string) (uuid.NullUUID, error) {
	number, err := strconv.ParseInt(strings.TrimPrefix(strings.ToUpper(label), "V-"), 10, 64)
	if err != nil {
		return uuid.NullUUID{}, nil //nolint:nilerr // what is no number names no transaction
	}
	within, nothing, err := s.o.Transactions.Within(c, policies.Read, "t")
	if err != nil || nothing {
		return uuid.NullUUID{}, err
	}
	id, ok, err := seen(ctx, s.o.DB, number, within)
	return uuid.NullUUID{UUID: id, Valid: ok}, err
}

// Unexpect removes an expectation. Removing it again changes nothing. policies.ErrForbidden.
func (s *Service) Unexpect(ctx context.Context, c account.Caller, id uuid.UUID) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		e, ok, err := deleteExpectation(ctx, tx, id)
		if err != nil || !ok {
			return err
		}
		return s.note(ctx, tx, c, audit.PolicyExpectationRemoved, e)
	})
}

func (s *Service) note(ctx context.Context, tx bun.IDB, c account.Caller, a audit.Action, e Expectation) error {
	r := audit.Record{Action: a, SubjectID: e.ID, Subject: e.rule().String()}
	if e.PersonID.Valid {
		r.SubjectID = e.PersonID.UUID
	}
	return s.o.Audit.Write(ctx, tx, c.Actor(), r)
}
