// Package attention finds what somebody in the firm should look at, and may act on: messages that failed, invitations
// that nobody answers, customers without administrator or access, transactions that are overdue, ways that don't work.
package attention

import (
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/handover"
	"kontor/app/listing"
	"kontor/app/transaction"
)

// Section is one kind of thing to look at.
type Section string

// The sections; locale keys "attention.<section>".
const (
	Approvals      Section = "approvals"      // proposals that wait for the caller as the second person
	Deputies       Section = "deputies"       // what the caller's deputies arranged and what is still so
	Rights         Section = "rights"         // that are new in this version of the program, for policy administrators
	Sending        Section = "sending"        // why no messages go out at all: for who keeps the queues
	Channels       Section = "channels"       // ways that don't take what the firm sends: for who keeps the queues
	Invitations    Section = "invitations"    // accesses that wait for their end user, who can be written to again
	Administrators Section = "administrators" // customers that no active specialist user administers
	Accesses       Section = "accesses"       // customers that nobody has access to
	Overdue        Section = "overdue"        // transactions that should have been closed
)

// Sections lists them in the order of the page.
var Sections = []Section{Approvals, Deputies, Sending, Channels, Rights, Invitations, Administrators, Accesses, Overdue}

// Reason is why an invitation is on the list; locale keys "attention_reason.<reason>".
type Reason string

// Reasons. Of several that are true the first is given.
const (
	MailFailed Reason = "mail"       // Detail says why
	CodeFailed Reason = "sms"        // Detail says why
	Unanswered Reason = "unanswered" // for longer than the reminder time
	Expired    Reason = "expired"    // the link is no longer good
)

// Reasons lists them.
var Reasons = []Reason{MailFailed, CodeFailed, Unanswered, Expired}

// Owner is the customer that something belongs to.
type Owner struct {
	ID     uuid.UUID
	Number int64
	Type   customer.Type
	Name   string // "Last, First" of a person
}

// Label is the customer's number as people see it.
func (o Owner) Label() string { return customer.Label(o.Number) }

// Invitation is an access that waits for its end user.
type Invitation struct {
	ID            uuid.UUID
	Name          string
	Email, Mobile string
	InvitedAt     time.Time
	LinkExpiresAt time.Time
	Reason        Reason
	Detail        string // key of the reason of a failure, "reason.<key>"
	Customer      Owner
}

// Late is a transaction that is overdue.
type Late struct {
	ID       uuid.UUID
	Number   int64
	Name     string
	Due      string // ISO 8601
	Customer Owner
}

// Label is the transaction's number as people see it.
func (l Late) Label() string { return transaction.Label(l.Number) }

// Part is a page of one section: one of these is filled.
type Part struct {
	Section     Section
	Approvals   []approval.Approval
	Deputies    []handover.Outlasting
	Rights      int // how many offers wait
	Queues      []courier.QueueTrouble
	NoWorker    time.Time // when a process that sends messages was seen last; zero while there is one
	Channels    []courier.Trouble
	Invitations []Invitation
	Customers   []Owner
	Late        []Late
	Next        string // cursor of the next page, "" at the end
}

// Len is how many there are on the page.
func (p Part) Len() int {
	n := len(p.Approvals) + len(p.Deputies) + p.Rights + len(p.Queues) + len(p.Channels) + len(p.Invitations) + len(p.Customers) + len(p.Late)
	if !p.NoWorker.IsZero() {
		n++
	}
	return n
}

// PageSize is how many a section shows at a time.
const PageSize = listing.PageSize

// CountCap is where the badge's number ends.
const CountCap = 100

// Refusal is why some of the accesses got no new invitation.
type Refusal struct {
	Message string   // id of a text, without "fault."
	Names   []string // whom it is about
}

// Resent says what became of Resend.
type Resent struct {
	Sent    int
	Refused []Refusal
}

// Failed is how many were not sent.
func (r Resent) Failed() (n int) {
	for _, f := range r.Refused {
		n += len(f.Names)
	}
	return n
}

// ResendMax is how many invitations are sent again at a time.
const ResendMax = 200

var (
	// ErrNone is the answer to sending nothing again.
	ErrNone = fault.At("access", "attention.none_selected")
	// ErrMany is the answer to sending more than ResendMax again.
	ErrMany = fault.At("access", "attention.too_many").With("max", ResendMax)
)

// position is where a page ended: the place of its last row in the section's order.
type position struct {
	at     time.Time // when the customer began to need attention, or the day a transaction was due
	number int64     // of the customer, or of the transaction
	id     uuid.UUID
}

// cursorVersion changes when the meaning of a position does: cursors of before are ignored then.
const cursorVersion = 2

func (p position) String() string { return listing.Encode(cursorVersion, p.at, p.number, p.id) }

// readPosition reads a cursor; ok is false for what String did not make.
func readPosition(s string) (p position, ok bool) {
	ok = listing.Decode(s, cursorVersion, &p.at, &p.number, &p.id)
	return p, ok
}
