package web

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"

	"kontor/app/attention"
)

func (s *Server) attentionPlace() place {
	return place{id: "attention", href: "/attention", icon: "triangle-alert", may: s.attention.May, badge: s.attention.Count}
}

func (s *Server) attentionRoutes() []route {
	return []route{
		get("/attention", firm, s.showAttention),
		post("/attention/resend", firm, s.resendAll),
	}
}

// attentionPage is the data of the page Needs attention: all sections, or a later page of one.
type attentionPage struct {
	Parts  []attention.Part
	Form   *form
	Resent *resent // what has just become of Send again
	One    bool
}

// resent says what became of invitations that were to be sent again, in the person's language.
type resent struct {
	Sent    int      `json:"s"`
	Failed  int      `json:"f"`
	Reasons []string `json:"r"`
}

const resentCookie = "resent"

func (s *Server) showAttention(c *fiber.Ctx) error {
	return s.renderAttention(c, newForm(map[string]string{}), fiber.StatusOK)
}

func (s *Server) renderAttention(c *fiber.Ctx, f *form, status int) error {
	d := attentionPage{Form: f}
	var err error
	if section := attention.Section(c.Query("section")); c.Query("after") != "" && isSection(section) {
		var p attention.Part
		if p, err = s.attention.Part(s.ctx(c), s.caller(c), section, c.Query("after")); p.Len() > 0 {
			d.Parts, d.One = []attention.Part{p}, true
		}
	} else {
		d.Parts, err = s.attention.Parts(s.ctx(c), s.caller(c))
	}
	if err != nil {
		return err
	}
	if raw := s.takeSealed(c, resentCookie); raw != nil {
		var r resent
		if json.Unmarshal(raw, &r) == nil {
			d.Resent = &r
		}
	}
	title := s.say(c, "nav.attention")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "attention/index", Title: title, Nav: "attention", Status: status, Data: d})
}

func isSection(section attention.Section) bool {
	for _, s := range attention.Sections {
		if s == section {
			return true
		}
	}
	return false
}

// namesShown is how many of those who were not written to are named for each reason: the list travels in a cookie.
const namesShown = 8

// resendAll sends the invitations again that were ticked.
func (s *Server) resendAll(c *fiber.Ctx) error {
	r, err := s.attention.Resend(s.ctx(c), s.caller(c), ids(postedAll(c, "access")))
	if err != nil {
		f := newForm(map[string]string{})
		if status, ok := s.complain(c, f, err); ok {
			return s.renderAttention(c, f, status)
		}
		return err
	}
	said := resent{Sent: r.Sent, Failed: r.Failed()}
	for _, why := range r.Refused {
		text := s.say(c, "fault."+why.Message, map[string]any{"wait": s.text(c).wait(0)})
		if names := named(why.Names); names != "" {
			text = names + ": " + text
		}
		said.Reasons = append(said.Reasons, text)
	}
	raw, err := json.Marshal(said)
	if err != nil {
		return err
	}
	if err := s.setSealed(c, resentCookie, raw); err != nil {
		return err
	}
	return s.redirect(c, "/attention", "")
}

// named joins the names that are known, the first few of them.
func named(names []string) string {
	text, more := "", 0
	for _, n := range names {
		switch {
		case n == "":
		case more >= namesShown:
			return text + " …"
		case text == "":
			text, more = n, 1
		default:
			text, more = text+", "+n, more+1
		}
	}
	return text
}
