package policy

import (
	"errors"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/policy"
	"kontor/policies"
)

func (s *Screens) listVersions(c *fiber.Ctx) error {
	all, err := s.policies.Versions(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{Page: "policy/versions", Title: s.Say(c, "policy.versions"), Nav: "policies", Data: all})
}

// versionPage is the data of the page of a published version.
type versionPage struct {
	Version, Before policy.Version
	Added, Removed  []SaidLine // compared with the version before
	InForce         bool
	Manage          bool
	Back            int // number of lines that differ from the version in force
	Impact          impactView
	Edit            int
	Form            *kit.Form
	Second          bool // restoring the version needs a second person
}

func (s *Screens) versionNumber(c *fiber.Ctx) (int, error) {
	n, err := strconv.ParseInt(c.Params("version"), 10, 32)
	if err != nil {
		return 0, policy.ErrVersion
	}
	return int(n), nil
}

func (s *Screens) showVersion(c *fiber.Ctx) error {
	return s.renderVersion(c, kit.NewForm(map[string]string{}), fiber.StatusOK, nil)
}

func (s *Screens) renderVersion(c *fiber.Ctx, f *kit.Form, status int, why error) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	d := versionPage{Form: f, Second: errors.Is(why, policy.ErrSecond)}
	if d.Version, d.Before, err = s.policies.Version(s.Ctx(c), s.Caller(c), n); err != nil {
		return err
	}
	w, err := s.PolicyWords(c)
	if err != nil {
		return err
	}
	added, removed := policies.Diff(d.Before.Document(), d.Version.Document())
	d.Added, d.Removed = w.Lines(added), w.Lines(removed)
	now, err := s.policies.Current(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	d.InForce = now.Number == d.Version.Number
	draft, err := s.policies.Draft(s.Ctx(c), s.Caller(c))
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
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "policy/version", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Screens) restoreVersion(c *fiber.Ctx) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "comment")
	v, err := s.policies.Restore(s.Ctx(c), s.Caller(c), n, f.Values["comment"])
	if err == nil {
		return s.Redirect(c, "/policies", "toast.policy_published", "version", v.Number)
	}
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	return s.renderVersion(c, f, status, err)
}

func (s *Screens) takeVersion(c *fiber.Ctx) error {
	n, err := s.versionNumber(c)
	if err != nil {
		return err
	}
	return s.plainly(c, s.policies.Take(s.Ctx(c), s.Caller(c), editOf(c), n), "toast.saved")
}
