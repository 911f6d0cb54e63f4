package customer

import (
	"errors"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// start is what stands in the place of the overview while a firm has no customer: the way from an empty installation to
// the first one.
type start struct {
	Firm       string // the firm's name, "" while it has none of its own
	Manage     string // address of the firm's page, "" for people who may not change it
	Kept       bool   // messages stay in the built-in mailbox
	Mailbox    string // address of the mailbox, "" for people who may not read it
	Colleagues int    // specialist users besides the person, as far as one page of them goes
	Invite     string // address of the page that adds a specialist user, "" for people who may not
}

// FirmDone, PeopleDone say whether a step is done. The last one is not: the page is gone then.
func (d start) FirmDone() bool   { return d.Firm != "" && !d.Kept }
func (d start) PeopleDone() bool { return d.Colleagues > 0 }

// startOf returns nil unless the firm has no customer yet and the person may add one.
func (s *Screens) startOf(c *fiber.Ctx, d overview) (*start, error) {
	if !d.Add || d.Empty.Why != kit.NothingYet || len(d.Page.Rows) > 0 || d.Filter.After != "" || d.Filter.Before != "" {
		return nil, nil
	}
	b := start{Kept: s.mailbox}
	if s.Firm().Own() {
		b.Firm = s.Firm().Name()
	}
	offer := func(address *string, path string, p policies.Permission) error {
		ok, err := s.Policy.Allows(policies.Request{Roles: s.Caller(c).Roles, Object: p.Object, Action: p.Action})
		if ok {
			*address = path
		}
		return err
	}
	err := errors.Join(
		offer(&b.Manage, "/firm", policies.Permission{Object: policies.ObjectFirm, Action: policies.Manage}),
		offer(&b.Mailbox, "/mailbox", policies.Permission{Object: policies.ObjectMailbox, Action: policies.Read}),
		offer(&b.Invite, "/specialists/new", policies.Permission{Object: policies.ObjectSpecialist, Action: policies.Manage}),
	)
	if err != nil {
		return nil, err
	}
	if !b.Kept {
		b.Mailbox = ""
	}
	page, err := s.accounts.Specialists(s.Ctx(c), s.Caller(c), account.SpecialistFilter{})
	switch {
	case errors.Is(err, policies.ErrForbidden):
	case err != nil:
		return nil, err
	default:
		b.Colleagues = len(page.Items) - 1
	}
	return &b, nil
}
