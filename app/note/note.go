// Package note keeps what people of the firm write about a customer. Notes are internal: end users never see them. They are
// stored as plain text, like the customer's data, and are deleted permanently with the customer.
package note

import (
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/policies"
)

// Note is a note about a customer. Only its author changes and removes it.
type Note struct {
	ID         uuid.UUID  `bun:"id"`
	CustomerID uuid.UUID  `bun:"customer_id"`
	AuthorID   uuid.UUID  `bun:"author_id"`
	Author     string     `bun:"author"` // the name that the author has now
	Text       string     `bun:"text"`
	Version    int        `bun:"version"`
	CreatedAt  time.Time  `bun:"created_at"`
	ChangedAt  *time.Time `bun:"changed_at"` // nil: it is as it was written
}

// MaxText is the maximum length of a note, in characters.
const MaxText = 4000

// UndoLife is how long a note that was removed can be put back.
const UndoLife = 10 * time.Minute

// The permissions that notes need.
var (
	WantRead   = policies.Permission{Object: policies.ObjectNote, Action: policies.Read}
	WantCreate = policies.Permission{Object: policies.ObjectNote, Action: policies.Create}
)

// Errors.
var (
	// ErrNotFound says that there is no such note, or that the caller may not read it.
	ErrNotFound = fault.New(fault.NotFound, "page")
	// ErrUndone says that a note can't be put back: it is too late, or it was never removed.
	ErrUndone = fault.New(fault.Gone, "authorisation.undone")
	// ErrVersion says that the note was changed in the meantime.
	ErrVersion = fault.New(fault.Conflict, "version")
)

// checkText cleans a text. Errors: Invalid at note ("required", "too_long", "control_characters").
func checkText(typed string) (string, error) {
	text := entry.Text(typed)
	switch {
	case !entry.IsText(text, true):
		return text, fault.At("note", "control_characters")
	case text == "":
		return text, fault.At("note", "required")
	case utf8.RuneCountInString(text) > MaxText:
		return text, fault.At("note", "too_long").With("max", MaxText)
	}
	return text, nil
}
