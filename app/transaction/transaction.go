// Package transaction manages the business transactions of customers: their data, the permissions to see and process
// them, and lists of any size. Package assignment stores who is assigned to them. End users see them in the same lists.
package transaction

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/app/store"
	"kontor/policies"
)

// Counter numbers transactions.
const Counter store.Counter = "transaction_number"

// Status is the state of progress of a transaction.
type Status string

// The statuses, in the order in which screens show them; locale keys "transaction_status.<status>".
const (
	Open     Status = "open"
	InReview Status = "in_review"
	Closed   Status = "closed"
)

// Statuses lists the statuses.
var Statuses = []Status{Open, InReview, Closed}

// Kind is a kind of transaction. Template administrators maintain the list; policies name a kind by its key.
type Kind struct {
	Key      string `bun:"key"`
	NameEN   string `bun:"name_en"`
	NameDE   string `bun:"name_de"`
	Position int    `bun:"position"` // position in lists
	Active   bool   `bun:"active"`   // a retired kind can't be chosen any more; transactions that have it keep it
	Version  int    `bun:"version"`
}

// LogID returns the id of the kind in the log. A kind has no id of its own, so it is made from the key, which is never
// reused.
func (k Kind) LogID() uuid.UUID {
	return uuid.NewV5(uuid.NamespaceOID, "kontor.transaction_kind."+k.Key)
}

// Name returns the kind's name in a language.
func (k Kind) Name(locale string) string {
	if locale == lang.German {
		return k.NameDE
	}
	return k.NameEN
}

// Transaction is a business transaction as the service returns it.
type Transaction struct {
	ID         uuid.UUID
	Number     int64
	CustomerID uuid.UUID
	Customer   Owner
	Name       string
	Kind       string // key
	Status     Status
	Due        string // ISO 8601 date, or ""
	// ResponsibleID and Responsible are the specialist user who is responsible; Nil and "" when nobody is.
	ResponsibleID uuid.UUID
	Responsible   string
	Version       int
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Progress      Progress
	// Extensible says that elements may be added at its root.
	Extensible bool
	Viewed     bool // an end user has opened it
	// Relation is the set of all relations of the caller to it.
	Relation policies.Relation
}

// Progress says how far a transaction is. Package document counts it, from the slots that end users see.
type Progress struct {
	Asked    int // required slots
	Answered int // of these, answered or accepted
	ToReview int // slots that an end user has answered and nobody has reviewed
}

// Owner holds what a list shows of the customer.
type Owner struct {
	Number int64
	Type   customer.Type
	Name   string // "Last, First" for a person
}

// Label returns the customer's number as people see it.
func (o Owner) Label() string { return customer.Label(o.Number) }

// Label is the transaction's number as people see it: "V-" and at least five digits.
func (t Transaction) Label() string { return Label(t.Number) }

// Label writes a transaction number as people see it.
func Label(number int64) string { return fmt.Sprintf("V-%05d", number) }

// ParseNumber reads "V-10001" (case does not matter); ok=false for everything else.
func ParseNumber(s string) (n int64, ok bool) {
	if len(s) < len("V-00000") || len(s) > len("V-")+10 || (s[0] != 'V' && s[0] != 'v') || s[1] != '-' {
		return 0, false
	}
	n, err := strconv.ParseInt(s[2:], 10, 32)
	if err != nil || n <= 0 || Label(n) != "V-"+s[2:] {
		return 0, false
	}
	return n, true
}

// Overdue says whether the transaction should have been closed before today (ISO 8601).
func (t Transaction) Overdue(today string) bool {
	return t.Due != "" && t.Due < today && t.Status != Closed
}

// Person is a specialist user who can be named responsible.
type Person struct {
	ID   uuid.UUID
	Name string
}

// Form is the input for a transaction: fields name, kind, due, responsible.
type Form struct {
	Name, Kind, Due, Responsible string // Responsible: the id of a specialist user, or ""
	IdempotencyKey               string // the form's once-only key; a second Create with it returns the first one's result
	// Build, if it is set, gives a new transaction its content, in the tx in which it is added.
	Build func(ctx context.Context, tx bun.Tx, t Transaction) error
}

// FormOf returns a form with the data of a transaction.
func FormOf(t Transaction) Form {
	f := Form{Name: t.Name, Kind: t.Kind, Due: t.Due}
	if t.ResponsibleID != uuid.Nil {
		f.Responsible = t.ResponsibleID.String()
	}
	return f
}

var (
	// ErrNotFound says that the transaction does not exist or that the caller may not see it.
	ErrNotFound = fault.New(fault.NotFound, "transaction.not_found")
	// ErrNameTaken says that another transaction of the customer has the same name in its folded form.
	ErrNameTaken = fault.At("name", "transaction.name_taken")
	// ErrVersion says that somebody else has changed it meanwhile.
	ErrVersion = fault.New(fault.Conflict, "version")
)
