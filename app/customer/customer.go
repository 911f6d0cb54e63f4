// Package customer is the persons and companies that the firm exchanges documents with, who administers them, how
// they are found, and how they go for good.
package customer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/app/store"
)

// Type is what a customer is.
type Type string

// The types.
const (
	Person  Type = "person"
	Company Type = "company"
)

// Types lists them, in the order in which screens show them.
var Types = []Type{Person, Company}

// Known says whether t is one of the types.
func (t Type) Known() bool { return t == Person || t == Company }

// Data is what a specialist user records (R6). What it is made of differs by type, and each field has a row in the table of
// field.go.
type Data struct {
	Salutation     string `bun:"salutation"`
	Title          string `bun:"title"`
	FirstName      string `bun:"first_name"`
	LastName       string `bun:"last_name"`
	DateOfBirth    string `bun:"date_of_birth"`
	CompanyName    string `bun:"company_name"`
	LegalForm      string `bun:"legal_form"`
	RegisterCourt  string `bun:"register_court"`
	RegisterNumber string `bun:"register_number"`
	VATID          string `bun:"vat_id"`
	Street         string `bun:"street"`
	PostalCode     string `bun:"postal_code"`
	City           string `bun:"city"`
	Country        string `bun:"country"`
	Phone          string `bun:"phone"`
	Note           string `bun:"note"`
	Locale         string `bun:"locale"`
}

// Customer is a customer as the service hands it out.
type Customer struct {
	ID     uuid.UUID
	Number int64
	Type   Type
	Data
	Version   int
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Label is the customer number as people see it.
func (c Customer) Label() string { return Label(c.Number) }

// Label writes a customer number as people see it: "K-" and at least five digits.
func Label(number int64) string { return fmt.Sprintf("K-%05d", number) }

// Name is "First Last" of a person, the company's name of a company.
func (c Customer) Name() string {
	if c.Type == Company {
		return c.CompanyName
	}
	return strings.TrimSpace(c.FirstName + " " + c.LastName)
}

// Row is one line of the overview.
type Row struct {
	ID      uuid.UUID
	Number  int64
	Version int // rises with each change of the customer: a rendered row is good as long as it stays
	Type    Type
	Name    string // "Last, First" of a person
	City    string
}

// Label is the customer number as people see it.
func (r Row) Label() string { return Label(r.Number) }

// ParseNumber reads "K-10001" (case, blanks around do not matter); ok=false for everything else.
func ParseNumber(s string) (n int64, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < len("K-00000") || len(s) > len("K-")+10 || (s[0] != 'K' && s[0] != 'k') || s[1] != '-' {
		return 0, false
	}
	for _, r := range s[2:] {
		if r < '0' || r > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s[2:], 10, 32)
	if err != nil || n == 0 || Label(n) != "K-"+s[2:] {
		return 0, false
	}
	return n, true
}

// Draft is what Add takes.
type Draft struct {
	Type           Type
	Data           Data
	IdempotencyKey string // the form's once-only key (a UUID); a second Add with it returns the customer of the first
}

// Duplicate is a hint that a customer may already be there.
type Duplicate struct {
	Row
	Why string // message key: duplicate.email, duplicate.person, duplicate.company
}

var (
	// ErrNotFound is the answer for a customer that is not there, is being deleted, or that the caller may not see.
	ErrNotFound = fault.New(fault.NotFound, "customer.not_found")
	// ErrVersion is the answer to a change of what somebody else has changed meanwhile.
	ErrVersion = fault.New(fault.Conflict, "version")
	// ErrConfirm is the complaint about a deletion without the customer's number.
	ErrConfirm = fault.At("confirm", "confirm.number")
)

// sortName is the name in the overview's order: "last first" of a person, the company's name of a company.
func sortName(t Type, d Data) string {
	if t == Company {
		return store.SortKey(d.CompanyName)
	}
	return store.SortKey(d.LastName + " " + d.FirstName)
}

// listName is the name as the overview shows it.
func listName(t Type, d Data) string {
	switch {
	case t == Company:
		return d.CompanyName
	case d.FirstName == "":
		return d.LastName
	}
	return d.LastName + ", " + d.FirstName
}

// identity is equal for two customers that are probably the same; empty when too little is known to say so.
func identity(t Type, d Data) string {
	switch {
	case t == Company && d.CompanyName != "" && d.City != "":
		return "company/" + store.Fold(d.CompanyName) + "/" + store.Fold(d.City)
	case t == Person && d.LastName != "" && d.DateOfBirth != "":
		return "person/" + store.Fold(d.LastName+" "+d.FirstName) + "/" + d.DateOfBirth
	}
	return ""
}

// Reminder is how long an invitation may go unanswered before somebody should look (N7), unless a setting says otherwise.
const Reminder = 7 * 24 * time.Hour

// accessState is what attention and the search depend on: one access of a customer.
type accessState struct {
	CustomerID    uuid.UUID  `bun:"customer_id"`
	FirstName     string     `bun:"first_name"`
	LastName      string     `bun:"last_name"`
	Email         string     `bun:"email"`
	Mobile        string     `bun:"mobile"`
	InvitedAt     time.Time  `bun:"invited_at"`
	LinkExpiresAt time.Time  `bun:"link_expires_at"`
	Undeliverable string     `bun:"undeliverable"`
	CodeFailed    bool       `bun:"code_failed"` // the newest SMS of this invitation failed for good
	RegisteredAt  *time.Time `bun:"registered_at"`
	DeactivatedAt *time.Time `bun:"deactivated_at"`
}

func (s accessState) contact() Contact {
	return Contact{FirstName: s.FirstName, LastName: s.LastName, Email: s.Email, Mobile: s.Mobile}
}

// attentionAt is from when on somebody should look at a customer; nil: never. administrators are the active ones.
// before is what it was: a reason that goes on does not become younger by being looked at again.
func attentionAt(accesses []accessState, administrators int, before *time.Time, now time.Time, reminder time.Duration) *time.Time {
	reasons := administrators == 0 || len(accesses) == 0
	var at *time.Time
	for _, a := range accesses {
		switch {
		case a.DeactivatedAt != nil, a.RegisteredAt != nil:
		case a.Undeliverable != "" || a.CodeFailed:
			reasons = true
		default:
			due := a.InvitedAt.Add(reminder)
			if a.LinkExpiresAt.Before(due) {
				due = a.LinkExpiresAt
			}
			if at == nil || due.Before(*at) {
				at = &due
			}
		}
	}
	if reasons && (at == nil || now.Before(*at)) {
		at = &now
		if before != nil && before.Before(now) {
			at = before
		}
	}
	return at
}
