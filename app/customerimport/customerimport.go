// Package customerimport adds customers from a file, each with its first access. A file is uploaded, its columns are mapped to
// fields, its rows are checked, and those that are good are added. The last two are jobs.
//
// The rows of a file lie in the database, sealed, in chunks of many rows, until they were added or for a day. An import
// itself remains, with its counts; it holds nothing personal.
package customerimport

import (
	"encoding/json"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/fault"
)

// State is how far an import is. Text ids "import_state.<state>".
type State string

// The states. The last two are final.
const (
	Mapping   State = "mapping"  // the columns wait to be mapped
	Checking  State = "checking" // a job checks the rows
	Checked   State = "checked"  // the verdicts wait for a decision
	Importing State = "importing"
	Done      State = "done"
	Cancelled State = "cancelled" // what was added before stays
)

// States lists them.
var States = []State{Mapping, Checking, Checked, Importing, Done, Cancelled}

// Verdict says what becomes of a row. Text ids "import_verdict.<verdict>".
type Verdict string

// The verdicts.
const (
	Good      Verdict = "good"      // will be added
	Waits     Verdict = "waits"     // will be added, or was; the access waits for a second person
	Duplicate Verdict = "duplicate" // may be the same as a customer that there is
	There     Verdict = "there"     // there is this customer already
	Repeated  Verdict = "repeated"  // the same as a row above
	Wrong     Verdict = "wrong"     // there is a mistake in it
	Example   Verdict = "example"   // the example of the template
	Added     Verdict = "added"
)

// Verdicts lists them, in the order in which screens show them.
var Verdicts = []Verdict{Added, Good, Waits, Duplicate, There, Repeated, Wrong, Example}

// Life is how long the rows of a file are kept at most.
const Life = 24 * time.Hour

// Pace is how many people are invited in a minute.
const Pace = 60

// Import is an import.
type Import struct {
	ID          uuid.UUID
	State       State
	RequestedBy uuid.UUID
	RequestedAt time.Time
	FinishedAt  *time.Time
	Rows        int64 // in the file, without headers and empty rows
	Done        int64 // of the job that runs, at most Rows
	Invite      bool
	Duplicates  bool // add them as well
	Counts      map[Verdict]int64
	Columns     []Column // nil: erased
	Erased      bool     // the rows are gone
}

// Adds is how many rows will be added.
func (i Import) Adds() int64 { return i.Counts[Good] + i.Counts[Waits] }

// Column is a column of a file.
type Column struct {
	Header  string `json:"h"`
	Example string `json:"e"` // the first value
	Field   string `json:"f"` // what it is mapped to: one of Fields, or "" if it is ignored
}

// Mark is what a row's verdict says besides.
type Mark struct {
	Row       int         `json:"n"` // as a spreadsheet program counts it
	Verdict   Verdict     `json:"v"`
	Wrong     []Complaint `json:"w,omitempty"`
	Customers []uuid.UUID `json:"c,omitempty"` // that were added, are there, or may be the same
	Above     int         `json:"a,omitempty"` // the row that is the same
}

// Complaint is a mistake in a row. It holds no value.
type Complaint struct {
	Field   string         `json:"f"`
	Message string         `json:"m"`
	Args    map[string]any `json:"a,omitempty"`
}

// Fault returns the complaint as the forms have it.
func (c Complaint) Fault() *fault.Error {
	return &fault.Error{Code: fault.Invalid, Field: c.Field, Message: c.Message, Args: c.Args}
}

// Line is a row as it is shown.
type Line struct {
	Mark
	Name   string            // of the customer; "" if it is erased
	Values map[string]string // as they stand in the file, by field
	Cells  []string
	Known  []customer.Row // of Customers, those that the caller may read
}

var (
	// ErrNotFound says that an import does not exist or is somebody else's.
	ErrNotFound = fault.New(fault.NotFound, "import.not_found")
	// ErrState says that an import has gone on in the meantime.
	ErrState = fault.New(fault.Conflict, "import.state")
	// ErrEmpty says that a file has no rows besides the headers.
	ErrEmpty = fault.At("file", "import.empty")
	// ErrHeaders says that the headers can't be read.
	ErrHeaders = fault.At("file", "import.headers")
	// ErrNothing says that no row would be added.
	ErrNothing = fault.New(fault.Conflict, "import.nothing")
)

// counts adds up verdicts.
type counts map[Verdict]int64

func (c counts) add(other counts) {
	for v, n := range other {
		c[v] += n
	}
}

func (c counts) String() string {
	text, _ := json.Marshal(c) // can't fail: text and numbers
	return string(text)
}

func parseCounts(text string) counts {
	c := counts{}
	_ = json.Unmarshal([]byte(text), &c) // "" has none
	return c
}

func countsOf(marks []Mark) counts {
	c := counts{}
	for _, m := range marks {
		c[m.Verdict]++
	}
	return c
}
