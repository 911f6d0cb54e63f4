package web

import (
	"github.com/gofiber/fiber/v2"
)

// offerView is an offer of new rights in words.
type offerView struct {
	ID      string
	Rules   []saidLine
	Drafted bool
}

func (s *Server) offers(c *fiber.Ctx, w policyWords) (views []offerView, err error) {
	list, err := s.policies.Offered(s.ctx(c), s.caller(c))
	for _, o := range list {
		v := offerView{ID: o.ID, Drafted: o.Drafted}
		for _, r := range o.Rules {
			v.Rules = append(v.Rules, w.ruleLine(r))
		}
		views = append(views, v)
	}
	return views, err
}

func (s *Server) takeOffer(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.TakeOffer(s.ctx(c), s.caller(c), editOf(c), c.Params("id")), "toast.offer_taken")
}

func (s *Server) dismissOffer(c *fiber.Ctx) error {
	return s.plainly(c, s.policies.DismissOffer(s.ctx(c), s.caller(c), editOf(c), c.Params("id")), "toast.offer_dismissed")
}
