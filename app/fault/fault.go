// Package fault has the only error type of the domain. Every error that is not a *fault.Error is an internal error: the
// web layer shows only a request id for it, never its text.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code is the kind of an error. Only the web layer turns it into an HTTP status.
type Code string

const (
	Invalid         Code = "invalid"         // input breaks a rule; Fields says which and where
	Unauthenticated Code = "unauthenticated" // nobody is signed in, or the login or password is wrong
	Forbidden       Code = "forbidden"       // the caller may see the object but not perform this action on it
	NotFound        Code = "not_found"       // it does not exist, or the caller may not know that it does
	Conflict        Code = "conflict"        // somebody else has changed the data in the meantime
	Gone            Code = "gone"            // a link that is no longer valid: used, expired, replaced
	TooMany         Code = "too_many"        // try again after RetryAfter
	Unavailable     Code = "unavailable"     // a component that Kontor needs (database, queue) does not answer
	Internal        Code = "internal"        // never used in an Error: the result of CodeOf for every other error
)

// Error is an error that a person can act on.
type Error struct {
	Code Code
	// Message is the id of a text in views/locales, without its "fault." prefix. The web layer shows it in the person's
	// language.
	Message string
	// Args fill the placeholders of the text.
	Args map[string]any
	// Field is the form field the message belongs to, or "".
	Field string
	// Fields are the errors of the single fields of a form, in the form's order, for an Invalid error about a whole
	// form.
	Fields []*Error
	// RetryAfter is set for TooMany and Unavailable.
	RetryAfter time.Duration
}

// Bytes is a number of bytes as a placeholder value. People see it with its unit.
type Bytes int64

// New makes an error without a field.
func New(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// At makes an Invalid error about one field.
func At(field, message string) *Error { return &Error{Code: Invalid, Field: field, Message: message} }

// With returns a copy with one more placeholder value.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.Args = make(map[string]any, len(e.Args)+1)
	for k, v := range e.Args {
		c.Args[k] = v
	}
	c.Args[name] = value
	return &c
}

// After returns a copy with RetryAfter.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error returns a text for logs and tests; people see the translated Message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	if e.Field != "" {
		b.WriteString(" " + e.Field)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	for i, f := range e.Fields {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s %s", sep, f.Field, f.Message)
	}
	return b.String()
}

// Is lets errors.Is compare by code, message and field, so that copies made by With and After still match.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == e.Message && t.Field == e.Field
}

// CodeOf returns the code of err, "" for nil, and Internal for every error that is not a fault.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Form collects the errors of a form, in the order in which they are added.
type Form struct{ fields []*Error }

// Add adds an error for a field, unless the field has one already.
func (f *Form) Add(field, message string) { f.AddError(At(field, message)) }

// AddError adds an error, unless it is nil or its field has one already.
func (f *Form) AddError(e *Error) {
	if e == nil || f.Has(e.Field) {
		return
	}
	f.fields = append(f.fields, e)
}

// Has says whether the field has an error.
func (f *Form) Has(field string) bool {
	for _, e := range f.fields {
		if e.Field == field {
			return true
		}
	}
	return false
}

// Err returns nil if there are no errors, otherwise one Invalid error with all Fields.
func (f *Form) Err() error {
	if len(f.fields) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Message: "form", Fields: f.fields}
}
