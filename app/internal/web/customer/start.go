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
	ok, err := s.Policy.Allows(policies.Request{Roles: s.Caller(c).Roles, Object: policies.ObjectMailbox, Action: policies.Read})
	if err != nil {
		return nil, err
	}
	if ok && b.Kept {
		b.Mailbox = "/mailbox"
	}
	page, err := s.accounts.Specialists(s.Ctx(c), s.Caller(c), account.SpecialistFilter{})
	switch {
	case errors.Is(err, policies.ErrForbidden):
	case err != nil:
		return nil, err
	default:
		b.Colleagues = len(page.Items) - 1
	}
	if ok, err = s.MayManageSpecialists(c); ok {
		b.Invite = "/specialists/new"
	}
	return &b, err
}
