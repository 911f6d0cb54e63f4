// Package bulk does one act to many customers or transactions: it is tried first, then done, and for ten minutes it can be
// taken back as a whole. What an act is about is fixed when it is asked for, so what was tried is what is done.
//
// Each row is decided, done and logged as the same act to that one thing is, for the person who has asked and with the
// rights that they have at that moment. The trial does the same and rolls it back, so it can't say anything else.
package bulk

import (
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/transaction"
)

// Kind is what is done. Text ids "bulk_kind.<kind>".
type Kind string

// The kinds.
const (
	Responsible    Kind = transaction.FieldResponsible
	Due            Kind = transaction.FieldDue
	Status         Kind = transaction.FieldStatus
	Administrators Kind = "administrators"
	Resend         Kind = "resend" // the invitations of the customers' accesses
)

// Kinds lists them.
var Kinds = []Kind{Responsible, Due, Status, Administrators, Resend}

// Known says whether there is such a kind.
func (k Kind) Known() bool { return slices.Contains(Kinds, k) }

// OfTransactions says whether the kind is about transactions, and not about customers.
func (k Kind) OfTransactions() bool { return k == Responsible || k == Due || k == Status }

// State is how far an act is. Text ids "bulk_state.<state>".
type State string

// The states. An act that is Done may be taken back; Returned and GivenUp are final.
const (
	Trying    State = "trying" // a job tries it
	Tried     State = "tried"  // the verdicts wait for a decision
	Doing     State = "doing"
	Done      State = "done"
	Returning State = "returning" // a job takes it back
	Returned  State = "returned"
	GivenUp   State = "given_up" // before anything was done
)

// States lists them.
var States = []State{Trying, Tried, Doing, Done, Returning, Returned, GivenUp}

// Word is the text id of a verdict about a row of an act of this kind, behind "bulk_verdict.".
func (k Kind) Word(v Verdict) string {
	if k != Resend {
		return string(v)
	}
	switch v {
	case Will:
		return "will_send"
	case Changed:
		return "sent"
	case Back:
		return "withdrawn"
	case Same:
		return "nothing"
	}
	return string(v)
}

// Verdict is what becomes of a row. Text ids "bulk_verdict.<verdict>"; see Word.
type Verdict string

// The verdicts. A row without one was not tried yet.
const (
	Will      Verdict = "will"      // will be changed
	WillAsk   Verdict = "will_ask"  // a second person will be asked
	Changed   Verdict = "changed"   // was changed
	Asked     Verdict = "asked"     // waits for a second person
	Back      Verdict = "back"      // was changed, and has its value from before again
	Kept      Verdict = "kept"      // was changed, and could not be taken back
	Left      Verdict = "left"      // was sent, and had left already when it was taken back
	Same      Verdict = "same"      // is so already
	Forbidden Verdict = "forbidden" // the person may not do it
	Gone      Verdict = "gone"      // it is not there any more, or the person may not see it
	Refused   Verdict = "refused"   // a rule is against it
	NotDone   Verdict = "not_done"  // it was ended before this row
)

// Verdicts lists them, in the order in which screens show them.
var Verdicts = []Verdict{Will, WillAsk, Changed, Asked, Back, Left, Kept, Same, Forbidden, Gone, Refused, NotDone}

const (
	// Max is how many rows an act may have.
	Max = 10_000
	// AtOnce is up to how many rows are done within the request.
	AtOnce = 50
	// MaxAsked is for how many rows a second person is asked at most: each of them is mailed to everybody who may decide.
	MaxAsked = 50
	// UndoLife is how long an act can be taken back after it was done.
	UndoLife = 10 * time.Minute
	// Pace is how many invitations are sent again in a minute.
	Pace = 60
	// Life is how long an act is kept.
	Life = 30 * 24 * time.Hour
)

// Counts are the numbers of rows with each verdict.
type Counts map[Verdict]int64

// Act is an act to many things.
type Act struct {
	ID          uuid.UUID
	Kind        Kind
	Value       string   // what is set
	People      []string // the names of the people whom Value names
	State       State
	RequestedAt time.Time
	FinishedAt  *time.Time // when it was done
	ReturnedAt  *time.Time
	Total       int64 // rows, when it was asked for
	Done        int64 // of the job that runs
	ToDo        int64 // the rows that job is about
	Counts      Counts
	Until       *time.Time // it can be taken back until then; nil: it can't
}

// Running says whether a job works on the act.
func (a Act) Running() bool { return a.State == Trying || a.State == Doing || a.State == Returning }

// Does is how many rows it will do something to.
func (a Act) Does() int64 { return a.Counts[Will] + a.Counts[WillAsk] }

// Did is how many rows it has done something to.
func (a Act) Did() int64 { return a.Counts[Changed] + a.Counts[Asked] }

// Line is a row as it is shown.
type Line struct {
	Place       int
	Verdict     Verdict
	Why         string                   // text id, after "fault."
	Transaction *transaction.Transaction // nil: it is about none, or the person may not see it
	Customer    *customer.Row
	Access      string // the name of the end user, of Resend
}

// Order asks for an act.
type Order struct {
	Kind   Kind
	Value  string      // of Responsible, Due and Status
	People []uuid.UUID // of Administrators
	IDs    []uuid.UUID // what it is about
	// Transactions and Customers are lists, all of whose rows it is about instead.
	Transactions *transaction.Filter
	Customers    *customer.Filter
	Submission   string // the key of the form: sent twice, it makes one act
}

// value is the value as it is stored.
func (o Order) value() string {
	if o.Kind != Administrators {
		return o.Value
	}
	texts := make([]string, len(o.People))
	for i, id := range o.People {
		texts[i] = id.String()
	}
	return strings.Join(texts, " ")
}

// ids reads a stored value that names people.
func ids(value string) (list []uuid.UUID) {
	for _, text := range strings.Fields(value) {
		if id, err := uuid.FromString(text); err == nil {
			list = append(list, id)
		}
	}
	return list
}

var (
	// ErrNotFound says that an act does not exist or is somebody else's.
	ErrNotFound = fault.New(fault.NotFound, "bulk.not_found")
	// ErrNone says that nothing was chosen.
	ErrNone = fault.New(fault.Invalid, "bulk.none")
	// ErrMany says that more than max match.
	ErrMany = fault.New(fault.Invalid, "bulk.many")
	// ErrState says that an act has gone on in the meantime.
	ErrState = fault.New(fault.Conflict, "bulk.state")
	// ErrNothing says that there is nothing that it would do.
	ErrNothing = fault.New(fault.Conflict, "bulk.nothing")
	// ErrAsks says that a second person would be asked about more than max rows.
	ErrAsks = fault.New(fault.Conflict, "bulk.asks")
	// ErrLate says that an act can't be taken back any more, or was taken back already.
	ErrLate = fault.New(fault.Gone, "bulk.late")
)

// Offered is a specialist user who can be chosen.
type Offered struct {
	ID        uuid.UUID `bun:"id"`
	Name      string    `bun:"name"`
	Email     string    `bun:"email"`
	Customers int64     `bun:"customers"` // how many they administer, at most LoadCap + 1
	account.Facts
	Chosen bool `bun:"-"`
}

// LoadCap is up to how many customers of a person are counted.
const LoadCap = 1000
