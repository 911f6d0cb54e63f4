package template

import (
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/document"
	"kontor/app/entry"
	"kontor/app/filetype"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/template"
)

// elementPage is the data of the form of one element.
type elementPage struct {
	page
	Element template.Element
	At      string // the address of the form
	Answers []text.Option
	Groups  []string
}

const typePrefix = "types_"

// elementNames are the fields of the form. Which of them an element has depends on its type.
var elementNames = func() []string {
	names := []string{"name", "help", "internal", "answer", "required", "due_days", "extensible", "optional", "duplicable"}
	for _, g := range filetype.Groups {
		names = append(names, typePrefix+g)
	}
	return names
}()

// on is the value of a box.
func on(ticked bool) string {
	if ticked {
		return kit.On
	}
	return ""
}

// elementFields are the values of an element as the fields of its form.
func elementFields(e document.Planned) []kit.Field {
	fields := []kit.Field{{Name: "name", Value: e.Name}, {Name: "help", Value: e.Help}, {Name: "internal", Value: on(e.Internal)}}
	if e.Type == document.Folder {
		return append(fields,
			kit.Field{Name: "extensible", Value: on(e.Extensible)}, kit.Field{Name: "optional", Value: on(e.Optional)}, kit.Field{Name: "duplicable", Value: on(e.Duplicable)})
	}
	days := ""
	if e.DueDays != nil {
		days = strconv.Itoa(*e.DueDays)
	}
	fields = append(fields, kit.Field{Name: "answer", Value: string(e.Answer)}, kit.Field{Name: "required", Value: on(e.Required)}, kit.Field{Name: "due_days", Value: days})
	for _, g := range filetype.Groups {
		fields = append(fields, kit.Field{Name: typePrefix + g, Value: on(slices.Contains(e.Types, g))})
	}
	return fields
}

// plannedOf is the element that a form says.
func plannedOf(t document.Type, values map[string]string) document.Planned {
	ticked := func(name string) bool { return values[name] == kit.On }
	p := document.Planned{Type: t, Name: values["name"], Help: values["help"], Internal: ticked("internal")}
	if t == document.Folder {
		p.Options = document.Options{Extensible: ticked("extensible"), Optional: ticked("optional"), Duplicable: ticked("duplicable")}
		return p
	}
	p.Answer, p.Required = document.Answer(values["answer"]), ticked("required")
	if typed := entry.Key(values["due_days"]); typed != "" {
		days, err := strconv.Atoi(typed)
		if err != nil {
			days = -1 // what is no number is no day, either
		}
		p.DueDays = &days
	}
	for _, g := range filetype.Groups {
		if ticked(typePrefix + g) {
			p.Types = append(p.Types, g)
		}
	}
	return p
}

func (s *Screens) showElement(c *fiber.Ctx) error { return s.renderElement(c, nil, fiber.StatusOK) }

func (s *Screens) renderElement(c *fiber.Ctx, f *kit.Form, status int) error {
	if err := s.requireManage(c); err != nil {
		return err
	}
	p, tree, err := s.pageOf(c, "structure", f)
	if err != nil {
		return err
	}
	key, err := elementOf(c)
	if err != nil {
		return err
	}
	e, there := tree.Element(key)
	if !there {
		return template.ErrNoElement
	}
	if f == nil {
		p.Form = kit.NewForm(kit.ValuesOf(elementFields(e.Planned)))
		p.Form.Values["version"], p.Form.Was = strconv.Itoa(p.Template.Revision), elementFields(e.Planned)
	}
	d := elementPage{page: p, Element: e, At: p.elementPath(key), Groups: filetype.Groups}
	for _, a := range document.Answers {
		d.Answers = append(d.Answers, text.Option{Value: string(a), Text: s.Say(c, "answer."+string(a))})
	}
	p.Form.Overlap.InWords("answer", d.Answers)
	for _, name := range elementNames {
		switch name {
		case "name", "help", "answer", "due_days":
		default:
			p.Form.Overlap.InWords(name, []text.Option{{Value: kit.On, Text: s.Say(c, "yes")}, {Text: s.Say(c, "no")}})
		}
	}
	return s.render(c, kit.View{Page: "template/element", Title: e.Name + " · " + p.Template.Name, Status: status, Data: d})
}

func (s *Screens) saveElement(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	if err := s.requireManage(c); err != nil {
		return err
	}
	key, err := elementOf(c)
	if err != nil {
		return err
	}
	_, tree, err := s.templates.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	was, there := tree.Element(key)
	if !there {
		return template.ErrNoElement
	}
	f := kit.ReadForm(c, append([]string{"version"}, elementNames...)...)
	var saved template.Template
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: elementFields(was.Planned),
		Save: func(version int) ([]kit.Field, int, error) {
			done, err := s.templates.Act(s.Ctx(c), s.Caller(c), id, template.Change{Key: key, Planned: plannedOf(was.Type, f.Values)}, template.Seen(version))
			saved = done.Template
			now, there := done.Tree.Element(key)
			if kit.IsVersion(err) && !there {
				return nil, 0, template.ErrNoElement
			}
			return elementFields(now.Planned), saved.Revision, err
		},
	})
	if err == nil {
		toast := s.Saved(c, f)
		if saved.Revision > 0 && len(f.Overlap.Also) == 0 {
			toast.Undo = pathOf(id) + "/undo/" + strconv.Itoa(saved.Revision)
		}
		return s.RedirectWith(c, pathOf(id)+"#e-"+strconv.Itoa(key), toast)
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderElement(c, f, status)
	}
	return err
}
