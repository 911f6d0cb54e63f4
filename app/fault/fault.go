// Package fault is the one error type of the domain. Whatever is not a *fault.Error is an internal error: the web
// layer shows a request id for it and never its text.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code says what kind of thing went wrong; the web layer alone turns it into an HTTP status.
type Code string

const (
	Invalid         Code = "invalid"         // input breaks a rule; Fields says which and where
	Unauthenticated Code = "unauthenticated" // nobody is signed in, or the credentials are wrong
	Forbidden       Code = "forbidden"       // the caller may see the thing but not do this with it
	NotFound        Code = "not_found"       // it does not exist, or the caller may not know that it does
	Conflict        Code = "conflict"        // somebody else was quicker
	Gone            Code = "gone"            // a link that was good once: used, expired, replaced
	TooMany         Code = "too_many"        // try again after RetryAfter
	Unavailable     Code = "unavailable"     // a part that Kontor needs (database, queue) does not answer
	Internal        Code = "internal"        // never constructed: what CodeOf says of every other error
)

// Error is an answer that a person can act on.
type Error struct {
	Code Code
	// Message is the id of a text in views/locales, without its "fault." prefix; the web layer says it in the
	// person's language.
	Message string
	// Args fill the placeholders of the text.
	Args map[string]any
	// Field is the form field the message belongs to, or "".
	Field string
	// Fields are the single complaints of an Invalid error about a whole form, in the form's order.
	Fields []*Error
	// RetryAfter goes with TooMany and Unavailable.
	RetryAfter time.Duration
}

// New makes an error without a field.
func New(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// At makes an Invalid error about one field.
func At(field, message string) *Error { return &Error{Code: Invalid, Field: field, Message: message} }

// With returns a copy that carries one more placeholder value.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.Args = make(map[string]any, len(e.Args)+1)
	for k, v := range e.Args {
		c.Args[k] = v
	}
	c.Args[name] = value
	return &c
}

// After returns a copy that says when to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error is for logs and tests; people get the translated Message.
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

// Is lets errors.Is compare by code and message, so that sentinel faults survive With and After.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == e.Message && t.Field == e.Field
}

// CodeOf is the code of err, "" for nil, Internal for everything that is not a fault.
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

// Form collects the complaints about a form, in the order in which they are added.
type Form struct{ fields []*Error }

// Add notes a complaint about a field; a field keeps its first one.
func (f *Form) Add(field, message string) { f.AddError(At(field, message)) }

// AddError notes a complaint that is already an error; nil is nothing.
func (f *Form) AddError(e *Error) {
	if e == nil || f.Has(e.Field) {
		return
	}
	f.fields = append(f.fields, e)
}

// Has says whether the field has a complaint.
func (f *Form) Has(field string) bool {
	for _, e := range f.fields {
		if e.Field == field {
			return true
		}
	}
	return false
}

// Err is nil when there is nothing to complain about, else one Invalid error with all Fields.
func (f *Form) Err() error {
	if len(f.fields) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Message: "form", Fields: f.fields}
}
