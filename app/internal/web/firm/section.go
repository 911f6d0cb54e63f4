package firm

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/firm"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/phone"
	"kontor/policies"
)

// sectionPage is the data of a page with one form of settings.
type sectionPage struct {
	page
	Mark    *kit.Mark
	Options map[string][]text.Option // by field
	Roles   []roleField
}

// roleField is the field that says which daily summary people with a role get.
type roleField struct {
	Field string
	Role  policies.Role
}

// fieldsOf are the settings of a section as its form shows them.
func fieldsOf(section firm.Section, values firm.Settings) (fields []kit.Field) {
	for _, e := range firm.EntriesOf(section) {
		value := values[e.Name]
		if e.Kind == firm.Number {
			value = phone.Show(value)
		}
		fields = append(fields, kit.Field{Name: string(e.Name), Value: value})
	}
	return fields
}

func (s *Screens) show(at tab) fiber.Handler {
	return func(c *fiber.Ctx) error {
		now, err := s.firm.Fresh(s.Ctx(c), s.Caller(c))
		if err != nil {
			return err
		}
		return s.renderSection(c, at, formOf(at.section, now), fiber.StatusOK)
	}
}

// formOf is the form of a section as it is now.
func formOf(section firm.Section, now *firm.Profile) *kit.Form {
	fields := fieldsOf(section, now.Settings)
	f := kit.NewForm(kit.ValuesOf(fields))
	f.Values["version"], f.Was = strconv.Itoa(now.Version), fields
	return f
}

func (s *Screens) renderSection(c *fiber.Ctx, at tab, f *kit.Form, status int) error {
	p, now, err := s.pageOf(c, at, f)
	if err != nil {
		return err
	}
	d := sectionPage{page: p, Mark: kit.MarkOf(now.Mark), Options: map[string][]text.Option{}}
	for _, e := range firm.EntriesOf(at.section) {
		if e.Kind == firm.Choice {
			d.Options[string(e.Name)] = s.options(c, e)
			f.Overlap.InWords(string(e.Name), d.Options[string(e.Name)])
		}
	}
	if at == defaults {
		for _, r := range policies.FirmRoles {
			d.Roles = append(d.Roles, roleField{string(firm.SummaryOf(r)), r})
		}
	}
	return s.render(c, at, d, status)
}

// options are the values of a choice in words.
func (s *Screens) options(c *fiber.Ctx, e firm.Entry) (list []text.Option) {
	for _, v := range e.Values {
		id := "firm_choice." + v
		switch e.Name {
		case firm.OwnLocale, firm.NewLocale:
			if id = "locale." + v; v == firm.AnyLocale {
				id = "firm_choice." + v
			}
		case firm.Theme:
			id = "preference.theme." + v
		case firm.Density:
			id = "preference.density." + v
		default:
			if e.Section == firm.Defaults {
				id = "preference.daily_summary." + v
			}
		}
		list = append(list, text.Option{Value: v, Text: s.Say(c, id)})
	}
	return list
}

func (s *Screens) save(at tab) fiber.Handler {
	return func(c *fiber.Ctx) error {
		names := []string{"version"}
		for _, e := range firm.EntriesOf(at.section) {
			names = append(names, string(e.Name))
		}
		f := kit.ReadForm(c, names...)
		now, err := s.firm.Fresh(s.Ctx(c), s.Caller(c))
		if err != nil {
			return err
		}
		err = s.SaveChange(c, kit.Change{
			Form: f, Now: fieldsOf(at.section, now.Settings), Subject: firm.ID,
			Stored: func(typed map[string]string) map[string]string {
				values, _ := firm.Clean(at.section, typed) // Save says what is wrong
				return kit.ValuesOf(fieldsOf(at.section, values))
			},
			Save: func(version int) ([]kit.Field, int, error) {
				now, err := s.firm.Save(s.Ctx(c), s.Caller(c), firm.Edit{Section: at.section, Typed: f.Values, Version: version})
				if now == nil {
					return nil, 0, err
				}
				return fieldsOf(at.section, now.Settings), now.Version, err
			},
		})
		if err == nil {
			return s.RedirectWith(c, at.path, s.Saved(c, f))
		}
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderSection(c, at, f, status)
		}
		return err
	}
}
