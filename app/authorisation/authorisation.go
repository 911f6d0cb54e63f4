// Package authorisation shows and changes who may see and process what of a customer. It assigns administrators and
// additional processors, removes authorisations with undo, and explains why somebody sees something.
package authorisation

import (
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/app/listing"
	"kontor/app/transaction"
	"kontor/policies"
)

// AdministratorRow is a row of the group Administrators.
type AdministratorRow struct {
	SpecialistID uuid.UUID `bun:"specialist_id"`
	Name         string    `bun:"name"`
	Active       bool      `bun:"active"`
	Since        time.Time `bun:"since"`
	By           string    `bun:"by"` // who made them administrator; "" when that account no longer exists
}

// ProcessorRow is a row of the group Additional processors: a specialist user with the transactions that they process
// and the caller may see.
type ProcessorRow struct {
	SpecialistID uuid.UUID
	Name         string
	Active       bool
	Transactions []AssignedTransaction // ordered by number; never empty
}

// AssignedTransaction is a transaction of an additional processor.
type AssignedTransaction struct {
	TransactionID uuid.UUID
	Number        int64
	Name          string
	Since         time.Time
	By            string
}

// Label is the transaction's number as people see it.
func (t AssignedTransaction) Label() string { return transaction.Label(t.Number) }

// Candidate is a specialist user who can become an administrator or additional processor, with their present assignments.
type Candidate struct {
	ID            uuid.UUID `bun:"id"`
	Name          string    `bun:"name"`
	Email         string    `bun:"email"`
	Administrator bool      `bun:"administrator"`
	Processes     int       `bun:"processes"` // number of the transactions that they process and the caller may see
	Customers     int64     `bun:"customers"` // number of the customers that they administer, at most CustomersCap + 1
	account.Facts
}

// CustomersCap is the number up to which a candidate's customers are counted.
const CustomersCap = listing.CountCap

// Outcome is the result of an assignment.
type Outcome struct {
	Fresh, Already int      // numbers of new assignments, and of those that existed before
	Names          []string // names of the people who got something new, in order
}

// Selection is what people select for removal: accesses by their ids, administrators and additional processors by the
// ids of the specialist users. An additional processor loses all transactions of the customer that the caller may see.
type Selection struct{ Accesses, Administrators, Processors []uuid.UUID }

// empty says whether nothing is selected.
func (s Selection) empty() bool {
	return len(s.Accesses)+len(s.Administrators)+len(s.Processors) == 0
}

// Removal is what Remove removed, or would remove.
type Removal struct {
	ID                                   uuid.UUID // for Undo; Nil when nothing was removed
	Accesses, Administrators, Processors []string  // names
	LastAccess, LastAdministrator        bool      // nobody (or no active administrator) is left in the group
}

// Count returns the number of removed authorisations.
func (r Removal) Count() int { return len(r.Accesses) + len(r.Administrators) + len(r.Processors) }

// Kept is a removal by the caller that can still be undone.
type Kept struct {
	ID        uuid.UUID
	Names     []string // of the end users, administrators and additional processors
	RemovedAt time.Time
	Until     time.Time // until before this time it can be undone
}

// Restoration is what Undo restored.
type Restoration struct {
	CustomerID uuid.UUID
	Count      int
	Invited    int // accesses whose end users get new invitations, because their old links are void
}

// UndoLife is how long a removal can be undone.
const UndoLife = 10 * time.Minute

var (
	// ErrLast says that the last access or the last active administrator would be removed without confirmation.
	ErrLast = fault.New(fault.Conflict, "authorisation.last")
	// ErrNothing says that nothing is selected for removal.
	ErrNothing = fault.New(fault.Invalid, "authorisation.nothing")
	// ErrGone says that something to be removed does not exist any more, or that the caller may not see it.
	ErrGone = fault.New(fault.NotFound, "authorisation.gone")
	// ErrUndone says that a removal can't be undone: the time is over, it was undone before, somebody else made it, or
	// later changes make it impossible.
	ErrUndone = fault.New(fault.Gone, "authorisation.undone")
	// ErrUnknownPerson says that the person has no relation to the customer, as far as the caller may see.
	ErrUnknownPerson = fault.New(fault.NotFound, "authorisation.unknown_person")
)

// Complaints about a choice, at specialist or transaction.
const (
	complaintNobody  = "authorisation.nobody_chosen"
	complaintNone    = "authorisation.none_chosen" // no transaction
	complaintTwice   = "authorisation.twice"
	complaintPerson  = "authorisation.not_active"     // unknown, deactivated, or no specialist user
	complaintSelf    = "authorisation.self"           // people can't raise their own rights alone (S31)
	complaintTransac = "authorisation.no_transaction" // unknown, another customer's, or not visible to the caller
	complaintTooMany = "authorisation.too_many"
)

// The limits of one assignment: the number of people, and people times transactions.
const (
	maxPeople      = 100
	maxAssignments = 1000
)

// Level is how much somebody may do with a transaction.
type Level int

// The levels; locale keys "level.<n>".
const (
	Nothing Level = iota
	Sees          // may read
	Works         // may read and process
)

// Person is a person on the pages that explain authorisations.
type Person struct {
	ID         uuid.UUID // of the account, or of the access if there is no account yet
	Name       string
	Specialist bool
	Active     bool            // false: deactivated, or not registered yet; they see nothing
	Roles      []policies.Role // all their roles
}

// Fact is a relation of a person that matters for a decision.
type Fact struct {
	Relation      policies.Relation // exactly one relation
	Since         *time.Time        // of the assignment, or the registration
	By            string            // who assigned it
	TransactionID uuid.UUID         // of an additional processor
	Number        int64             // the transaction's
	Transaction   string            // its name
	Kind          string            // the key of its kind
	For           string            // name of the represented person who has the assignment; "" when it is the person's own
	Until         *time.Time        // end of the deputyship
}
