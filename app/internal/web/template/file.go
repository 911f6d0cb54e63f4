package template

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/lang"
	"kontor/app/template"
)

// importPage is the data of the page that imports a template.
type importPage struct {
	Form     *kit.Form
	Chunks   []string // the file that was read, see chunked
	Contents *template.Contents
	Problems []problem
	Name     string // of the template
	Count    int
	Kinds    []text.Option
	outlines
}

// problem is something that is wrong with a file, in words.
type problem struct {
	Line          int
	Path, Message string
}

// A file that was read is sent along in the page, in pieces that fit into fields of a form, until it is imported. So nothing
// has to be kept for somebody who does not come back.
const chunk = 48 << 10

func chunked(data []byte) (list []string) {
	text := base64.RawURLEncoding.EncodeToString(data)
	for piece := range slices.Chunk([]byte(text), chunk) {
		list = append(list, string(piece))
	}
	return list
}

func unchunked(list []string) []byte {
	data, err := base64.RawURLEncoding.DecodeString(strings.Join(list, ""))
	if err != nil {
		return nil
	}
	return data
}

func (s *Screens) showImport(c *fiber.Ctx) error {
	if err := s.requireManage(c); err != nil {
		return err
	}
	return s.renderImport(c, importPage{Form: none()}, fiber.StatusOK)
}

func (s *Screens) renderImport(c *fiber.Ctx, d importPage, status int) error {
	return s.render(c, kit.View{Page: "template/import", Title: s.Say(c, "template.import"), Status: status, Data: d})
}

// importFile reads a file and says what is in it; the second time, it imports it.
func (s *Screens) importFile(c *fiber.Ctx) error {
	if file := kit.SentFile(c); file != nil || len(kit.PostedAll(c, "chunk")) == 0 {
		return s.tryFile(c, file)
	}
	f := kit.ReadForm(c, "name", "kind")
	data := unchunked(kit.PostedAll(c, "chunk"))
	_, t, err := s.templates.Import(s.Ctx(c), s.Caller(c), template.Importing{
		File: data, Name: f.Values["name"], Kind: f.Values["kind"], Submission: f.IdempotencyKey,
	})
	if err == nil {
		return s.Redirect(c, pathOf(t.ID), "toast.template_imported", "name", t.Name)
	}
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	contents, _, err := s.templates.Import(s.Ctx(c), s.Caller(c), template.Importing{File: data, DryRun: true})
	if err != nil {
		return err
	}
	return s.renderContents(c, contents, data, f, status)
}

func (s *Screens) tryFile(c *fiber.Ctx, file []byte) error {
	contents, _, err := s.templates.Import(s.Ctx(c), s.Caller(c), template.Importing{File: file, DryRun: true})
	if err != nil {
		return err
	}
	f, err := kit.NewForm(map[string]string{"name": contents.Settings.Name, "kind": contents.Settings.Kind}).Once()
	if err != nil {
		return err
	}
	if !broken(contents) {
		return s.renderContents(c, contents, file, f, fiber.StatusOK)
	}
	err = fault.At("file", "template.file_wrong")
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	return s.renderContents(c, contents, file, f, status)
}

// mendable says whether a problem is mended on the page that imports the file: a name that is taken, a kind that there is
// not.
func mendable(p template.Problem) bool {
	return p.Message.Message == "template.name_taken" || p.Message.Message == "template.kind_unknown"
}

// broken says whether a file has a problem that is not mendable.
func broken(c template.Contents) bool {
	return slices.ContainsFunc(c.Problems, func(p template.Problem) bool { return !mendable(p) })
}

// renderContents shows what is in a file, or all that is wrong with it.
func (s *Screens) renderContents(c *fiber.Ctx, contents template.Contents, file []byte, f *kit.Form, status int) (err error) {
	d := importPage{Form: f, Name: contents.Settings.Name}
	if broken(contents) {
		for _, p := range contents.Problems {
			d.Problems = append(d.Problems, s.problem(c, p))
		}
		return s.renderImport(c, d, status)
	}
	for _, p := range contents.Problems {
		if field := p.Message.Field; f.Wrong[field] == "" && f.Values[field] == settingOf(contents, field) {
			f.Reject(field, s.Say(c, "fault."+p.Message.Message))
		}
	}
	d.Contents, d.Chunks, d.Count, d.outlines = &contents, chunked(file), contents.Outline.Count(), outlinesOf(contents.Outline)
	if d.Kinds, err = s.kindOptions(c, ""); err != nil {
		return err
	}
	if !slices.ContainsFunc(d.Kinds, func(o text.Option) bool { return o.Value == f.Values["kind"] }) {
		d.Kinds = append([]text.Option{{}}, d.Kinds...)
	}
	return s.renderImport(c, d, status)
}

func settingOf(c template.Contents, field string) string {
	if field == "kind" {
		return c.Settings.Kind
	}
	return c.Settings.Name
}

func (s *Screens) problem(c *fiber.Ctx, p template.Problem) problem {
	said := problem{Line: p.Line, Path: joined(p.Path)}
	if p.Message.Message == "required" {
		said.Message = s.Say(c, "required.name")
	} else {
		said.Message = s.Say(c, "fault."+p.Message.Message, s.WaitArgs(c, p.Message))
	}
	return said
}

func (s *Screens) export(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	t, packed, err := s.templates.Export(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return err
	}
	s.NameFile(c, t.Name, "zip")
	return c.Send(packed)
}

// galleryPage is the data of the gallery.
type galleryPage struct {
	Branches  []branch
	Language  string
	Languages []string
	Manage    bool
	Form      *kit.Form
}

// branch has the ready templates of a branch.
type branch struct {
	ID    string
	Ready []readyPage
}

// readyPage is the data of a ready template, in the gallery and on its own page.
type readyPage struct {
	template.Ready
	outlines
	Count    int
	At       string // its address
	Language string
	Manage   bool
	Form     *kit.Form
}

// languageOf is the language of the gallery that is asked for, else the person's.
func (s *Screens) languageOf(c *fiber.Ctx, asked string) string {
	if lang.Known(asked) {
		return asked
	}
	return s.Text(c).Locale
}

func ready(r template.Ready, locale string, manage bool) readyPage {
	return readyPage{Ready: r, outlines: outlinesOf(r.Outline), Count: r.Outline.Count(), At: galleryPath + "/" + locale + "/" + r.Key, Language: locale, Manage: manage, Form: none()}
}

func (s *Screens) listGallery(c *fiber.Ctx) error {
	manage, err := s.templates.May(s.Caller(c))
	if err != nil {
		return err
	}
	d := galleryPage{Language: s.languageOf(c, c.Query("language")), Languages: lang.All, Manage: manage, Form: none()}
	all, err := s.templates.Gallery(s.Caller(c), d.Language)
	if err != nil {
		return err
	}
	for _, r := range all {
		if n := len(d.Branches); n == 0 || d.Branches[n-1].ID != r.Branch {
			d.Branches = append(d.Branches, branch{ID: r.Branch})
		}
		last := &d.Branches[len(d.Branches)-1]
		last.Ready = append(last.Ready, ready(r, d.Language, manage))
	}
	return s.render(c, kit.View{Page: "template/gallery", Title: s.Say(c, "template.gallery"), Status: fiber.StatusOK, Data: d})
}

func (s *Screens) showReady(c *fiber.Ctx) error { return s.renderReady(c, none(), fiber.StatusOK) }

func (s *Screens) renderReady(c *fiber.Ctx, f *kit.Form, status int) error {
	manage, err := s.templates.May(s.Caller(c))
	if err != nil {
		return err
	}
	locale := c.Params("language")
	r, err := s.templates.ReadyOne(s.Caller(c), locale, c.Params("ready"))
	if err != nil {
		return err
	}
	d := ready(r, locale, manage)
	d.Form = f
	return s.render(c, kit.View{Page: "template/ready", Title: r.Settings.Name, Status: status, Data: d})
}

func (s *Screens) useReady(c *fiber.Ctx) error {
	t, err := s.templates.Use(s.Ctx(c), s.Caller(c), c.Params("language"), c.Params("ready"))
	if err == nil {
		return s.Redirect(c, pathOf(t.ID), "toast.template_used", "name", t.Name)
	}
	f := none()
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderReady(c, f, status)
	}
	return err
}
