package account

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/preference"
)

// offered is a preference that the page offers as radio buttons.
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

// fillLook sets the preferences that the page offers, and the form with what the person has chosen, unless the form was
// sent.
func (s *Screens) fillLook(c *fiber.Ctx, d *ownAccount) {
	chosen, values := s.Preferences(c), map[string]string{}
	for _, name := range looks(d.Account.Specialist) {
		o := offered{Name: string(name)}
		if e, ok := preference.Find(name); ok {
			for _, v := range e.Values {
				o.Options = append(o.Options, text.Option{Value: v, Text: s.Say(c, "preference."+o.Name+"."+v)})
			}
		}
		d.Offered = append(d.Offered, o)
		values[o.Name] = chosen.Get(name)
	}
	if d.Look == nil {
		d.Look = kit.NewForm(values)
	}
}

// saveLook stores how pages are to look. Who sends it from another page than this one comes back to that page, whose
// address is in next.
func (s *Screens) saveLook(c *fiber.Ctx) error {
	names := looks(kit.Signed(c).Account.Specialist)
	f := kit.ReadForm(c, string(preference.Theme), string(preference.Density))
	var choices []account.Choice
	for _, name := range names {
		if value := f.Values[string(name)]; value != "" {
			choices = append(choices, account.Choice{Name: name, Values: []string{value}})
		}
	}
	if err := s.Choose(c, choices...); err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderAccount(c, ownAccount{Look: f}, status)
		}
		return err
	}
	return s.Redirect(c, kit.LocalPath(kit.Posted(c, "next"), "/account"), "toast.saved")
}
