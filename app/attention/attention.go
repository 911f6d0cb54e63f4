// Package attention finds what somebody in the firm should look at and may act on: failed messages, unanswered
// invitations, customers without administrator or access, overdue transactions, and delivery channels that fail.
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
	Approvals      Section = "approvals"      // proposals that wait for the caller's decision as the second person
	Deputies       Section = "deputies"       // what the caller's deputies arranged and is still in effect
	Rights         Section = "rights"         // rights that are new in this version, for policy administrators
	Sending        Section = "sending"        // why no messages are sent at all; for operators of the queues
	Channels       Section = "channels"       // delivery channels that reject messages; for operators of the queues
	Invitations    Section = "invitations"    // accesses that wait for their end user, who can be invited again
	Administrators Section = "administrators" // customers that no active specialist user administers
	Accesses       Section = "accesses"       // customers that nobody has access to
	Overdue        Section = "overdue"        // transactions that should have been closed
)

// Sections lists them in the order of the page.
var Sections = []Section{Approvals, Deputies, Sending, Channels, Rights, Invitations, Administrators, Accesses, Overdue}

// Reason is why an invitation is on the list; locale keys "attention_reason.<reason>".
type Reason string

// The reasons. If several apply, the first is given.
const (
	MailFailed Reason = "mail"       // Detail says why
	CodeFailed Reason = "sms"        // Detail says why
	Unanswered Reason = "unanswered" // for longer than the reminder period
	Expired    Reason = "expired"    // the link has expired
)

// Reasons lists them.
var Reasons = []Reason{MailFailed, CodeFailed, Unanswered, Expired}

// Owner is the customer to whom an entry belongs.
type Owner struct {
	ID     uuid.UUID
	Number int64
	Type   customer.Type
	Name   string // "Last, First" for a person
}

// Label is the customer's number as people see it.
func (o Owner) Label() string { return customer.Label(o.Number) }

// Invitation is an access whose end user has not registered yet.
type Invitation struct {
	ID            uuid.UUID
	Name          string
	Email, Mobile string
	InvitedAt     time.Time
	LinkExpiresAt time.Time
	Reason        Reason
	Detail        string // key of the reason for the failure, "reason.<key>"
	Customer      Owner
}

// Field is the field of the access that has to be corrected before a further invitation makes sense: "email", "mobile", or ""
// if none is wrong.
func (i Invitation) Field() string {
	switch i.Reason {
	case MailFailed:
		return "email"
	case CodeFailed:
		return "mobile"
	}
	return ""
}

// OverdueTransaction is an overdue transaction.
type OverdueTransaction struct {
	ID       uuid.UUID
	Number   int64
	Name     string
	Due      string // ISO 8601
	Customer Owner
}

// Label is the transaction's number as people see it.
func (t OverdueTransaction) Label() string { return transaction.Label(t.Number) }

// Part is a page of one section, or its first few entries. Only the fields of that section are set.
type Part struct {
	Section     Section
	Approvals   []approval.Approval
	Deputies    []handover.Outlasting
	Rights      int // number of offers that wait
	Queues      []courier.QueueTrouble
	NoWorker    time.Time // when a process that sends messages was last seen; zero while one runs
	Channels    []courier.Trouble
	Invitations []Invitation
	Corrects    bool // the caller may correct the accesses of Invitations
	Customers   []Owner
	Overdue     []OverdueTransaction
	More        bool   // the section has more entries than these
	Next        string // cursor of the next page; "" if this is the last one, or not a whole page
}

// Len returns the number of entries on the page.
func (p Part) Len() int {
	n := len(p.Approvals) + len(p.Deputies) + p.Rights + len(p.Queues) + len(p.Channels) + len(p.Invitations) + len(p.Customers) + len(p.Overdue)
	if !p.NoWorker.IsZero() {
		n++
	}
	return n
}

// countCap is the maximum number on the badge.
const countCap = 100

// fewFirst is how many entries of each section are shown together with the other sections.
const fewFirst = 10

// Refusal is the reason why some of the accesses got no new invitation.
type Refusal struct {
	Message string   // text id without "fault."
	Names   []string // names of their end users
}

// Resent is the result of Resend.
type Resent struct {
	Sent    int
	Refused []Refusal
}

// Failed returns the number of invitations that were not sent.
func (r Resent) Failed() (n int) {
	for _, f := range r.Refused {
		n += len(f.Names)
	}
	return n
}

// resendMax is the maximum number of invitations in one Resend.
const resendMax = 200

var (
	// ErrNone says that no access was selected for Resend.
	ErrNone = fault.At("access", "attention.none_selected")
	// ErrMany says that more than resendMax accesses were selected.
	ErrMany = fault.At("access", "attention.too_many").With("max", resendMax)
)

// position is the last row of a page, by its place in the section's order.
type position struct {
	at     time.Time // since when the customer needs this kind of attention, or the due date of the transaction
	number int64     // of the customer, or of the transaction
	id     uuid.UUID
}

// cursorVersion changes when the meaning of a position changes. Cursors of older versions are then ignored.
const cursorVersion = 3

func (p position) String() string { return listing.Encode(cursorVersion, p.at, p.number, p.id) }

// readPosition reads a cursor; ok is false when String did not write it.
func readPosition(s string) (p position, ok bool) {
	ok = listing.Decode(s, cursorVersion, &p.at, &p.number, &p.id)
	return p, ok
}
