package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
)

// conflict is a field that somebody else changed to something else than what was typed here.
type conflict struct {
	Field, Mine, Theirs  string
	MineSaid, TheirsSaid string // in words, where the values are keys that only their page knows
	KeepTheirs           bool   // what is chosen to begin with: theirs where nothing was changed here
}

// baseField and mineField name the hidden fields that remember what a field held when the page was made, and what a
// person had typed into it before somebody else's change was found.
func baseField(name string) string { return "was_" + name }
func mineField(name string) string { return "mine_" + name }

// conflictsOf compares what was typed with what is stored now. A field that only they changed begins with their value,
// so that saving again without looking closely takes nothing back.
func conflictsOf(c *fiber.Ctx, f *form, now []customer.Field) (all []conflict) {
	for _, field := range now {
		mine := f.Values[field.Name]
		if mine == field.Value {
			continue
		}
		was, known := formValue(c, baseField(field.Name))
		theirs := known && was == mine
		all = append(all, conflict{Field: field.Name, Mine: mine, Theirs: field.Value, KeepTheirs: theirs})
		if theirs {
			f.Values[field.Name] = field.Value
		}
	}
	return all
}

// settleConflicts puts in the value that was chosen for each field of which the person was shown both. What they typed
// into the field below after that counts more than the choice.
func settleConflicts(c *fiber.Ctx, f *form, now []customer.Field) {
	for _, field := range now {
		chosen := posted(c, "keep_"+field.Name)
		mine, remembered := formValue(c, mineField(field.Name))
		was, _ := formValue(c, baseField(field.Name))
		typed := f.Values[field.Name]
		switch {
		case chosen == "", remembered && typed != mine && typed != was:
		case chosen == "theirs":
			f.Values[field.Name] = field.Value
		case remembered:
			f.Values[field.Name] = mine
		}
	}
}
