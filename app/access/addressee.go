package access

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/policies"
)

// Addressee is the person a message is for, as far as the caller may know. Fields that the caller may not read are
// empty.
type Addressee struct {
	CustomerID uuid.UUID // Nil: no customer, or one that the caller may not read
	Customer   string    // "Last, First" of a person
	Number     string
	Person     string
	Attempts   int // attempts so far in the message's present run
}

// Addressees returns the addressees of messages by message id. It includes the customer's name if the caller may read
// the customer, the end user's name if the caller may read the customer's accesses, and a specialist user's name if the
// caller may read specialist users. Unknown messages are left out.
func (s *Service) Addressees(ctx context.Context, c account.Caller, messages []uuid.UUID) (map[uuid.UUID]Addressee, error) {
	found := map[uuid.UUID]Addressee{}
	if len(messages) == 0 {
		return found, nil
	}
	var tries []struct {
		ID       uuid.UUID `bun:"id"`
		Attempts int       `bun:"attempts"`
	}
	err := s.db.NewSelect().Table("message").Column("id", "attempts").Where(`id IN (?)`, bun.List(messages)).Scan(ctx, &tries)
	if err != nil {
		return nil, err
	}
	for _, t := range tries {
		found[t.ID] = Addressee{Attempts: t.Attempts}
	}
	steps := []func(context.Context, account.Caller, []uuid.UUID, map[uuid.UUID]Addressee) error{s.nameCustomers, s.namePersons, s.nameSpecialists}
	for _, step := range steps {
		if err := step(ctx, c, messages, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// named is a message with the customer or person it is for.
type named struct {
	Message     uuid.UUID     `bun:"message"`
	ID          uuid.UUID     `bun:"id"`
	Number      int64         `bun:"number"`
	Type        customer.Type `bun:"type"`
	FirstName   string        `bun:"first_name"`
	LastName    string        `bun:"last_name"`
	CompanyName string        `bun:"company_name"`
	Person      string        `bun:"person"`
}

func (n named) customer() string {
	switch {
	case n.Type != customer.Person:
		return n.CompanyName
	case n.FirstName == "":
		return n.LastName
	}
	return n.LastName + ", " + n.FirstName
}

// each calls do for every message whose customer the caller has the permission w for.
func (s *Service) each(ctx context.Context, c account.Caller, w policies.Permission, messages []uuid.UUID, do func(n named)) error {
	within, nothing, err := s.customers.Within(c, w)
	if err != nil || nothing {
		return err
	}
	// A message has a customer, or it is about the account of a customer's end user.
	ofCustomer := s.db.NewSelect().TableExpr(`message AS m`).
		Join(`JOIN customer ON customer.id = m.customer_id`).Join(`LEFT JOIN access AS a ON a.id = m.access_id`)
	ofAccount := s.db.NewSelect().TableExpr(`message AS m`).
		Join(`JOIN access AS a ON a.account_id = m.account_id AND m.customer_id IS NULL`).Join(`JOIN customer ON customer.id = a.customer_id`)
	for _, q := range []*bun.SelectQuery{ofCustomer, ofAccount} {
		var rows []named
		err := q.ColumnExpr(`m.id AS message, customer.id, customer.number, customer.type, customer.first_name, customer.last_name, customer.company_name`).
			ColumnExpr(`COALESCE(a.first_name || ' ' || a.last_name, '') AS person`).
			Where(`m.id IN (?)`, bun.List(messages)).Where(`NOT customer.deleting`).Where(`?`, store.All(within)).
			Order("customer.number DESC").Scan(ctx, &rows)
		if err != nil {
			return err
		}
		for _, r := range rows {
			do(r)
		}
	}
	return nil
}

func (s *Service) nameCustomers(ctx context.Context, c account.Caller, messages []uuid.UUID, found map[uuid.UUID]Addressee) error {
	return s.each(ctx, c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read}, messages, func(n named) {
		a := found[n.Message]
		a.CustomerID, a.Customer, a.Number = n.ID, n.customer(), customer.Label(n.Number)
		found[n.Message] = a
	})
}

func (s *Service) namePersons(ctx context.Context, c account.Caller, messages []uuid.UUID, found map[uuid.UUID]Addressee) error {
	return s.each(ctx, c, policies.Permission{Object: policies.ObjectAccess, Action: policies.Read}, messages, func(n named) {
		if a := found[n.Message]; a.CustomerID == n.ID { // no name without its customer
			a.Person = n.Person
			found[n.Message] = a
		}
	})
}

func (s *Service) nameSpecialists(ctx context.Context, c account.Caller, messages []uuid.UUID, found map[uuid.UUID]Addressee) error {
	ok, err := s.decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: policies.Read})
	if err != nil || !ok {
		return err
	}
	var rows []named
	err = s.db.NewSelect().TableExpr(`message AS m`).ColumnExpr(`m.id AS message, p.name AS person`).
		Join(`JOIN account AS p ON p.id = m.account_id`).Where(`m.id IN (?)`, bun.List(messages)).Where(`p.specialist`).Scan(ctx, &rows)
	for _, r := range rows {
		a := found[r.Message]
		a.Person = r.Person
		found[r.Message] = a
	}
	return err
}
