package operation

import (
	"encoding/json"
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// mailboxSize is how many messages the mailbox page shows.
const mailboxSize = 100

// readMailbox reads the mailbox. The caller needs the permission to read it and every role that guards the system,
// because the links in the mails allow signing in as anybody. It returns fault.NotFound if there is no mailbox.
func (s *Screens) readMailbox(c *fiber.Ctx) ([]courier.Mail, error) {
	if !s.hasMailbox {
		return nil, fault.New(fault.NotFound, "page")
	}
	if err := s.Require(c, policies.ObjectMailbox, policies.Read); err != nil {
		return nil, err
	}
	if !approval.GuardsAll(s.Caller(c).Roles) {
		return nil, policies.ErrForbidden
	}
	return s.courier.Mailbox(s.Ctx(c), mailboxSize)
}

type mailboxPage struct {
	Mails []courier.Mail
	Open  *courier.Mail
}

func (s *Screens) showMailbox(c *fiber.Ctx) error {
	mails, err := s.readMailbox(c)
	if err != nil {
		return err
	}
	d := mailboxPage{Mails: mails}
	if i := indexOfMail(mails, c.Query("id")); i >= 0 {
		d.Open = &mails[i]
	} else if len(mails) > 0 {
		d.Open = &mails[0]
	}
	return s.Render(c, kit.View{Page: "operation/mailbox", Title: s.Say(c, "nav.mailbox"), Nav: "mailbox", Data: d})
}

func (s *Screens) mailboxJSON(c *fiber.Ctx) error {
	mails, err := s.readMailbox(c)
	if err != nil {
		return err
	}
	if mails == nil {
		mails = []courier.Mail{}
	}
	raw, err := json.Marshal(mails)
	if err != nil {
		return err
	}
	c.Type("json", "utf-8")
	return c.Send(raw)
}

// mailHTML shows the HTML part of a mail as a page of its own. This page has no script and no form, and loads nothing but
// the firm's logo.
func (s *Screens) mailHTML(c *fiber.Ctx) error {
	mails, err := s.readMailbox(c)
	if err != nil {
		return err
	}
	i := indexOfMail(mails, c.Params("id"))
	if i < 0 || mails[i].HTML == "" {
		return fault.New(fault.NotFound, "page")
	}
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; sandbox; frame-ancestors 'self'")
	c.Set(fiber.HeaderXFrameOptions, "SAMEORIGIN")
	c.Type("html", "utf-8")
	mark := ""
	if m := kit.MarkOf(s.Firm().Mark); m != nil {
		mark = m.Address
	}
	return c.SendString(mails[i].Page(mark))
}

func indexOfMail(mails []courier.Mail, id string) int {
	return slices.IndexFunc(mails, func(m courier.Mail) bool { return m.ID.String() == id })
}
