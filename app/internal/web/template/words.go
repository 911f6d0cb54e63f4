package template

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/document"
	"kontor/app/internal/web/text"
	"kontor/app/template"
)

// change is a difference between two structures in words.
type change struct {
	Kind   template.ChangeKind
	Text   string
	Fields []fieldChange
}

// fieldChange is a changed value in words. Old and New are "" where it is enough to say that it has changed.
type fieldChange struct{ Field, Old, New string }

// joined is the way to an element: the names of its folders and its own.
func joined(path []string) string { return strings.Join(path, " › ") }

// changes puts differences into words.
func (s *Screens) changes(c *fiber.Ctx, list []template.Difference) (said []change) {
	t := s.Text(c)
	for _, d := range list {
		ch := change{Kind: d.Kind, Text: joined(d.Path)}
		switch {
		case len(d.Path) == 0:
			ch.Text = t.Say("template_diff.whole")
		case d.Was != nil:
			ch.Text = t.Say("template_diff.from", "path", joined(d.Path), "was", within(t, d.Was))
		}
		for _, f := range d.Fields {
			ch.Fields = append(ch.Fields, fieldChange{t.Say("field." + f.Field), valueSaid(t, f.Old), valueSaid(t, f.New)})
		}
		said = append(said, ch)
	}
	return said
}

// within is where an element was.
func within(t *text.Texts, path []string) string {
	if len(path) < 2 {
		return t.Say("template_diff.root")
	}
	return joined(path[:len(path)-1])
}

// valueSaid is a value of an element in words.
func valueSaid(t *text.Texts, value any) string {
	switch v := value.(type) {
	case bool:
		if v {
			return t.Say("yes")
		}
		return t.Say("no")
	case document.Answer:
		return t.Say("answer." + string(v))
	case int:
		if v < 0 {
			return t.Say("template.no_due")
		}
		return t.Count("template.due_days", v)
	case []string:
		if len(v) == 0 {
			return t.Say("template.any_type")
		}
		words := make([]string, len(v))
		for i, g := range v {
			words[i] = t.Say("file_group." + g)
		}
		return t.JoinedBy("or", words)
	case string:
		if v == "" {
			return t.Say("empty.value")
		}
		return v
	}
	return ""
}
