package policy

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

// Expectation is something that must hold under a policy for it to be published: whoever has a role and stands in a
// relation, or one person as things are, may or may not do something.
type Expectation struct {
	ID            uuid.UUID       `bun:"id,pk"`
	Role          policies.Role   `bun:"role"`      // "" when it is about a person
	Relation      string          `bun:"relation"`  // exactly this one; "" for none
	PersonID      uuid.NullUUID   `bun:"person_id"` // with the roles and assignments that they have when it is asked
	May           bool            `bun:"may"`
	Action        policies.Action `bun:"action"`
	Object        policies.Object `bun:"object"`
	Kind          string          `bun:"kind"` // "" for any: it must hold for every kind
	TransactionID uuid.NullUUID   `bun:"transaction_id"`
	CreatedAt     time.Time       `bun:"created_at"`
}

// ExpectationForm is what people record: fields role, relation, person, may, action, object, kind, transaction.
type ExpectationForm struct {
	Role        policies.Role
	Relation    string // "" or policies.Anything for none
	Person      string // e-mail address or username; then Role and Relation must be empty
	May         bool
	Action      policies.Action
	Object      policies.Object
	Kind        string // "" or policies.Anything for any
	Transaction string // number of one (V-10001), with a person only
}

// Check is an expectation with what became of it under a policy.
type Check struct {
	Expectation
	Person      string // name
	Inactive    bool   // the person can't sign in, so may nothing
	Transaction string // name
	Hidden      bool   // it is about a transaction that the caller may not see: neither its name nor the reason is there
	Holds       bool
	// Rule is what decided against it, for Kind where there are kinds; nil when no rule speaks of it.
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

// Expectations are all of them, each with whether it holds under the policy in force. policies.ErrForbidden.
func (s *Service) Expectations(ctx context.Context, c account.Caller) ([]Check, error) {
	if err := s.require(c, policies.Read); err != nil {
		return nil, err
	}
	return s.shown(ctx, c, s.o.Decider)
}

// shown is evaluate without what the caller may not see.
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

// evaluate asks a decider for every expectation, on the facts as they are.
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

// roles is everything the one asked about is: what the role includes is the policy's to say.
func (r factsRow) roles() []policies.Role {
	switch {
	case r.PersonID.Valid && !r.Active:
		return nil
	case r.PersonID.Valid:
		return r.Roles(r.Specialist)
	}
	return []policies.Role{r.Role}
}

// masks are the sets of relations for which it must hold. A person stands in those that they have to some customer or
// transaction now, in none where they have none; what they may not, they may not without a relation either.
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

// otherKind stands for the kinds that are still to come; no key looks like it.
const otherKind = "-"

// asked are the kinds for which it must hold.
func (r factsRow) asked(known []string) []string {
	switch {
	case r.TransactionID.Valid:
		return []string{r.TransactionKind}
	case r.Kind != "":
		return []string{r.Kind}
	case r.Object == policies.ObjectTransaction:
		return append(slices.Clone(known), otherKind)
	case len(policies.Kinds[r.Object]) > 0:
		return policies.Kinds[r.Object]
	}
	return []string{""}
}

// ask finds out whether the expectation holds, and which rule is the first to decide against it.
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

// Expect records an expectation. It may well not hold yet: then it stands in the way of publishing. policies.ErrForbidden;
// Invalid at the field as policies.Rule.Check, at person ("policy.person": unknown; "policy.subject": a role as well, or
// neither), at transaction ("policy.transaction": none that the caller may see; "policy.transaction_person": without a
// person), at action ("policy.transaction_action": not of a single transaction).
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

// expectation checks a form and finds whom and what it is about.
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

// rule is the rule with which the expectation shares its words.
func (e Expectation) rule() policies.Rule {
	r := policies.Rule{
		Role: e.Role, Relation: e.Relation, Object: e.Object, Kind: e.Kind, Action: e.Action, Effect: policies.Deny,
	}
	if e.May {
		r.Effect = policies.Allow
	}
	if r.Role == "" {
		r.Role = policies.Specialist // of a person nothing is to be complained about here
	}
	if r.Relation == "" {
		r.Relation = policies.Anything
	}
	if r.Kind == "" {
		r.Kind = policies.Anything
	}
	return r
}

// person finds whom an e-mail address or username names; not valid when nobody.
func (s *Service) person(ctx context.Context, login string) (uuid.NullUUID, error) {
	if !utf8.ValidString(login) || strings.ContainsFunc(login, unicode.IsControl) { // no login is so, and databases stumble over it
		return uuid.NullUUID{}, nil
	}
	id, err := findPerson(ctx, s.o.DB, store.FoldEmail(login))
	if store.IsNoRows(err) {
		return uuid.NullUUID{}, nil
	}
	return uuid.NullUUID{UUID: id, Valid: err == nil}, err
}

// transaction finds one of those that the caller may see by its number.
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

// Unexpect removes an expectation; once more changes nothing. policies.ErrForbidden.
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
