package kit

import (
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/policies"
)

// IDsSent are the values of a field that repeats. What is no id is uuid.Nil, which nothing has.
func IDsSent(c *fiber.Ctx, name string) (ids []uuid.UUID) {
	for _, raw := range PostedAll(c, name) {
		ids = append(ids, uuid.FromStringOrNil(raw))
	}
	return ids
}

// Field is a field of a form and what it holds.
type Field struct{ Name, Value string }

// ValuesOf are the values of fields by the fields' names.
func ValuesOf(fields []Field) map[string]string {
	values := map[string]string{}
	for _, field := range fields {
		values[field.Name] = field.Value
	}
	return values
}

// Form is a submitted or fresh form: it remembers what was typed and what is wrong with it, and renders itself again.
type Form struct {
	Values map[string]string
	// Kept are passwords that stand in their fields again, see KeepPasswords.
	Kept  map[string]string
	Wrong map[string]string // by field, in the person's language
	// Summary lists what is wrong in the form's order; it takes the focus and links to the fields.
	Summary []wrongField
	// Read says what was understood of a field, in the person's language.
	Read map[string]string
	// Message is a complaint about the form as a whole.
	Message string
	// Submission is the once-only key of a form that creates something: sent twice, it creates once.
	IdempotencyKey string
	// Was is what the fields held when the form was made, of a form that changes something with a version; Overlap is
	// what somebody else has saved since.
	Was     []Field
	Overlap Overlap
}

// wrongField is a complaint in the summary. Named says that the message names the field itself.
type wrongField struct {
	Field, Message string
	Named          bool
}

// NewForm is a form with these values.
func NewForm(values map[string]string) *Form {
	return &Form{Values: values, Wrong: map[string]string{}}
}

// Reject notes a complaint, already in the person's language, about a field.
func (f *Form) Reject(field, message string) {
	f.Wrong[field] = message
	f.Summary = append(f.Summary, wrongField{Field: field, Message: message})
}

// Missing notes that a mandatory field is empty: the message says what to enter, and so names the field.
func (f *Form) Missing(field, message string) {
	f.Reject(field, message)
	f.Summary[len(f.Summary)-1].Named = true
}

// Rename moves the complaint about a field to the name it has on this page.
func (f *Form) Rename(from, to string) {
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

// KeepPasswords puts passwords that were sent with this request back into their fields, so that a mistake elsewhere does
// not cost them. That is safe in the answer to the very form that carried them: whoever gets it has just sent them, the
// request needed the page's CSRF token, and Cache-Control: no-store keeps the answer off every disk. They stand in no
// other answer, and a password that something is wrong with is not repeated.
func (f *Form) KeepPasswords(c *fiber.Ctx, fields ...string) {
	for _, name := range fields {
		if f.Wrong[name] != "" {
			return
		}
	}
	f.Kept = make(map[string]string, len(fields))
	for _, name := range fields {
		f.Kept[name] = Posted(c, name)
	}
}

// Once gives the form its once-only key.
func (f *Form) Once() (*Form, error) {
	id, err := uuid.NewV7()
	f.IdempotencyKey = id.String()
	return f, err
}

// ReadForm takes exactly the named fields from the request; whatever else was sent is ignored (S36).
func ReadForm(c *fiber.Ctx, fields ...string) *Form {
	values := make(map[string]string, len(fields))
	for _, name := range fields {
		values[name], _ = formValue(c, name)
	}
	f := NewForm(values)
	if id, err := uuid.FromString(Posted(c, "submission")); err == nil {
		f.IdempotencyKey = id.String()
	}
	return f
}

// formValue is a field of the form that was sent, and whether it was.
func formValue(c *fiber.Ctx, name string) (value string, sent bool) {
	return Posted(c, name), len(PostedAll(c, name)) > 0
}

// Complain puts a fault into the form and returns the status to answer with; ok is false for errors that are not the
// form's to show (the caller returns them).
func (k *Kit) Complain(c *fiber.Ctx, f *Form, err error) (status int, ok bool) {
	if h := HeldOf(c); h != nil {
		return k.complainHeld(c, h, f, err)
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
	SetRetryAfter(c, e)
	complaints := e.Fields
	if len(complaints) == 0 {
		complaints = []*fault.Error{e}
	}
	for _, w := range complaints {
		if w.Message == "required" {
			f.Missing(w.Field, k.Say(c, "required."+w.Field))
			continue
		}
		text := k.Say(c, "fault."+w.Message, k.WaitArgs(c, w))
		if w.Field == "" {
			if len(f.Overlap.Conflicts) > 0 {
				text = k.conflictSaid(c, f.Overlap)
			}
			f.Message = text
			continue
		}
		f.Reject(w.Field, text)
	}
	return Statuses[e.Code], true
}

// IDs reads the ids among the values of a field that repeats; what is no id is one that nobody has.
func IDs(values []string) []uuid.UUID {
	list := make([]uuid.UUID, 0, len(values))
	for _, v := range values {
		list = append(list, uuid.FromStringOrNil(v))
	}
	return list
}

// MayManageSpecialists says whether the caller may add and change specialist users.
func (k *Kit) MayManageSpecialists(c *fiber.Ctx) (bool, error) {
	return k.Policy.Allows(policies.Request{Roles: k.Caller(c).Roles, Object: policies.ObjectSpecialist, Action: policies.Manage})
}

// RoleField begins the name of a role's field, on is what it holds if the person has the role.
const (
	RoleField = "role."
	On        = "on"
)
