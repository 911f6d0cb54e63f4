package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
)

// conflict is a field that somebody else changed to something else than what was typed here.
type conflict struct {
	Field, Mine, Theirs string
	KeepTheirs          bool // what is chosen to begin with: theirs where nothing was changed here
}

// baseField names the hidden field that remembers what a field held when the page was made.
func baseField(name string) string { return "was_" + name }

// conflictsOf compares what was typed with what is stored now. A field that only they changed begins with their value
// chosen, so that saving again without looking closely takes nothing back.
func conflictsOf(c *fiber.Ctx, f *form, now []customer.Field) (all []conflict) {
	for _, field := range now {
		mine := f.Values[field.Name]
		if mine == field.Value {
			continue
		}
		was, known := formValue(c, baseField(field.Name))
		all = append(all, conflict{field.Name, mine, field.Value, known && was == mine})
	}
	return all
}

// takeTheirs puts in the stored value of each field for which the person, shown both, chose the other one's.
func takeTheirs(c *fiber.Ctx, f *form, now []customer.Field) {
	for _, field := range now {
		if c.FormValue("keep_"+field.Name) == "theirs" {
			f.Values[field.Name] = field.Value
		}
	}
}
