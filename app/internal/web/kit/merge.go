package kit

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/app/internal/web/text"
)

// A form that changes something with a version carries, in hidden fields, the values that its fields had when the form
// was made. If somebody else has saved in the meantime, three sets of values are merged: the values when the form was
// made, the typed values, and the values stored now. The hidden fields come from the browser and prove nothing. This is
// safe: whatever they contain, a field becomes either what was sent or what is stored, and the sender may save both.

// Overlap is the result of merging a form with what somebody else has saved since the form was made.
type Overlap struct {
	Conflicts []Conflict
	Also      []string // fields that only the other person changed: their values were taken over
	Changed
}

// Conflict is a field that both have changed, to different values.
type Conflict struct {
	Field, Mine, Theirs  string
	MineSaid, TheirsSaid string // the values in words, if the values are keys that only their page can translate
	Changed
}

// Changed says who changed something and when.
type Changed struct {
	By  string    // "" unknown
	At  time.Time // zero: unknown
	Own bool      // the same person, in another window
}

// The choices for a field in conflict.
const (
	keepMine   = "mine"
	keepTheirs = "theirs"
)

// putOver merges the typed values with the values stored now. base are the values when the form was made, as far as the
// form sent them. stored are the typed values as they would be stored.
func putOver(base, typed, stored map[string]string, now []Field) (values map[string]string, o Overlap) {
	values = maps.Clone(typed)
	for _, field := range now {
		was, known := base[field.Name]
		mine := stored[field.Name]
		switch {
		case same(mine, field.Value), known && same(field.Value, was):
		case known && same(mine, was):
			values[field.Name] = field.Value
			o.Also = append(o.Also, field.Name)
		default:
			o.Conflicts = append(o.Conflicts, Conflict{Field: field.Name, Mine: typed[field.Name], Theirs: field.Value})
		}
	}
	return values, o
}

// same says whether two values are equal apart from line ends, which browsers change, and surrounding blanks.
func same(a, b string) bool {
	clean := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	return clean(a) == clean(b)
}

// settled is the value of a field for which the person saw both values. The field itself showed mine.
func settled(typed, mine, theirs, chosen string) string {
	if chosen == keepTheirs && same(typed, mine) {
		return theirs
	}
	return typed
}

// Change is a form that changes something with a version.
type Change struct {
	Form    *Form
	Now     []Field   // the stored values of the fields that the form can change
	Subject uuid.UUID // the id of the changed thing in the log; Nil: it is not in the log
	// Stored converts typed values to the form in which they would be stored; nil: no conversion.
	Stored func(values map[string]string) map[string]string
	// Save saves the form's values if the stored version equals version. Otherwise it returns a fault "version", the
	// values stored now, and their version.
	Save func(version int) (now []Field, current int, err error)
}

// saveTries is how often a save is tried if somebody else saves first each time.
const saveTries = 5

// SaveChange saves a form and merges it with what somebody else has saved. Fields that only one of the two has changed
// are saved without asking. If both have changed a field, nothing is saved, and the form shows both values to choose
// from.
func (k *Kit) SaveChange(c *fiber.Ctx, ch Change) error {
	f := ch.Form
	base := sentBase(c, ch.Now)
	settleConflicts(c, f, base, ch.Now)
	f.Was = wasFields(base, ch.Now)
	version, err := strconv.Atoi(f.Values["version"])
	if err != nil {
		version = 0 // no stored version is 0
	}
	typed, stored := maps.Clone(f.Values), f.Values
	if ch.Stored != nil {
		stored = ch.Stored(typed)
	}
	for range saveTries {
		now, v, err := ch.Save(version)
		if !IsVersion(err) {
			return err
		}
		version = v
		f.Values, f.Overlap = putOver(base, typed, stored, now)
		f.Values["version"], f.Was = strconv.Itoa(v), now
		if err := k.tellWho(c, &f.Overlap, ch.Subject); err != nil {
			return err
		}
		if len(f.Overlap.Conflicts) > 0 {
			return fault.New(fault.Conflict, "version")
		}
	}
	return fault.New(fault.Conflict, "version")
}

// IsVersion says whether an error means that somebody else has saved in the meantime.
func IsVersion(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Code == fault.Conflict && e.Message == "version"
}

// wasField and mineField name hidden fields. The first holds the value of a field when the page was made. The second
// holds what the person had typed before a conflict was found.
func wasField(name string) string { return "was_" + name }

func mineField(name string) string { return "mine_" + name }

// sentBase are the values when the form was made, as the form sent them.
func sentBase(c *fiber.Ctx, fields []Field) map[string]string {
	base := map[string]string{}
	for _, field := range fields {
		if was, sent := formValue(c, wasField(field.Name)); sent {
			base[field.Name] = was
		}
	}
	return base
}

// wasFields are the values for Form.Was of a form that is shown again: those when the form was made.
func wasFields(base map[string]string, now []Field) (fields []Field) {
	for _, field := range now {
		if was, known := base[field.Name]; known {
			field.Value = was
		}
		fields = append(fields, field)
	}
	return fields
}

// settleConflicts sets the chosen value of each field for which the person saw both values.
func settleConflicts(c *fiber.Ctx, f *Form, base map[string]string, now []Field) {
	for _, field := range now {
		mine, remembered := formValue(c, mineField(field.Name))
		if !remembered {
			mine = f.Values[field.Name]
		}
		theirs, shown := base[field.Name]
		if !shown {
			theirs = field.Value
		}
		f.Values[field.Name] = settled(f.Values[field.Name], mine, theirs, Posted(c, "keep_"+field.Name))
	}
}

// logged is the name of a form's field in the log and in the texts. All fields of roles share the name "roles".
func logged(field string) string {
	if strings.HasPrefix(field, RoleField) {
		return "roles"
	}
	return field
}

// AlsoLogged returns the fields of Also under their names in the texts, each once.
func (o Overlap) AlsoLogged() (names []string) {
	for _, field := range o.Also {
		if name := logged(field); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Label is the text id of the field's name.
func (w Conflict) Label() string { return "field." + logged(w.Field) }

// tellWho adds who has changed the fields and when.
func (k *Kit) tellWho(c *fiber.Ctx, o *Overlap, subject uuid.UUID) error {
	if subject == uuid.Nil {
		return nil
	}
	last, err := k.Audit.LastChanges(k.Ctx(c), subject)
	if err != nil {
		return err
	}
	of := func(field string) (ch Changed) {
		if e, ok := last[logged(field)]; ok {
			ch = Changed{By: e.Actor, At: e.At, Own: e.ActorID.Valid && e.ActorID.UUID == k.Caller(c).ID}
		}
		if ch.At.After(o.At) {
			o.Changed = ch
		}
		return ch
	}
	for i := range o.Conflicts {
		o.Conflicts[i].Changed = of(o.Conflicts[i].Field)
	}
	for _, field := range o.Also {
		of(field)
	}
	return nil
}

// conflictSaid is the message that nothing was saved, with the reason.
func (k *Kit) conflictSaid(c *fiber.Ctx, o Overlap) string {
	t, n := k.Text(c), len(o.Conflicts)
	switch {
	case o.Own:
		return t.Count("conflict.own", n)
	case o.By == "":
		return t.Count("conflict.somebody", n)
	}
	return t.Count("conflict.by", n, "Name", o.By, "At", t.Short(o.At))
}

// Saved is the toast after a form was saved. It also says what somebody else has changed.
func (k *Kit) Saved(c *fiber.Ctx, f *Form) Toast {
	o := f.Overlap
	if len(o.Also) == 0 {
		return Toast{Text: "toast.saved"}
	}
	t := k.Text(c)
	var names []string
	for _, field := range o.AlsoLogged() {
		names = append(names, t.Say("field."+field))
	}
	id := "toast.saved_also_by"
	switch {
	case o.Own:
		id = "toast.saved_also_own"
	case o.By == "":
		id = "toast.saved_also"
	}
	return Toast{Text: id, Args: text.ArgMap([]any{"fields", t.Joined(names), "name", o.By})}
}

// InWords replaces the values of a field by words, which it takes from the options of the field.
func (o *Overlap) InWords(field string, choices []text.Option) {
	for i := range o.Conflicts {
		w := &o.Conflicts[i]
		if w.Field != field {
			continue
		}
		for _, choice := range choices {
			if choice.Value == w.Mine {
				w.MineSaid = choice.Text
			}
			if choice.Value == w.Theirs {
				w.TheirsSaid = choice.Text
			}
		}
	}
}
