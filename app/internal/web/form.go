package web

import (
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/fault"
)

// form is a submitted or fresh form: it remembers what was typed and what is wrong with it, and renders itself again.
type form struct {
	Values map[string]string
	// Kept are passwords that stand in their fields again, see keepPasswords.
	Kept  map[string]string
	Wrong map[string]string // by field, in the person's language
	// Summary lists what is wrong in the form's order; it takes the focus and links to the fields.
	Summary []wrongField
	// Read says what was understood of a field, in the person's language.
	Read map[string]string
	// Message is a complaint about the form as a whole.
	Message string
	// Submission is the once-only key of a form that creates something: sent twice, it creates once.
	Submission string
	// Was is what the fields held when the form was made, of a form that changes something with a version; Overlap is
	// what somebody else has saved since.
	Was     []customer.Field
	Overlap overlap
}

// wrongField is a complaint in the summary. Named says that the message names the field itself.
type wrongField struct {
	Field, Message string
	Named          bool
}

func newForm(values map[string]string) *form {
	return &form{Values: values, Wrong: map[string]string{}}
}

// wrong notes a complaint, already in the person's language, about a field.
func (f *form) wrong(field, message string) {
	f.Wrong[field] = message
	f.Summary = append(f.Summary, wrongField{Field: field, Message: message})
}

// missing notes that a mandatory field is empty: the message says what to enter, and so names the field.
func (f *form) missing(field, message string) {
	f.wrong(field, message)
	f.Summary[len(f.Summary)-1].Named = true
}

// rename moves the complaint about a field to the name it has on this page.
func (f *form) rename(from, to string) {
	if text, ok := f.Wrong[from]; ok {
		delete(f.Wrong, from)
		f.Wrong[to] = text
	}
	for i := range f.Summary {
		if f.Summary[i].Field == from {
			f.Summary[i].Field = to
		}
	}
}

// keepPasswords puts passwords that were sent with this request back into their fields, so that a mistake elsewhere does
// not cost them. That is safe in the answer to the very form that carried them: whoever gets it has just sent them, the
// request needed the page's CSRF token, and Cache-Control: no-store keeps the answer off every disk. They stand in no
// other answer, and a password that something is wrong with is not repeated.
func (f *form) keepPasswords(c *fiber.Ctx, fields ...string) {
	for _, name := range fields {
		if f.Wrong[name] != "" {
			return
		}
	}
	f.Kept = make(map[string]string, len(fields))
	for _, name := range fields {
		f.Kept[name] = posted(c, name)
	}
}

// once gives the form its once-only key.
func (f *form) once() (*form, error) {
	id, err := uuid.NewV7()
	f.Submission = id.String()
	return f, err
}

// readForm takes exactly the named fields from the request; whatever else was sent is ignored (S36).
func readForm(c *fiber.Ctx, fields ...string) *form {
	values := make(map[string]string, len(fields))
	for _, name := range fields {
		values[name], _ = formValue(c, name)
	}
	f := newForm(values)
	if id, err := uuid.FromString(posted(c, "submission")); err == nil {
		f.Submission = id.String()
	}
	return f
}

// formValue is a field of the form that was sent, and whether it was.
func formValue(c *fiber.Ctx, name string) (value string, sent bool) {
	return posted(c, name), len(postedAll(c, name)) > 0
}

// complain puts a fault into the form and returns the status to answer with; ok is false for errors that are not the
// form's to show (the caller returns them).
func (s *Server) complain(c *fiber.Ctx, f *form, err error) (status int, ok bool) {
	if h := heldOf(c); h != nil {
		return s.complainHeld(c, h, f, err)
	}
	var e *fault.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	switch e.Code {
	case fault.Invalid, fault.Conflict, fault.TooMany:
	default:
		return 0, false
	}
	setRetryAfter(c, e)
	complaints := e.Fields
	if len(complaints) == 0 {
		complaints = []*fault.Error{e}
	}
	for _, w := range complaints {
		if w.Message == "required" {
			f.missing(w.Field, s.say(c, "required."+w.Field))
			continue
		}
		text := s.say(c, "fault."+w.Message, s.waitArgs(c, w))
		if w.Field == "" {
			if len(f.Overlap.Conflicts) > 0 {
				text = s.conflictSaid(c, f.Overlap)
			}
			f.Message = text
			continue
		}
		f.wrong(w.Field, text)
	}
	return statuses[e.Code], true
}
