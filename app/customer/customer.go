// Package customer manages the persons and companies with whom the firm exchanges documents: their data,
// administrators, search and permanent deletion.
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

// Type says whether a customer is a person or a company.
type Type string

// The types.
const (
	Person  Type = "person"
	Company Type = "company"
)

// Counter numbers customers.
const Counter store.Counter = "customer_number"

// Types lists the types in the order in which screens show them.
var Types = []Type{Person, Company}

// Known says whether t is one of the types.
func (t Type) Known() bool { return t == Person || t == Company }

// Data is what a specialist user records (R6). The fields differ by type; each has a row in the table of field.go.
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
	Reference      string `bun:"reference"` // the firm's own number, unique among customers, or ""
}

// Address is the street with number, the postal code and the city in one line, as far as they are known.
func (d Data) Address() string {
	address := strings.TrimSpace(d.PostalCode + " " + d.City)
	if d.Street != "" && address != "" {
		return d.Street + ", " + address
	}
	return d.Street + address
}

// Customer is a customer as the service returns it.
type Customer struct {
	ID     uuid.UUID
	Number int64
	Type   Type
	Data
	Version   int
	CreatedAt time.Time
	UpdatedAt time.Time
	accesses  accessColumns
}

// AccessesAt sums up the customer's accesses, as they were when the customer was read.
func (c Customer) AccessesAt(now time.Time) AccessSummary { return c.accesses.summary(now) }

// Label is the customer number as people see it.
func (c Customer) Label() string { return Label(c.Number) }

// Label writes a customer number as people see it: "K-" and at least five digits.
func Label(number int64) string { return fmt.Sprintf("K-%05d", number) }

// Name returns "First Last" for a person, the company name for a company.
func (c Customer) Name() string {
	if c.Type == Company {
		return c.CompanyName
	}
	return strings.TrimSpace(c.FirstName + " " + c.LastName)
}

// Row is one row of the overview.
type Row struct {
	ID      uuid.UUID
	Number  int64
	Version int // increases with each change of the customer: a rendered row is valid until then
	Type    Type
	Name    string // "Last, First" for a person
	City    string
	Changed time.Time // the last change of its data
	Access  AccessSummary
}

// Label is the customer number as people see it.
func (r Row) Label() string { return Label(r.Number) }

// Status is the activity status that the overview shows and filters by.
func (r Row) Status() AccessStatus { return r.Access.Status() }

// ParseNumber reads "K-10001" (case and blanks around it do not matter); ok=false for everything else.
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

// Draft is the input of Add.
type Draft struct {
	Type           Type
	Data           Data
	IdempotencyKey string // the form's once-only key (a UUID); a second Add with it returns the customer of the first
	Access         *FirstAccess
	valid          *Data     // what Valid has validated
	prepared       *prepared // what Prepared has computed
}

// prepared has the texts of a draft with these data.
type prepared struct {
	data    Data
	contact Contact
	texts   texts
}

// Valid returns the draft with its data as Validate normalises them, and Validate's error. Add does not validate them
// again unless they are changed.
func (d Draft) Valid() (Draft, error) {
	data, err := Validate(d.Type, d.Data)
	if d.Data = data; err == nil {
		d.valid = &data
	}
	return d, err
}

// Prepared returns the draft with the texts by which its customer is found. AddAll computes them inside the tx otherwise.
func (d Draft) Prepared() Draft {
	if d.Access != nil {
		d.prepared = &prepared{data: d.Data, contact: d.Access.Contact}
		d.prepared.texts = textsOf(d.Type, d.Data, []Contact{d.Access.Contact})
	}
	return d
}

// texts returns the texts of a draft with data that are valid.
func (d Draft) texts(data Data) texts {
	if p := d.prepared; p != nil && p.data == data && d.Access != nil && p.contact == d.Access.Contact {
		return p.texts
	}
	var contacts []Contact
	if d.Access != nil {
		contacts = []Contact{d.Access.Contact}
	}
	return textsOf(d.Type, data, contacts)
}

// FirstAccess says which access is added together with a customer, so that all that is derived from it is written with the
// customer. Its invitation begins when the customer is created.
type FirstAccess struct {
	Contact
	LinkLife  time.Duration // how long the link of the invitation is good
	InvitedAt time.Time     // zero: when the customer is created
	Uninvited bool
}

// states are the states of a new customer's accesses: of this one, or none.
func (a *FirstAccess) states(now time.Time) []accessState {
	if a == nil {
		return nil
	}
	if !a.InvitedAt.IsZero() {
		now = a.InvitedAt
	}
	return []accessState{{
		FirstName: a.FirstName, LastName: a.LastName, Email: a.Email, Mobile: a.Mobile, InvitedAt: now,
		AccessState: AccessState{LinkExpiresAt: now.Add(a.LinkLife), Uninvited: a.Uninvited},
	}}
}

// Duplicate is a hint that a customer may already exist.
type Duplicate struct {
	Row
	Why string // message key: duplicate.email, duplicate.person, duplicate.company
}

var (
	// ErrNotFound says that the customer does not exist, is being deleted, or that the caller may not see it.
	ErrNotFound = fault.New(fault.NotFound, "customer.not_found")
	// ErrVersion says that somebody else has changed the customer meanwhile.
	ErrVersion = fault.New(fault.Conflict, "version")
	// ErrReference says that another customer has the reference.
	ErrReference = fault.At("reference", "reference.taken")
	// ErrConfirm says that a deletion was not confirmed with the customer's number.
	ErrConfirm = fault.At("confirm", "confirm.number")
)

// sortName returns the name by which the overview is sorted: "last first" for a person, the company name for a company.
func sortName(t Type, d Data) string {
	if t == Company {
		return store.SortKey(d.CompanyName)
	}
	return store.SortKey(d.LastName + " " + d.FirstName)
}

// listName returns the name as the overview shows it.
func listName(t Type, d Data) string {
	switch {
	case t == Company:
		return d.CompanyName
	case d.FirstName == "":
		return d.LastName
	}
	return d.LastName + ", " + d.FirstName
}

// identity returns a key that is equal for two customers that are probably the same; "" when too little is known.
func identity(t Type, d Data) string {
	switch {
	case t == Company && d.CompanyName != "" && d.City != "":
		return "company/" + store.Fold(d.CompanyName) + "/" + store.Fold(d.City)
	case t == Person && d.LastName != "" && d.DateOfBirth != "":
		return "person/" + store.Fold(d.LastName+" "+d.FirstName) + "/" + d.DateOfBirth
	}
	return ""
}

// Reminder is how long an invitation may stay unanswered before the customer needs attention (N7). A setting can change
// it.
const Reminder = 7 * 24 * time.Hour

// accessState holds what is derived from one access: attention, the search texts and the summary.
type accessState struct {
	CustomerID uuid.UUID `bun:"customer_id"`
	FirstName  string    `bun:"first_name"`
	LastName   string    `bun:"last_name"`
	Email      string    `bun:"email"`
	Mobile     string    `bun:"mobile"`
	InvitedAt  time.Time `bun:"invited_at"`
	CodeFailed bool      `bun:"code_failed"` // the newest SMS of this invitation failed permanently
	AccessState
}

func (s accessState) contact() Contact {
	return Contact{FirstName: s.FirstName, LastName: s.LastName, Email: s.Email, Mobile: s.Mobile}
}
