// Package access manages the end users' accesses to customers: invitation, registration, activity status.
//
// An invitation has a generation. Sending it again and correcting an address increment the generation, which voids the
// links and codes of the previous one. Everything that is minted, compared or recorded carries its generation and is
// valid only for that generation.
package access

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/app/phone"
)

// Status is the activity status; see package customer, which sums up the statuses of a customer's accesses.
type Status = customer.AccessStatus

// The statuses.
const (
	Invited       = customer.Invited
	Registered    = customer.Registered
	LinkExpired   = customer.LinkExpired
	Undeliverable = customer.Undeliverable
	Deactivated   = customer.Deactivated
	Waits         = customer.Waits
	NotInvited    = customer.NotInvited
)

// LinkLife is how long a registration link is valid.
const LinkLife = 48 * time.Hour

// Access is one end user's access to one customer.
type Access struct {
	ID, CustomerID           uuid.UUID
	AccountID                uuid.NullUUID
	FirstName, LastName      string
	Email, Mobile, Locale    string // Mobile: E.164, or ""
	Generation               int    // of the invitation
	InvitedAt, LinkExpiresAt time.Time
	Undeliverable            string // key of the reason why the mail of this generation failed, or ""
	OpenedAt, CodeEnteredAt  *time.Time
	RegisteredAt             *time.Time
	DeactivatedAt            *time.Time
	Waiting                  bool       // for a second person's approval; DeactivatedAt is set as well
	Uninvited                bool       // nobody has invited the person yet
	LastSeenAt               *time.Time // of the account's last sign-in
	Version                  int
	CreatedAt                time.Time
}

// Name is "First Last".
func (a Access) Name() string { return a.FirstName + " " + a.LastName }

// status returns the activity status at the time now.
func (a Access) status(now time.Time) Status {
	return customer.AccessState{
		LinkExpiresAt: a.LinkExpiresAt, Undeliverable: a.Undeliverable, RegisteredAt: a.RegisteredAt, DeactivatedAt: a.DeactivatedAt,
		Waiting: a.Waiting, Uninvited: a.Uninvited,
	}.Status(now)
}

// pending says whether the end user can still register.
func (a Access) pending() bool { return a.RegisteredAt == nil && a.DeactivatedAt == nil }

// Row is an access with the messages that were sent for it.
type Row struct {
	Access
	Status   Status
	Messages []courier.Message // oldest first
	// Refused says since when and why nothing is sent to a registered person's address; nil if mail is sent. For other
	// people the status and the timeline say it.
	Refused *courier.Refusal
}

// Form is what people enter about an access: fields first_name, last_name, email, mobile, locale.
type Form struct{ FirstName, LastName, Email, Mobile, Locale string }

// The maximum lengths, in characters. An address has at most 254 octets (RFC 5321 §4.5.3.1.3 without the angle
// brackets).
const (
	nameMax  = 100
	emailMax = 254
)

// Validate returns f as it is stored: text cleaned as in package entry, the mobile number in E.164. The number is read
// as it is dialled in the customer's country (ISO 3166-1 alpha-2). While the country is unknown, because the form's
// country is wrong, too, the number stays as typed. Validate returns an Invalid fault with Fields at first_name,
// last_name, email, mobile and locale: "required", "too_long", "control_characters", "email.malformed",
// "mobile.malformed", "mobile.letters", "mobile.two", "mobile.extension", "mobile.not_mobile" (only mobile numbers get
// SMS, and 0900 numbers cost), "locale.unknown".
func Validate(f Form, country string) (Form, error) {
	var form fault.Form
	f.FirstName = cleanName(&form, "first_name", f.FirstName)
	f.LastName = cleanName(&form, "last_name", f.LastName)
	f.Email = cleanEmail(&form, f.Email)
	f.Mobile = cleanMobile(&form, f.Mobile, country)
	if !lang.Known(f.Locale) {
		form.Add("locale", "locale.unknown")
	}
	return f, form.Err()
}

func cleanName(form *fault.Form, field, s string) string {
	s = entry.Line(s)
	switch {
	case !entry.IsText(s, false):
		form.Add(field, "control_characters")
	case !entry.Says(s):
		form.Add(field, "required")
	case utf8.RuneCountInString(s) > nameMax:
		form.AddError(fault.At(field, "too_long").With("max", nameMax))
	}
	return s
}

func cleanEmail(form *fault.Form, s string) string {
	normal, complaint := account.ValidEmail(s)
	switch complaint {
	case "":
		return normal
	case "too_long":
		form.AddError(fault.At("email", complaint).With("max", emailMax))
	default:
		form.Add("email", complaint)
	}
	return s
}

func cleanMobile(form *fault.Form, typed, country string) string {
	s := entry.Key(typed)
	switch {
	case s == "":
		return ""
	case !entry.IsText(s, false):
		form.Add("mobile", "control_characters")
		return s
	case !slices.Contains(customer.Countries(), country):
		return s
	}
	e164, complaint := phone.ParseMobile(s, country)
	if complaint != "" {
		form.Add("mobile", complaint)
		return s
	}
	return e164
}
