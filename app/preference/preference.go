// Package preference has the choices that people make for themselves: how pages look, which columns a list has, which
// mails they get. It says which there are, what their values may be, and what holds for somebody who has chosen nothing.
// Package account keeps what people have chosen, and reads it together with the session.
package preference

import (
	"slices"
	"strings"

	"kontor/app/fault"
)

// Name identifies a preference.
type Name string

// The preferences.
const (
	Theme   Name = "theme"   // the colours of pages
	Density Name = "density" // how much room the rows of lists have
	// The columns of lists, besides numbers and names.
	CustomerColumns    Name = "customer_columns"
	TransactionColumns Name = "transaction_columns"
	// Mails that people get only if they want them. The notifications about documents will be further names here.
	DailySummary Name = "daily_summary" // how much needs attention, in the morning; for specialist users
)

// The values of Theme and Density. Further ones only the browser knows: with System it decides between light and dark.
const (
	System      = "system"
	Light       = "light"
	Dark        = "dark"
	Comfortable = "comfortable"
	Compact     = "compact"
)

// The values of DailySummary. Somebody who has chosen nothing gets no summary.
const (
	Off      = "off"
	Workdays = "workdays" // Monday to Friday
	Daily    = "daily"
)

// Entry is a preference: its values and what holds without a choice. A preference with Several takes any of its values,
// in the order in which the person wants them; every other one takes exactly one.
type Entry struct {
	Name    Name
	Values  []string
	Default []string
	Several bool
}

// choice is a preference with one value, the first one unless the person has chosen.
func choice(name Name, values ...string) Entry {
	return Entry{Name: name, Values: values, Default: values[:1], Several: false}
}

// set is a preference with several of the values, in an order that the person chooses. It is for such as the columns of a
// list; without holds unless the person has chosen.
func set(name Name, values, without []string) Entry {
	return Entry{Name: name, Values: values, Default: without, Several: true}
}

// entries are all preferences. A feature that needs one adds it here.
var entries = []Entry{
	choice(Theme, System, Light, Dark),
	choice(Density, Comfortable, Compact),
	set(CustomerColumns, []string{"type", "city", "registered", "status", "changed"}, []string{"type", "city", "registered", "status"}),
	set(TransactionColumns, []string{"kind", "due", "responsible", "status"}, []string{"kind", "due", "responsible", "status"}),
	choice(DailySummary, Off, Workdays, Daily),
}

// All returns all preferences.
func All() []Entry { return slices.Clone(entries) }

// Find returns the preference with a name; ok is false when there is none.
func Find(name Name) (e Entry, ok bool) {
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return entries[i], true
}

// ErrUnknown is the answer to a preference that there is not.
var ErrUnknown = fault.New(fault.NotFound, "preference.unknown")

// between separates the values of a preference with several. No value contains it.
const between = ","

// Encode checks values and returns them as they are stored. Errors: ErrUnknown; Invalid "preference.value" with the
// preference's name as its field, when a value is not one of the preference's, occurs twice, or when there is not exactly
// one for a preference that takes one.
func Encode(name Name, values ...string) (string, error) {
	e, ok := Find(name)
	if !ok {
		return "", ErrUnknown
	}
	if !e.takes(values) {
		var form fault.Form
		form.Add(string(name), "preference.value")
		return "", form.Err()
	}
	return strings.Join(values, between), nil
}

func (e Entry) takes(values []string) bool {
	if !e.Several && len(values) != 1 {
		return false
	}
	for i, v := range values {
		if !slices.Contains(e.Values, v) || slices.Contains(values[:i], v) {
			return false
		}
	}
	return true
}

// Chosen is what a person has chosen, as it is stored. Nil is somebody who has chosen nothing, or nobody.
type Chosen map[Name]string

// List returns the values of a preference. Stored values that the preference does not have any more are left out; if none
// is left of a preference that takes one, the default holds. It returns nil for a preference that there is not.
func (c Chosen) List(name Name) []string {
	e, ok := Find(name)
	if !ok {
		return nil
	}
	stored, chosen := c[name]
	if !chosen {
		return slices.Clone(e.Default)
	}
	var values []string
	for v := range strings.SplitSeq(stored, between) {
		if slices.Contains(e.Values, v) && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	if !e.Several && len(values) != 1 {
		return slices.Clone(e.Default)
	}
	return values
}

// Get returns the value of a preference that takes one, "" for a preference that there is not.
func (c Chosen) Get(name Name) string {
	if values := c.List(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// With returns what the person has chosen after one more choice; value is as Encode returns it. It leaves c as it is.
func (c Chosen) With(name Name, value string) Chosen {
	all := Chosen{name: value}
	for n, v := range c {
		if n != name {
			all[n] = v
		}
	}
	return all
}

// Or returns what the person has chosen and, of what they have not chosen, what others holds. Stored values that the
// preference does not have any more are no choice.
func (c Chosen) Or(others Chosen) Chosen {
	all := Chosen{}
	for _, e := range entries {
		if value, ok := c.known(e); ok {
			all[e.Name] = value
		} else if value, ok := others.known(e); ok {
			all[e.Name] = value
		}
	}
	return all
}

// known returns the stored value of a preference if it has one of its values, or takes several.
func (c Chosen) known(e Entry) (value string, ok bool) {
	value, ok = c[e.Name]
	return value, ok && (e.Several || slices.Contains(e.Values, value))
}

// Decode reads what a query has put together: a line for each preference, its name, an equals sign, and its value.
func Decode(lines string) Chosen {
	chosen := Chosen{}
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, "="); ok {
			chosen[Name(name)] = value
		}
	}
	return chosen
}
