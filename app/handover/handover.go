// Package handover passes a specialist user's assignments on: for good to others, or for a while to a deputy.
package handover

import (
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/fault"
)

// Person is a specialist user as these pages show them.
type Person struct {
	ID     uuid.UUID `bun:"id"`
	Name   string    `bun:"name"`
	Email  string    `bun:"email"`
	Active bool      `bun:"active"`
}

// Assignments is how much a specialist user has to do with.
type Assignments struct {
	Administered int64 `bun:"administered"` // customers
	Processed    int64 `bun:"processed"`    // transactions as an additional processor
	Responsible  int64 `bun:"responsible"`  // transactions they answer for
}

// Total is how many assignments that is: what somebody answers for is theirs to see by one of them.
func (a Assignments) Total() int64 { return a.Administered + a.Processed }

// Capped says whether there are more than AssignmentsCap, so that Total is not the whole number.
func (a Assignments) Capped() bool {
	return a.Administered > AssignmentsCap || a.Processed > AssignmentsCap
}

// AssignmentsCap is how far lists count.
const AssignmentsCap = 10_000

// Target is one of those who get the assignments.
type Target struct {
	Person
	Has Assignments // of those that are handed over, what they already have
}

// Plan is what a handover would do.
type Plan struct {
	From    Person
	Targets []Target // in the order in which they were chosen
	Move    bool     // or copy
	Assignments
	Customers    []customer.Row // examples, only such that the caller may read
	Transactions []Example      // likewise
}

// Example is a transaction that would be handed over.
type Example struct {
	ID     uuid.UUID `bun:"id"`
	Number int64     `bun:"number"`
	Name   string    `bun:"name"`
}

// Handover is a handover: its progress, then its record.
type Handover struct {
	bun.BaseModel `bun:"table:handover"`

	ID            uuid.UUID  `bun:"id,pk"`
	FromID        uuid.UUID  `bun:"from_id"`
	Move          bool       `bun:"move"`
	Done          int64      `bun:"done"` // assignments so far
	Total         int64      `bun:"total"`
	Phase         int        `bun:"phase"`
	AtCustomer    uuid.UUID  `bun:"at_customer"`
	AtTransaction uuid.UUID  `bun:"at_transaction"`
	RequestedBy   uuid.UUID  `bun:"requested_by"`
	RequestedAt   time.Time  `bun:"requested_at"`
	FinishedAt    *time.Time `bun:"finished_at"` // or stopped
	// StoppedFor is whose deactivation stopped it; what was passed on by then stays so. nil: nobody's.
	StoppedFor *uuid.UUID `bun:"stopped_for"`

	From    Person   `bun:"-"`
	Targets []Person `bun:"-"`
}

// Stopped names the person because of whom the handover stopped, "" when nobody is left at all.
func (h Handover) Stopped() string {
	for _, t := range h.Targets {
		if h.StoppedFor != nil && t.ID == *h.StoppedFor {
			return t.Name
		}
	}
	return ""
}

// State is where a deputyship is in time.
type State string

// The states; locale keys "deputy_state.<state>".
const (
	Coming State = "coming"
	Now    State = "now"
	Past   State = "past"
)

// States lists them.
var States = []State{Coming, Now, Past}

// Deputyship says that one specialist user stands in for another from StartsAt until before EndsAt: for that time the
// deputy has the other's relations to customers and transactions besides their own. It passes on assignments only, no
// roles, and it is not transitive: who stands in for a deputy gets the deputy's own assignments, not those of the person
// whom the deputy stands in for. Else naming a deputy would give away what is somebody else's to give.
type Deputyship struct {
	ID           uuid.UUID `bun:"id"`
	SpecialistID uuid.UUID `bun:"specialist_id"`
	Specialist   string    `bun:"specialist"`
	DeputyID     uuid.UUID `bun:"deputy_id"`
	Deputy       string    `bun:"deputy"`
	StartsAt     time.Time `bun:"starts_at"`
	EndsAt       time.Time `bun:"ends_at"`
	By           string    `bun:"by_name"` // who named the deputy
	State        State     `bun:"-"`
}

// Last is a moment of the last day.
func (d Deputyship) Last() time.Time { return d.EndsAt.Add(-time.Microsecond) }

func (d Deputyship) state(now time.Time) State {
	switch {
	case now.Before(d.StartsAt):
		return Coming
	case now.Before(d.EndsAt):
		return Now
	}
	return Past
}

var (
	// ErrNotFound is the answer to a deputyship or handover that is not there, or not of this person.
	ErrNotFound = fault.New(fault.NotFound, "handover.not_found")
	// ErrRunning is the answer to a second handover from the same person while the first goes on.
	ErrRunning = fault.New(fault.Conflict, "handover.running")
	// ErrNothing is the answer to a handover from somebody who has no assignments.
	ErrNothing = fault.New(fault.Conflict, "handover.nothing")
)

// longest is how long a deputyship may last, in years.
const longest = 1

// period reads the first and the last day (ISO 8601) in the firm's time zone. A period that begins today begins now:
// what was done before was not done as a deputy. Complaints: at from "required", "date.malformed", "deputy.past"; at
// until "required", "date.malformed", "deputy.order", "deputy.too_long".
func period(from, until string, now time.Time, zone *time.Location) (starts, ends time.Time, form fault.Form) {
	day := func(field, value string) (time.Time, bool) {
		if value = strings.TrimSpace(value); value == "" {
			form.Add(field, "required")
			return time.Time{}, false
		}
		d, err := time.ParseInLocation(time.DateOnly, value, zone)
		if err != nil {
			form.Add(field, "date.malformed")
		}
		return d, err == nil
	}
	starts, ok := day("from", from)
	last, ok2 := day("until", until)
	if !ok || !ok2 {
		return starts, last, form
	}
	local := now.In(zone)
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	ends = time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, zone) // a day may have 23 or 25 hours
	switch {
	case starts.Before(today):
		form.Add("from", "deputy.past")
	case last.Before(starts):
		form.Add("until", "deputy.order")
	case ends.After(starts.AddDate(longest, 0, 0)):
		form.Add("until", "deputy.too_long")
	}
	if starts.Equal(today) {
		starts = now
	}
	return starts.UTC(), ends.UTC(), form
}
