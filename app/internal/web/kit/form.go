package kit

import (
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/policies"
)

// IDsSent returns the ids in a field that was sent several times. A value that is not an id becomes uuid.Nil, which no
// record has.
func IDsSent(c *fiber.Ctx, name string) []uuid.UUID { return IDs(PostedAll(c, name)) }

// Field is a field of a form with its value.
type Field struct{ Name, Value string }

// ValuesOf returns the values of fields by field name.
func ValuesOf(fields []Field) map[string]string {
	values := map[string]string{}
	for _, field := range fields {
		values[field.Name] = field.Value
	}
	return values
}

// Form is a form, new or submitted. It holds the values and the complaints about them, so that it can be shown again.
type Form struct {
	Values map[string]string
	// Kept are passwords that are put back into their fields, see KeepPasswords.
	Kept  map[string]string
	Wrong map[string]string // complaints by field, in the person's language
	// Summary lists the complaints in the order of the fields. The page sets the focus on it, and each complaint links to
	// its field.
	Summary []wrongField
	// Read says how a field was understood, in the person's language.
	Read map[string]string
	// Message is a complaint about the form as a whole.
	Message string
	// IdempotencyKey is the key of a form that creates something. If the form is sent twice with the same key, only one
	// record is created.
	IdempotencyKey string
	// Was holds the values of the fields when the form was made; only for forms that change something with a version.
	// Overlap is what somebody else has saved since then.
	Was     []Field
	Overlap Overlap
}

// wrongField is a complaint in the summary. Named is set when the message already names the field.
type wrongField struct {
	Field, Message string
	Named          bool
}

// NewForm is a form with these values.
func NewForm(values map[string]string) *Form {
	return &Form{Values: values, Wrong: map[string]string{}}
}

// Reject adds a complaint about a field. The message is in the person's language.
func (f *Form) Reject(field, message string) {
	f.Wrong[field] = message
	f.Summary = append(f.Summary, wrongField{Field: field, Message: message})
}

// Missing adds the complaint that a mandatory field is empty. The message says what to enter, so it names the field
// already.
func (f *Form) Missing(field, message string) {
	f.Reject(field, message)
	f.Summary[len(f.Summary)-1].Named = true
}

// Rename moves the complaints about the field from to the field to, for pages where the field has another name.
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

// KeepPasswords puts the passwords of this request back into their fields, so that a mistake in another field does not
// force people to type them again. This is safe in the answer to the form that carried them: the person who gets the
// answer has just sent the passwords, the request needed the page's CSRF token, and Cache-Control: no-store keeps the
// answer from being stored on disk. No other answer contains them. If one of the passwords is wrong itself, none is kept.
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

// Once gives the form a new IdempotencyKey.
func (f *Form) Once() (*Form, error) {
	id, err := uuid.NewV7()
	f.IdempotencyKey = id.String()
	return f, err
}

// ReadForm reads exactly the named fields from the request. It ignores all other fields (S36).
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

// formValue returns a field of the form that was sent, and whether the field was sent.
func formValue(c *fiber.Ctx, name string) (value string, sent bool) {
	return Posted(c, name), len(PostedAll(c, name)) > 0
}

// Complain adds a fault to the form and returns the status of the answer. ok is false for errors that the form can't
// show; the caller has to return these.
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

// IDs parses the values of a field that was sent several times as ids. A value that is not an id becomes uuid.Nil, which
// no record has.
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

// RoleField is the prefix of the name of a role's field. On is the field's value if the person has the role.
const (
	RoleField = "role."
	On        = "on"
)
