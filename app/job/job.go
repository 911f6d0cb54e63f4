// Package job runs work that takes longer than a request. A job is a row with its progress; a worker does it chunk by
// chunk. The package knows nothing about the work itself: features register a Handler for each kind with Handle.
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
	CustomerDeletion    Kind = "customer_deletion"    // subject: a deletion
	Handover            Kind = "handover"             // subject: a handover
	AdministratorSwitch Kind = "administrator_switch" // subject: a specialist user who was deactivated or reactivated
	ImportCheck         Kind = "import_check"         // subject: an import of customers, whose rows are checked
	ImportRun           Kind = "import_run"           // subject: an import of customers, whose rows are added
	BulkTrial           Kind = "bulk_trial"           // subject: a bulk act, which is tried
	BulkRun             Kind = "bulk_run"             // subject: a bulk act, which is carried out
	BulkReturn          Kind = "bulk_return"          // subject: a bulk act, which is taken back
)

// Kinds lists them.
var Kinds = []Kind{CustomerDeletion, Handover, AdministratorSwitch, ImportCheck, ImportRun, BulkTrial, BulkRun, BulkReturn}

// State is the progress of a job; views/locales has a text for each ("job_state.<state>").
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

// Reason is why a chunk failed; views/locales has a text for each ("job_reason.<reason>"). The text of an error may
// contain personal data, so it is only in the log.
type Reason string

// The reasons.
const (
	Internal   Reason = "internal" // an error of the program
	Panicked   Reason = "panic"
	ErasureLog Reason = "erasure_log" // a deletion can't be recorded in the log outside the database
)

// Reasons lists them.
var Reasons = []Reason{Internal, Panicked, ErasureLog}

// Job is a unit of long work. It contains no personal data.
type Job struct {
	bun.BaseModel `bun:"table:job"`

	ID          uuid.UUID     `bun:"id,pk"`
	Kind        Kind          `bun:"kind"`
	SubjectID   uuid.UUID     `bun:"subject_id"`
	CustomerID  uuid.NullUUID `bun:"customer_id"`
	Arguments   string        `bun:"arguments"` // see Read
	State       State         `bun:"state"`
	Done        int64         `bun:"done"`
	Total       int64         `bun:"total"`    // 0: unknown
	Attempts    int           `bun:"attempts"` // failures since the last chunk that was done
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

// Progress is the result of a chunk.
type Progress struct {
	Done, Total int64
	Finished    bool          // nothing is left to be done
	Pause       time.Duration // wait this long before the next chunk: nothing failed, but the job waits for something
}

var (
	// ErrNotFound is returned if a job does not exist.
	ErrNotFound = fault.New(fault.NotFound, "job.not_found")
	// ErrOver is returned if a job is to be cancelled that has ended.
	ErrOver = fault.New(fault.Conflict, "job.over")
	// ErrNotCancellable is returned if a job is to be cancelled that must not stop halfway.
	ErrNotCancellable = fault.New(fault.Conflict, "job.not_cancellable")
)

// failure is an error of a step with its reason.
type failure struct {
	error
	reason Reason
	giveUp bool
}

// Unwrap returns the error without the reason.
func (f failure) Unwrap() error { return f.error }

// Because adds the reason why a step failed. The step is tried again.
func Because(reason Reason, err error) error { return failure{error: err, reason: reason} }

// GiveUp adds the reason why a step failed if another try would not help. The job then has failed.
func GiveUp(reason Reason, err error) error { return failure{error: err, reason: reason, giveUp: true} }
