// Package document keeps what a business transaction consists of: folders, slots that ask for a document or an answer,
// documents and their versions, review and comments. Package blob stores the bytes.
package document

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/store"
)

// Type says what an element is.
type Type string

// The types of elements; locale keys "element_type.<type>".
const (
	Folder Type = "folder"
	Slot   Type = "slot"     // asks for one document or one answer
	File   Type = "document" // a document that lies in a folder or at the root
)

// Answer says what a slot asks for.
type Answer string

// What a slot can ask for; locale keys "answer.<answer>".
const (
	AnswerDocument Answer = "document"
	AnswerText     Answer = "text"
	AnswerNumber   Answer = "number"
	AnswerDate     Answer = "date"
	AnswerIBAN     Answer = "iban"
	AnswerYesNo    Answer = "yes_no"
)

// Answers lists what a slot can ask for, in the order in which screens show it.
var Answers = []Answer{AnswerDocument, AnswerText, AnswerNumber, AnswerDate, AnswerIBAN, AnswerYesNo}

// Options say what people may do to the structure of a folder, or of the whole transaction.
type Options struct {
	Extensible bool `json:"extensible,omitempty" yaml:"extensible,omitempty"` // folders and documents may be added in it
	Optional   bool `json:"optional,omitempty" yaml:"optional,omitempty"`     // it may be deleted
	Duplicable bool `json:"duplicable,omitempty" yaml:"duplicable,omitempty"` // it may be duplicated with all that is in it
}

// Outline is the structure of elements that a transaction begins with, before there is a transaction.
type Outline struct {
	Options  `yaml:",inline"`
	Elements []Planned `json:"elements,omitempty" yaml:"elements,omitempty"`
}

// Planned is an element of an outline.
type Planned struct {
	Type Type   `json:"type" yaml:"type"`
	Name string `json:"name" yaml:"name"`
	Help string `json:"help,omitempty" yaml:"help,omitempty"` // plain text for who answers a slot
	// Internal elements, and all that is in them, are never seen by end users.
	Internal bool `json:"internal,omitempty" yaml:"internal,omitempty"`

	// A slot's own.
	Answer   Answer   `json:"answer,omitempty" yaml:"answer,omitempty"`     // "" in other elements
	Required bool     `json:"required,omitempty" yaml:"required,omitempty"` // the transaction waits for it
	DueDays  *int     `json:"due_days,omitempty" yaml:"due_days,omitempty"` // days after the start; nil: no date of its own
	Types    []string `json:"types,omitempty" yaml:"types,omitempty"`       // groups of file types, as filetype names them; nil: all that the firm allows

	// A folder's own.
	Options  `yaml:",inline"`
	Elements []Planned `json:"elements,omitempty" yaml:"elements,omitempty"`

	// Link is a document's own: the shared document of the templates that it is. It is nil when a transaction is planned
	// without templates.
	Link uuid.UUID `json:"link,omitzero" yaml:"-"`
}

// The limits of an outline, and of a transaction.
const (
	MaxElements = 500  // of an outline; a transaction may grow beyond
	MaxDepth    = 8    // levels of folders
	MaxName     = 200  // characters
	MaxHelp     = 1000 // characters
	MaxDueDays  = 3650
)

// Check cleans an outline and says what is wrong with it. The first complaint is returned, as Invalid at
// "elements.<path>.<field>", where a path is made of positions, as in "0.2" for the third element of the first folder:
// "required", "too_long", "control_characters", "element.name_taken", "element.type_unknown", "element.answer_unknown",
// "element.due_days", "element.file_types", "element.too_many", "element.too_deep". groups are the known groups of file types.
func (o *Outline) Check(groups []string) error {
	if n := o.Count(); n > MaxElements {
		return fault.At("elements", "element.too_many").With("max", MaxElements)
	}
	return checkPlanned(o.Elements, groups, "elements", 1)
}

// Count returns the number of elements.
func (o *Outline) Count() int { return countPlanned(o.Elements) }

func countPlanned(list []Planned) (n int) {
	for _, p := range list {
		n += 1 + countPlanned(p.Elements)
	}
	return n
}

func checkPlanned(list []Planned, groups []string, path string, depth int) error {
	if depth > MaxDepth {
		return fault.At(path, "element.too_deep").With("max", MaxDepth)
	}
	names := map[string]bool{}
	for i := range list {
		p, at := &list[i], fmt.Sprint(path, ".", i)
		if err := p.check(groups, at); err != nil {
			return err
		}
		folded := store.FoldName(p.Name)
		if names[folded] {
			return fault.At(at+".name", "element.name_taken").With("name", p.Name)
		}
		names[folded] = true
		if err := checkPlanned(p.Elements, groups, at, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *Planned) check(groups []string, at string) (err error) {
	if p.Name, err = CheckName(p.Name, at+".name"); err != nil {
		return err
	}
	p.Help = entry.Text(p.Help)
	switch {
	case !entry.IsText(p.Help, true):
		return fault.At(at+".help", "control_characters")
	case utf8.RuneCountInString(p.Help) > MaxHelp:
		return fault.At(at+".help", "too_long").With("max", MaxHelp)
	case p.Type != Folder && p.Type != Slot && p.Type != File:
		return fault.At(at+".type", "element.type_unknown")
	}
	if p.Type != Folder {
		p.Extensible, p.Optional, p.Duplicable, p.Elements = false, false, false, nil
	}
	if p.Type != File {
		p.Link = uuid.Nil
	}
	if p.Type != Slot {
		p.Answer, p.Required, p.DueDays, p.Types = "", false, nil, nil
		return nil
	}
	switch {
	case !slices.Contains(Answers, p.Answer):
		return fault.At(at+".answer", "element.answer_unknown")
	case p.DueDays != nil && (*p.DueDays < 0 || *p.DueDays > MaxDueDays):
		return fault.At(at+".due_days", "element.due_days").With("max", MaxDueDays)
	}
	if p.Answer != AnswerDocument {
		p.Types = nil
	}
	for _, t := range p.Types {
		if !slices.Contains(groups, t) {
			return fault.At(at+".types", "element.file_types")
		}
	}
	return nil
}

// CheckName cleans the name of an element. Errors: Invalid at field ("required", "too_long", "control_characters").
func CheckName(typed, field string) (string, error) {
	name, complaint := customer.CleanLine(typed)
	switch {
	case complaint != "":
		return name, fault.At(field, complaint)
	case !entry.Says(name):
		return name, fault.At(field, "required")
	case utf8.RuneCountInString(name) > MaxName:
		return name, fault.At(field, "too_long").With("max", MaxName)
	}
	return name, nil
}
