package policy

import (
	"github.com/gofiber/fiber/v2"
)

// offerView is an offer of new permissions, in words.
type offerView struct {
	ID      string
	Rules   []SaidLine
	Drafted bool
}

func (s *Screens) offers(c *fiber.Ctx, w policyWords) (views []offerView, err error) {
	list, err := s.policies.Offered(s.Ctx(c), s.Caller(c))
	for _, o := range list {
		v := offerView{ID: o.ID, Drafted: o.Drafted}
		for _, r := range o.Rules {
			v.Rules = append(v.Rules, w.ruleLine(r))
		}
		views = append(views, v)
	}
	return views, err
}

func (s *Screens) takeOffer(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.TakeOffer(s.Ctx(c), s.Caller(c), editOf(c), c.Params("id")), "toast.offer_taken")
}

func (s *Screens) dismissOffer(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.DismissOffer(s.Ctx(c), s.Caller(c), editOf(c), c.Params("id")), "toast.offer_dismissed")
}
