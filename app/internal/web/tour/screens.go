// Package tour serves the page that leads visitors through the demo firm. Only the demo has it.
package tour

import (
	"context"
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// Step is a step of the tour: what is seen where. Text ids "tour.<key>" and "tour_go.<key>".
type Step struct{ Key, Href string }

// Steps returns the steps for somebody.
type Steps func(ctx context.Context, c account.Caller) ([]Step, error)

// Screens are the page of the tour. Without steps there are none.
type Screens struct {
	*kit.Kit
	steps Steps
}

// New makes the screens; steps is nil where there is no demo firm.
func New(k *kit.Kit, steps Steps) *Screens { return &Screens{k, steps} }

// path is the address of the tour.
const path = "/tour"

// Places is the navigation entry of the tour; none without steps.
func (s *Screens) Places() []kit.Place {
	if s.steps == nil {
		return nil
	}
	may := func(_ context.Context, c account.Caller) (bool, error) { return everywhere(c), nil }
	return []kit.Place{{ID: "tour", Key: "r", Href: path, Icon: "bookmark", May: may}}
}

// everywhere says whether somebody has all roles, as the visitor of the demo has: the tour leads to places of all of them.
func everywhere(c account.Caller) bool {
	return !slices.ContainsFunc(policies.FirmRoles, func(r policies.Role) bool { return !slices.Contains(c.Roles, r) })
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	if s.steps == nil {
		return nil
	}
	return []kit.Route{kit.Get(path, kit.Firm, s.show)}
}

// page is the data of the page.
type page struct{ Steps []Step }

func (s *Screens) show(c *fiber.Ctx) error {
	if !everywhere(s.Caller(c)) {
		return policies.ErrForbidden
	}
	steps, err := s.steps(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{Page: "tour/index", Title: s.Say(c, "nav.tour"), Nav: "tour", Data: page{steps}})
}
