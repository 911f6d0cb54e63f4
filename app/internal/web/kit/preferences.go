package kit

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/preference"
)

// Chooser stores what a person chooses; see account.Service.Choose.
type Chooser interface {
	Choose(ctx context.Context, c account.Caller, choices ...account.Choice) error
}

// Preferences returns what holds for the person: what they have chosen, else what the firm has chosen for their roles. It
// was read with the session, so asking costs nothing. Where nobody is signed in, every preference has its default.
func (k *Kit) Preferences(c *fiber.Ctx) preference.Chosen {
	if p := Signed(c); p != nil {
		return p.Account.Chosen.Or(k.firm().Preferences(p.Account.Roles))
	}
	return nil
}

// Choose stores what the person chooses, and the rest of this request goes by it. Errors: those of
// account.Service.Choose.
func (k *Kit) Choose(c *fiber.Ctx, choices ...account.Choice) error {
	if err := k.accounts.Choose(k.Ctx(c), k.Caller(c), choices...); err != nil {
		return err
	}
	p := Signed(c)
	if p == nil {
		return nil
	}
	for _, x := range choices {
		value, err := preference.Encode(x.Name, x.Values...)
		if err != nil {
			return err
		}
		p.Account.Chosen = p.Account.Chosen.With(x.Name, value)
	}
	return nil
}

// look sets how the page looks.
func (f *Frame) look(chosen preference.Chosen) {
	if theme := chosen.Get(preference.Theme); theme != preference.System {
		f.Theme = theme
	}
	f.Compact = chosen.Get(preference.Density) == preference.Compact
}
