package attention

import (
	"encoding/json"
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/attention"
	"kontor/app/internal/web/kit"
)

// attentionPage is the data of the page Needs attention: the first entries of all sections, or a page of one section.
type attentionPage struct {
	Parts  []attention.Part
	Form   *kit.Form
	Resent *resent // result of the button Send again; nil: it was not pressed
	One    bool
}

// resent is the result of sending invitations again. Reasons are in the person's language.
type resent struct {
	Sent    int      `json:"s"`
	Failed  int      `json:"f"`
	Reasons []string `json:"r"`
}

const resentCookie = "resent"

func (s *Screens) showAttention(c *fiber.Ctx) error {
	return s.renderAttention(c, kit.NewForm(map[string]string{}), fiber.StatusOK)
}

func (s *Screens) renderAttention(c *fiber.Ctx, f *kit.Form, status int) error {
	d := attentionPage{Form: f}
	if section := attention.Section(c.Query("section")); slices.Contains(attention.Sections, section) {
		p, err := s.attention.Part(s.Ctx(c), s.Caller(c), section, c.Query("after"))
		if err != nil {
			return err
		}
		if p.Len() > 0 {
			d.Parts, d.One = []attention.Part{p}, true
		}
	}
	if !d.One {
		parts, err := s.attention.Parts(s.Ctx(c), s.Caller(c))
		if err != nil {
			return err
		}
		d.Parts = parts
	}
	if raw := s.TakeSealed(c, resentCookie); raw != nil {
		var r resent
		if json.Unmarshal(raw, &r) == nil {
			d.Resent = &r
		}
	}
	title := s.Say(c, "nav.attention")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "attention/index", Title: title, Nav: "attention", Status: status, Data: d})
}

// namesShown is how many names are shown for each reason why an invitation was not sent. It is small because the list is
// stored in a cookie.
const namesShown = 8

// resendAll sends the selected invitations again.
func (s *Screens) resendAll(c *fiber.Ctx) error {
	r, err := s.attention.Resend(s.Ctx(c), s.Caller(c), kit.IDsSent(c, "access"))
	if err != nil {
		f := kit.NewForm(map[string]string{})
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderAttention(c, f, status)
		}
		return err
	}
	said := resent{Sent: r.Sent, Failed: r.Failed()}
	for _, why := range r.Refused {
		text := s.Say(c, "fault."+why.Message, map[string]any{"wait": s.Text(c).Wait(0)})
		if names := named(why.Names); names != "" {
			text = names + ": " + text
		}
		said.Reasons = append(said.Reasons, text)
	}
	raw, err := json.Marshal(said)
	if err != nil {
		return err
	}
	if err := s.SetSealed(c, resentCookie, raw); err != nil {
		return err
	}
	return s.Redirect(c, "/attention", "")
}

// named joins the first few names that are known.
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
