// Package template keeps what business transactions are made from: templates with a structure of folders and slots, their
// versions, and a gallery of ready ones. A transaction copies the newest version of its template; what happens to the
// template later does not touch it.
package template

import (
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/document"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/store"
)

// Template is a template without its structure.
type Template struct {
	ID   uuid.UUID `bun:"id,pk"`
	Name string    `bun:"name"`
	Kind string    `bun:"kind"` // key of a kind of transactions
	// Public templates may be started by end users, all others only by the firm.
	Public          bool   `bun:"public"`
	TransactionName string `bun:"transaction_name"` // what a transaction is called at first; "": as the template
	Description     string `bun:"description"`
	// Version is the number of the newest published version, 0 for none. Changed says whether the draft may differ from it.
	Version int  `bun:"version"`
	Changed bool `bun:"changed"`
	// Revision counts every change of the template. Forms carry it.
	Revision  int        `bun:"revision"`
	CreatedAt time.Time  `bun:"created_at"`
	ChangedAt time.Time  `bun:"changed_at"`
	RetiredAt *time.Time `bun:"retired_at"`
}

// State says where a template stands; locale keys "template_state.<state>".
type State string

// The states.
const (
	Draft   State = "draft"   // never published: nothing can be started from it
	Active  State = "active"  // published
	Retired State = "retired" // not offered any more
)

// States lists the states in the order in which screens show them.
var States = []State{Active, Draft, Retired}

// State returns where the template stands.
func (t Template) State() State {
	switch {
	case t.RetiredAt != nil:
		return Retired
	case t.Version == 0:
		return Draft
	}
	return Active
}

// Preset is what a transaction from this template is called at first.
func (t Template) Preset() string {
	if t.TransactionName != "" {
		return t.TransactionName
	}
	return t.Name
}

// Settings are what can be set about a template besides its structure. They hold as soon as they are saved.
type Settings struct {
	Name, Kind      string
	Public          bool
	TransactionName string
	Description     string
}

// Settings returns the settings of the template.
func (t Template) Settings() Settings {
	return Settings{Name: t.Name, Kind: t.Kind, Public: t.Public, TransactionName: t.TransactionName, Description: t.Description}
}

func (t *Template) set(s Settings) {
	t.Name, t.Kind, t.Public, t.TransactionName, t.Description = s.Name, s.Kind, s.Public, s.TransactionName, s.Description
}

// Version is a published structure.
type Version struct {
	Number  int       `bun:"number"`
	Comment string    `bun:"comment"`
	Author  string    `bun:"author"`
	At      time.Time `bun:"created_at"`
}

// Lengths in characters.
const (
	MaxName        = document.MaxName
	MaxDescription = 1000
	MaxComment     = 300
)

// MaxTemplates is how many templates there may be, retired ones included.
const MaxTemplates = 1000

// Errors.
var (
	// ErrNotFound says that there is no such template.
	ErrNotFound = fault.New(fault.NotFound, "template.not_found")
	// ErrNoElement says that the draft has no such element (any more).
	ErrNoElement = fault.New(fault.NotFound, "template.no_element")
	// ErrNoVersion says that the template has no such version.
	ErrNoVersion = fault.New(fault.NotFound, "template.no_version")
	// ErrVersion says that the template was changed in the meantime.
	ErrVersion = fault.New(fault.Conflict, "version")
	// ErrUndone says that there is nothing to undo, because something else was changed after it.
	ErrUndone = fault.New(fault.Conflict, "template.undo_gone")
)

// Clean returns settings as they are stored. Errors: Invalid at name ("required", "too_long", "control_characters"),
// transaction_name and description ("too_long", "control_characters").
func (s Settings) Clean() (Settings, error) {
	var form fault.Form
	line := func(field, typed string, needed bool) string {
		clean, complaint := customer.CleanLine(typed)
		switch {
		case complaint != "":
			form.Add(field, complaint)
		case needed && !entry.Says(clean):
			form.Add(field, "required")
		case utf8.RuneCountInString(clean) > MaxName:
			form.AddError(fault.At(field, "too_long").With("max", MaxName))
		}
		return clean
	}
	s.Name, s.TransactionName = line("name", s.Name, true), line("transaction_name", s.TransactionName, false)
	s.Description = entry.Text(s.Description)
	form.AddError(checkText("description", s.Description, MaxDescription))
	s.Kind = entry.Key(s.Kind)
	return s, form.Err()
}

// checkText checks a text of several lines that may be empty.
func checkText(field, text string, longest int) *fault.Error {
	switch {
	case !entry.IsText(text, true):
		return fault.At(field, "control_characters")
	case utf8.RuneCountInString(text) > longest:
		return fault.At(field, "too_long").With("max", longest)
	}
	return nil
}

func searchText(s Settings) string { return store.SearchText(s.Name + "\n" + s.Description) }
