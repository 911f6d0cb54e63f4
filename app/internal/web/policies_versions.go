package web

import (
	"errors"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/policy"
	"kontor/policies"
)

func (s *Server) listVersions(c *fiber.Ctx) error {
	all, err := s.policies.Versions(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	return s.render(c, view{Page: "policies/versions", Title: s.say(c, "policy.versions"), Nav: "policies", Data: all})
}

// versionPage is the data of the page of a published version.
type versionPage struct {
	Version, Before policy.Version
	Added, Removed  []saidLine // against the version before
	InForce         bool
	Manage          bool
	Back            int // in how many lines it differs from what is in force
	Impact          impactView
	Edit            int
	Form            *form
	Second          bool // restoring it takes a second person
}

func (s *Server) versionNumber(c *fiber.Ctx) (int, error) {
	n, err := strconv.ParseInt(c.Params("version"), 10, 32)
	if err != nil {
		return 0, policy.ErrVersion
	}
	return int(n), nil
}

func (s *Server) showVersion(c *fiber.Ctx) error {
	return s.renderVersion(c, newForm(map[string]string{}), fiber.StatusOK, nil)
}

func (s *Server) renderVersion(c *fiber.Ctx, f *form, status int, why error) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	d := versionPage{Form: f, Second: errors.Is(why, policy.ErrSecond)}
	if d.Version, d.Before, err = s.policies.Version(s.ctx(c), s.caller(c), n); err != nil {
		return err
	}
	w, err := s.policyWords(c)
	if err != nil {
		return err
	}
	added, removed := policies.Diff(d.Before.Document(), d.Version.Document())
	d.Added, d.Removed = w.lines(added), w.lines(removed)
	now, err := s.policies.Current(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	d.InForce = now.Number == d.Version.Number
	draft, err := s.policies.Draft(s.ctx(c), s.caller(c))
	switch {
	case errors.Is(err, policies.ErrForbidden):
	case err != nil:
		return err
	default:
		d.Manage, d.Edit = true, draft.Edit
		added, removed := policies.Diff(now.Document(), d.Version.Document())
		d.Back = len(added) + len(removed)
		if d.Impact, err = s.impact(c, w, policy.Draft{Text: d.Version.Text, Published: now}, draftImpactTime); err != nil {
			return err
		}
	}
	title := d.Version.Label()
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "policies/version", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Server) restoreVersion(c *fiber.Ctx) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	f := readForm(c, "comment")
	v, err := s.policies.Restore(s.ctx(c), s.caller(c), n, f.Values["comment"])
	if err == nil {
		return s.redirect(c, "/policies", "toast.policy_published", "version", v.Number)
	}
	status, ok := s.complain(c, f, err)
	if !ok {
		return err
	}
	return s.renderVersion(c, f, status, err)
}

func (s *Server) takeVersion(c *fiber.Ctx) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	return s.plainly(c, s.policies.Take(s.ctx(c), s.caller(c), editOf(c), n), "toast.saved")
}
