package authorisation

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/app/listing"
	"kontor/app/transaction"
	"kontor/policies"
)

// SeesFilter has the cursors of the pages of what a person sees. Cursors are opaque; an invalid one is ignored.
type SeesFilter struct{ Customers, Transactions string }

// Administered is a customer that somebody administers.
type Administered struct {
	CustomerID uuid.UUID
	Customer   transaction.Owner
	Since      time.Time
}

// Processed is a transaction of which somebody is an additional processor.
type Processed struct {
	TransactionID uuid.UUID
	Number        int64
	Name          string
	CustomerID    uuid.UUID
	Customer      transaction.Owner
	Since         time.Time
}

// Label is the transaction's number as people see it.
func (p Processed) Label() string { return transaction.Label(p.Number) }

// Represented is a person for whom somebody stands in now.
type Represented struct {
	ID    uuid.UUID `bun:"id"`
	Name  string    `bun:"name"`
	Until time.Time `bun:"until"`
}

// Reach is what a specialist user sees, limited to what the caller sees too.
type Reach struct {
	Person        Person
	All           Level // the level for transactions of every kind, by role alone
	StandsInFor   []Represented
	Customers     []Administered
	Transactions  []Processed
	Administers   int // counts up to listing.CountCap
	Processes     int
	AdministersUp bool // there are more
	ProcessesUp   bool
	NextCustomers string // cursors, "" at the end
	NextTransact  string
}

// ErrNobody says that the id is not a specialist user's.
var ErrNobody = fault.New(fault.NotFound, "account.unknown")

// SeesOf lists what a specialist user administers and processes, for callers who may read specialist users. Customers
// and transactions that the caller may not see are in no list and no count. Errors: Forbidden, ErrNobody.
func (s *Service) SeesOf(ctx context.Context, c account.Caller, personID uuid.UUID, f SeesFilter) (out Reach, err error) {
	if err := s.decider.Require(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: policies.Read}); err != nil {
		return out, err
	}
	rows, err := peopleByID(ctx, s.db, []uuid.UUID{personID})
	if err != nil {
		return out, err
	}
	if len(rows) == 0 || !rows[0].Specialist {
		return out, ErrNobody
	}
	out.Person = rows[0].person()
	d := decider{policy: s.decider, cells: map[cellKey]Level{}}
	if out.All, err = d.level(out.Person, policies.None, anyKind); err != nil {
		return out, err
	}
	if out.StandsInFor, err = standingFor(ctx, s.db, personID, s.now()); err != nil {
		return out, err
	}
	if err := s.administers(ctx, c, personID, f, &out); err != nil {
		return out, err
	}
	return out, s.processes(ctx, c, personID, f, &out)
}

func (s *Service) administers(ctx context.Context, c account.Caller, personID uuid.UUID, f SeesFilter, out *Reach) error {
	visible, nothing, err := s.customers.Within(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
	if err != nil || nothing {
		return err
	}
	after := readPlace(f.Customers)
	rows, err := administeredBy(ctx, s.db, personID, visible, after.customer)
	if err != nil {
		return err
	}
	rows, more := listing.Cut(rows)
	if more {
		out.NextCustomers = place{customer: rows[len(rows)-1].CustomerID}.String()
	}
	for _, r := range rows {
		out.Customers = append(out.Customers, Administered{r.CustomerID, r.owner(), r.Since})
	}
	out.Administers, err = countAdministered(ctx, s.db, personID, visible, listing.CountCap+1)
	out.AdministersUp = out.Administers > listing.CountCap
	out.Administers = min(out.Administers, listing.CountCap)
	return err
}

func (s *Service) processes(ctx context.Context, c account.Caller, personID uuid.UUID, f SeesFilter, out *Reach) error {
	visible, nothing, err := s.transactions.Within(c, policies.Read, "t")
	if err != nil || nothing {
		return err
	}
	rows, err := allProcessedBy(ctx, s.db, personID, visible, readPlace(f.Transactions))
	if err != nil {
		return err
	}
	rows, more := listing.Cut(rows)
	if more {
		last := rows[len(rows)-1]
		out.NextTransact = place{last.CustomerID, last.TransactionID}.String()
	}
	for _, r := range rows {
		out.Transactions = append(out.Transactions, Processed{r.TransactionID, r.Number, r.Name, r.CustomerID, r.owner(), r.Since})
	}
	out.Processes, err = countProcessed(ctx, s.db, personID, visible, listing.CountCap+1)
	out.ProcessesUp = out.Processes > listing.CountCap
	out.Processes = min(out.Processes, listing.CountCap)
	return err
}

// place is the last row of a page. Ids are in the order of their creation.
type place struct{ customer, transaction uuid.UUID }

// placeVersion changes when the meaning of a place changes. Cursors of older versions are then ignored.
const placeVersion = 2

func (p place) String() string { return listing.Encode(placeVersion, p.customer, p.transaction) }

// readPlace reads a cursor. For a text that String did not write it returns the zero place, which is before everything.
func readPlace(s string) (p place) {
	if !listing.Decode(s, placeVersion, &p.customer, &p.transaction) {
		return place{}
	}
	return p
}
