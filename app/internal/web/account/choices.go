package account

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/preference"
)

// choices is a form that offers preferences as radio buttons.
type choices struct {
	Form    *kit.Form
	Offered []offered
}

// offered is a preference with its values.
type offered struct {
	Name    string
	Options []text.Option
}

// looks are the preferences of how pages look. End users have no lists whose rows could be closer together.
func looks(specialist bool) []preference.Name {
	if specialist {
		return []preference.Name{preference.Theme, preference.Density}
	}
	return []preference.Name{preference.Theme}
}

// mails are the preferences of which mails a person gets. End users have no *Needs attention*.
func mails(specialist bool) []preference.Name {
	if specialist {
		return []preference.Name{preference.DailySummary}
	}
	return nil
}

// offer makes the form of some preferences: with what was sent, or else with what the person has chosen.
func (s *Screens) offer(c *fiber.Ctx, names []preference.Name, sent *kit.Form) choices {
	chosen, values, all := s.Preferences(c), map[string]string{}, choices{Form: sent}
	for _, name := range names {
		o := offered{Name: string(name)}
		if e, ok := preference.Find(name); ok {
			for _, v := range e.Values {
				o.Options = append(o.Options, text.Option{Value: v, Text: s.Say(c, "preference."+o.Name+"."+v)})
			}
		}
		all.Offered = append(all.Offered, o)
		values[o.Name] = chosen.Get(name)
	}
	if sent == nil {
		all.Form = kit.NewForm(values)
	}
	return all
}

// choose stores what was sent of some preferences and does not hold already: so what the firm changes later still reaches
// people who have left it as it was. It returns the form for the case that it is wrong.
func (s *Screens) choose(c *fiber.Ctx, names []preference.Name) (*kit.Form, error) {
	fields := make([]string, len(names))
	for i, name := range names {
		fields[i] = string(name)
	}
	f := kit.ReadForm(c, fields...)
	holds := s.Preferences(c)
	var list []account.Choice
	for i, name := range names {
		if value := f.Values[fields[i]]; value != "" && value != holds.Get(name) {
			list = append(list, account.Choice{Name: name, Values: []string{value}})
		}
	}
	return f, s.Choose(c, list...)
}

// saveLook stores how pages are to look. Who sends it from another page than this one comes back to that page, whose
// address is in next.
func (s *Screens) saveLook(c *fiber.Ctx) error {
	if f, err := s.choose(c, looks(kit.Signed(c).Account.Specialist)); err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Look: choices{Form: f}}, status)
		}
		return err
	}
	return s.Redirect(c, kit.LocalPath(kit.Posted(c, "next"), "/account"), "toast.saved")
}

// saveMails stores which mails the person gets.
func (s *Screens) saveMails(c *fiber.Ctx) error {
	if f, err := s.choose(c, mails(kit.Signed(c).Account.Specialist)); err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Mails: choices{Form: f}}, status)
		}
		return err
	}
	return s.Redirect(c, "/account", "toast.saved")
}
