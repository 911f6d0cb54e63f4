// Package job keeps long work: what takes longer than a request is a row with its progress, and a worker takes it further
// one chunk after another. It knows nothing of what the work is: features say that in New, with Handle.
package job

import (
	"encoding/json"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
)

// Kind says what a job does; views/locales has a text for each ("job_kind.<kind>").
type Kind string

// The kinds.
const (
	CustomerDeletion    Kind = "customer_deletion"    // of a deletion
	Handover            Kind = "handover"             // of a handover
	AdministratorSwitch Kind = "administrator_switch" // of a specialist user who was deactivated or reactivated
)

// Kinds lists them.
var Kinds = []Kind{CustomerDeletion, Handover, AdministratorSwitch}

// State is where a job is; views/locales has a text for each ("job_state.<state>").
type State string

// The states. The last three are final.
const (
	Waiting   State = "waiting" // for a worker, or for its next try
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed" // given up
	Cancelled State = "cancelled"
)

// States lists them.
var States = []State{Waiting, Running, Done, Failed, Cancelled}

// Reason is why a chunk failed; views/locales has a text for each ("job_reason.<reason>"). An error's own text may name
// somebody and stands only in the log.
type Reason string

// The reasons.
const (
	Internal   Reason = "internal" // an error of the program
	Panicked   Reason = "panic"
	ErasureLog Reason = "erasure_log" // a deletion can't be noted outside the database
)

// Reasons lists them.
var Reasons = []Reason{Internal, Panicked, ErasureLog}

// Job is a piece of long work. Nothing in it is personal.
type Job struct {
	bun.BaseModel `bun:"table:job"`

	ID          uuid.UUID     `bun:"id,pk"`
	Kind        Kind          `bun:"kind"`
	SubjectID   uuid.UUID     `bun:"subject_id"`
	CustomerID  uuid.NullUUID `bun:"customer_id"`
	Arguments   string        `bun:"arguments"` // see Read
	State       State         `bun:"state"`
	Done        int64         `bun:"done"`
	Total       int64         `bun:"total"`    // 0: nobody knows
	Attempts    int           `bun:"attempts"` // failed since a chunk was done last
	Reason      Reason        `bun:"reason"`   // of the last failure, until a chunk is done
	Asked       int           `bun:"asked"`
	Run         int           `bun:"run"`
	RelayAt     *time.Time    `bun:"relay_at"`
	NextAt      *time.Time    `bun:"next_at"`
	LeaseUntil  *time.Time    `bun:"lease_until"`
	RequestedBy uuid.NullUUID `bun:"requested_by"` // not Valid: Kontor itself
	RequestedAt time.Time     `bun:"requested_at"`
	FinishedAt  *time.Time    `bun:"finished_at"`
}

// Read decodes the arguments that the job was added with.
func (j Job) Read(into any) error { return json.Unmarshal([]byte(j.Arguments), into) }

// Progress is what a chunk came to.
type Progress struct {
	Done, Total int64
	Finished    bool          // nothing is left to be done
	Pause       time.Duration // not before: what it waits for has not come, and nothing failed
}

var (
	// ErrNotFound is the answer to a job that is not there.
	ErrNotFound = fault.New(fault.NotFound, "job.not_found")
	// ErrOver is the answer to cancelling a job that has come to its end.
	ErrOver = fault.New(fault.Conflict, "job.over")
	// ErrNotCancellable is the answer to cancelling a job that must not stop halfway.
	ErrNotCancellable = fault.New(fault.Conflict, "job.not_cancellable")
)

// failure is an error of a step with its reason.
type failure struct {
	error
	reason Reason
	giveUp bool
}

// Unwrap is the error itself.
func (f failure) Unwrap() error { return f.error }

// Because says why a step failed. It is tried again.
func Because(reason Reason, err error) error { return failure{error: err, reason: reason} }

// GiveUp says why a step failed, and that to try again would not help: the job has failed.
func GiveUp(reason Reason, err error) error { return failure{error: err, reason: reason, giveUp: true} }
