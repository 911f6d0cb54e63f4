package template

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/document"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/template"
)

// previewPage is the data of the page that shows what both sides will see.
type previewPage struct {
	page
	outlines
}

// outlines are a structure as each side sees it.
type outlines struct {
	Firm, Customer document.Outline
}

func outlinesOf(o document.Outline) outlines {
	return outlines{o, document.Outline{Options: o.Options, Elements: open(o.Elements)}}
}

// open leaves out what is internal.
func open(list []document.Planned) (seen []document.Planned) {
	for _, p := range list {
		if !p.Internal {
			p.Elements = open(p.Elements)
			seen = append(seen, p)
		}
	}
	return seen
}

func (s *Screens) preview(c *fiber.Ctx) error {
	p, tree, err := s.pageOf(c, "preview", none())
	if err != nil {
		return err
	}
	return s.render(c, kit.View{
		Page: "template/preview", Title: p.Template.Name, Status: fiber.StatusOK, Data: previewPage{p, outlinesOf(tree.Outline())},
	})
}

// versionsPage is the data of the list of versions.
type versionsPage struct {
	page
	Versions []template.Version
}

func (s *Screens) listVersions(c *fiber.Ctx) error {
	p, _, err := s.pageOf(c, "versions", none())
	if err != nil {
		return err
	}
	list, err := s.templates.Versions(s.Ctx(c), s.Caller(c), p.Template.ID)
	if err != nil {
		return err
	}
	return s.render(c, kit.View{Page: "template/versions", Title: p.Template.Name, Status: fiber.StatusOK, Data: versionsPage{p, list}})
}

// versionPage is the data of the page of one version.
type versionPage struct {
	page
	Version template.Version
	Against int // 0: compared with nothing
	Others  []text.Option
	Changes []change
	Outline document.Outline
}

func (s *Screens) showVersion(c *fiber.Ctx) error {
	p, _, err := s.pageOf(c, "versions", none())
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(c.Params("number"))
	if err != nil {
		return template.ErrNoVersion
	}
	v, tree, err := s.templates.VersionAt(s.Ctx(c), s.Caller(c), p.Template.ID, number)
	if err != nil {
		return err
	}
	d := versionPage{page: p, Version: v, Against: number - 1, Outline: tree.Outline()}
	if asked, err := strconv.Atoi(c.Query("against")); err == nil && asked != number {
		d.Against = asked
	}
	for n := p.Template.Version; n >= 1; n-- {
		if n != number {
			d.Others = append(d.Others, text.Option{Value: strconv.Itoa(n), Text: s.Say(c, "template.version_n", "version", n)})
		}
	}
	if d.Against > 0 {
		diff, err := s.templates.Diff(s.Ctx(c), s.Caller(c), p.Template.ID, d.Against, number)
		if err != nil {
			return err
		}
		d.Changes = s.changes(c, diff)
	}
	return s.render(c, kit.View{Page: "template/version", Title: p.Template.Name, Status: fiber.StatusOK, Data: d})
}
