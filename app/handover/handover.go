// Package handover passes a specialist user's assignments on: permanently to others, or for a time to a deputy.
package handover

import (
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/listing"
)

// Person is a specialist user as the handover and deputy pages show them.
type Person struct {
	ID     uuid.UUID `bun:"id"`
	Name   string    `bun:"name"`
	Email  string    `bun:"email"`
	Active bool      `bun:"active"`
}

// Assignments counts the assignments of a specialist user.
type Assignments struct {
	Administered int64 `bun:"administered"` // customers
	Processed    int64 `bun:"processed"`    // transactions as an additional processor
	Responsible  int64 `bun:"responsible"`  // transactions they are responsible for
}

// Total is the number of assignments. Responsible is not added, because the other two already make these transactions
// visible to the person.
func (a Assignments) Total() int64 { return a.Administered + a.Processed }

// AssignmentsCap is the number up to which the assignments of a person are counted to be shown. A handover counts all.
const AssignmentsCap = listing.CountCap

// Target is a person who gets the assignments.
type Target struct {
	Person
	Has Assignments // how many of the assignments they already have
}

// Plan is what a handover would do.
type Plan struct {
	From    Person
	Targets []Target // in the order in which they were chosen
	Move    bool     // false: copy
	Assignments
	Customers    []customer.Row // examples; only customers that the caller may read
	Transactions []Example      // examples; only transactions that the caller may read
}

// Example is a transaction that would be handed over.
type Example struct {
	ID     uuid.UUID `bun:"id"`
	Number int64     `bun:"number"`
	Name   string    `bun:"name"`
}

// Handover is a handover: its progress while it runs, its record afterwards.
type Handover struct {
	bun.BaseModel `bun:"table:handover"`

	ID            uuid.UUID  `bun:"id,pk"`
	FromID        uuid.UUID  `bun:"from_id"`
	Move          bool       `bun:"move"`
	Done          int64      `bun:"done"` // assignments handed over so far
	Total         int64      `bun:"total"`
	Phase         int        `bun:"phase"`
	AtCustomer    uuid.UUID  `bun:"at_customer"`
	AtTransaction uuid.UUID  `bun:"at_transaction"`
	RequestedBy   uuid.UUID  `bun:"requested_by"`
	RequestedAt   time.Time  `bun:"requested_at"`
	FinishedAt    *time.Time `bun:"finished_at"` // or stopped at
	// StoppedFor is the person whose deactivation stopped the handover. What was passed on before stays passed on. nil:
	// not stopped.
	StoppedFor *uuid.UUID `bun:"stopped_for"`

	From    Person   `bun:"-"`
	Targets []Person `bun:"-"`
}

// Stopped returns the name of the person who caused the stop, "" when no recipient is left at all.
func (h Handover) Stopped() string {
	for _, t := range h.Targets {
		if h.StoppedFor != nil && t.ID == *h.StoppedFor {
			return t.Name
		}
	}
	return ""
}

// State says whether a deputyship is in the future, now, or past.
type State string

// The states; locale keys "deputy_state.<state>".
const (
	Coming State = "coming"
	Now    State = "now"
	Past   State = "past"
)

// States lists them.
var States = []State{Coming, Now, Past}

// Deputyship says that one specialist user stands in for another from StartsAt until before EndsAt. For that time the
// deputy has the other's relations to customers and transactions besides their own. A deputyship passes on assignments
// only, no roles. It is not transitive: the deputy of a deputy gets that deputy's own assignments, not those of the
// person represented by that deputy. Otherwise naming a deputy would pass on rights that belong to somebody else.
type Deputyship struct {
	ID           uuid.UUID `bun:"id"`
	SpecialistID uuid.UUID `bun:"specialist_id"`
	Specialist   string    `bun:"specialist"`
	DeputyID     uuid.UUID `bun:"deputy_id"`
	Deputy       string    `bun:"deputy"`
	StartsAt     time.Time `bun:"starts_at"`
	EndsAt       time.Time `bun:"ends_at"`
	By           string    `bun:"by_name"` // name of the person who named the deputy
	State        State     `bun:"-"`
}

// Last returns the last microsecond of the period, which lies in its last day.
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
	// ErrNotFound says that the deputyship or handover does not exist, or belongs to another person.
	ErrNotFound = fault.New(fault.NotFound, "handover.not_found")
	// ErrRunning says that another handover from the same person is still running.
	ErrRunning = fault.New(fault.Conflict, "handover.running")
	// ErrNothing says that the person has no assignments to hand over.
	ErrNothing = fault.New(fault.Conflict, "handover.nothing")
)

// longest is the maximum duration of a deputyship, in years.
const longest = 1

// period reads the first and the last day (ISO 8601) in the firm's time zone. A period that begins today begins now,
// because earlier actions were not done as a deputy. Complaints: at from "required", "date.malformed", "deputy.past";
// at until "required", "date.malformed", "deputy.order", "deputy.too_long".
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
