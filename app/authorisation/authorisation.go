// Package authorisation is who may see and work on what of a customer, at a glance: assigning administrators and
// additional processors, removing authorisations with undo, and why somebody sees something.
package authorisation

import (
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/app/transaction"
	"kontor/policies"
)

// AdministratorRow is a line of the group Administrators.
type AdministratorRow struct {
	SpecialistID uuid.UUID `bun:"specialist_id"`
	Name         string    `bun:"name"`
	Active       bool      `bun:"active"`
	Since        time.Time `bun:"since"`
	By           string    `bun:"by"` // who appointed them; "" when that person is gone
}

// ProcessorRow is a line of the group Additional processors: a specialist user with those of their transactions that
// the caller may see.
type ProcessorRow struct {
	SpecialistID uuid.UUID
	Name         string
	Active       bool
	Transactions []Entrusted // by number; never empty
}

// Entrusted is a transaction of an additional processor.
type Entrusted struct {
	TransactionID uuid.UUID
	Number        int64
	Name          string
	Since         time.Time
	By            string
}

// Label is the transaction's number as people see it.
func (e Entrusted) Label() string { return transaction.Label(e.Number) }

// Candidate is a specialist user who can be appointed or entrusted, with what they are already.
type Candidate struct {
	ID            uuid.UUID `bun:"id"`
	Name          string    `bun:"name"`
	Email         string    `bun:"email"`
	Administrator bool      `bun:"administrator"`
	Processes     int       `bun:"processes"` // of the customer's transactions, those that the caller may see
}

// Outcome says what an assignment came to.
type Outcome struct {
	Fresh, Already int      // assignments that are new, and that were there before
	Names          []string // of the people who got something new, by name
}

// Selection is what people tick to remove: accesses by their id, administrators and additional processors by the id of
// the specialist user. Of an additional processor, all transactions of the customer go that the caller may see.
type Selection struct{ Accesses, Administrators, Processors []uuid.UUID }

// Empty says whether nothing is selected.
func (s Selection) Empty() bool {
	return len(s.Accesses)+len(s.Administrators)+len(s.Processors) == 0
}

// Removal is what Remove took, or would take.
type Removal struct {
	ID                                   uuid.UUID // for Undo; Nil when nothing was removed
	Accesses, Administrators, Processors []string  // names
	LastAccess, LastAdministrator        bool      // nobody is left in the group (no active administrator)
}

// Count is how many authorisations it is about.
func (r Removal) Count() int { return len(r.Accesses) + len(r.Administrators) + len(r.Processors) }

// Kept is a removal of the caller's own that can still be undone.
type Kept struct {
	ID        uuid.UUID
	Names     []string // of whom it was about: end users, administrators, additional processors
	RemovedAt time.Time
	Until     time.Time // it can be undone before then
}

// Restoration is what Undo brought back.
type Restoration struct {
	CustomerID uuid.UUID
	Count      int
	Invited    int // accesses whose end users are invited anew, since their old links are void
}

// UndoLife is how long a removal can be undone.
const UndoLife = 10 * time.Minute

var (
	// ErrLast is the answer to removing the last access or the last active administrator without having confirmed it.
	ErrLast = fault.New(fault.Conflict, "authorisation.last")
	// ErrNothing is the answer to removing nothing.
	ErrNothing = fault.New(fault.Invalid, "authorisation.nothing")
	// ErrGone is the answer to removing what is not there (any more), or what the caller may not see.
	ErrGone = fault.New(fault.NotFound, "authorisation.gone")
	// ErrUndone is the answer to undoing what can't be undone (any more): too late, done before, somebody else's, or
	// made impossible by what happened since.
	ErrUndone = fault.New(fault.Gone, "authorisation.undone")
	// ErrUnknownPerson is the answer to asking about somebody who has nothing to do with the customer, as far as the
	// caller may see.
	ErrUnknownPerson = fault.New(fault.NotFound, "authorisation.unknown_person")
)

// Complaints about a choice, at specialist or transaction.
const (
	complaintNobody  = "authorisation.nobody_chosen"
	complaintNone    = "authorisation.none_chosen" // no transaction
	complaintTwice   = "authorisation.twice"
	complaintPerson  = "authorisation.not_active"     // unknown, deactivated, or no specialist user
	complaintSelf    = "authorisation.self"           // raising one's own rights takes a second person (S31)
	complaintTransac = "authorisation.no_transaction" // unknown, another customer's, or not the caller's to see
	complaintTooMany = "authorisation.too_many"
)

// Bounds of one assignment: people at once, and people times transactions.
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

// Person is somebody on the pages that explain.
type Person struct {
	ID         uuid.UUID // of the account, or of the access of somebody who has none yet
	Name       string
	Specialist bool
	Active     bool            // false: deactivated, or not registered yet; they see nothing
	Roles      []policies.Role // all they are
}

// Fact is a relation of a person that counts for a decision.
type Fact struct {
	Relation      policies.Relation // one of them
	Since         *time.Time        // of the assignment, or the registration
	By            string            // who assigned it
	TransactionID uuid.UUID         // of an additional processor
	Number        int64             // the transaction's
	Transaction   string            // its name
	Kind          string            // the key of its kind
	For           string            // the name of the person stood in for, whose assignment it is; "" their own
	Until         *time.Time        // end of standing in
}
