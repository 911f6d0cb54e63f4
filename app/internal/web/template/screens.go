// Package template serves the pages on which templates of business transactions are kept: their list, the editor of their
// structure, versions, files and the gallery.
package template

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/internal/web/kit"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/policies"
)

// Screens are the pages of templates.
type Screens struct {
	*kit.Kit
	templates    *template.Service
	transactions *transaction.Service
}

// New makes the screens.
func New(k *kit.Kit, t *template.Service, kinds *transaction.Service) *Screens {
	return &Screens{k, t, kinds}
}

const (
	// Path is the address of the list of templates.
	Path = "/templates"
	// ImportPath takes a file with a template.
	ImportPath  = Path + "/import"
	galleryPath = Path + "/gallery"
	// MaxBody is how large a file may be that is judged at all, in bytes.
	MaxBody = template.MaxArchive
)

func pathOf(id uuid.UUID) string { return Path + "/" + id.String() }

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "templates", Key: "e", Href: Path, Icon: "layout-template", May: s.Allowed(policies.ObjectTemplate, "", policies.Read)}
}

// AddAction is the action of the palette that adds a template.
func (s *Screens) AddAction() kit.Action {
	return kit.Action{Text: "template.add", Href: Path + "/new", Icon: "plus", May: s.Allowed(policies.ObjectTemplate, "", policies.Manage)}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	const one = Path + "/:id"
	return []kit.Route{
		kit.Get(Path, kit.Firm, s.list),
		kit.Get(Path+"/new", kit.Firm, s.new),
		kit.Post(Path, kit.Firm, s.add),
		kit.Get(ImportPath, kit.Firm, s.showImport),
		kit.Post(ImportPath, kit.Firm, s.importFile).Taking(kit.PartsBody),
		kit.Get(galleryPath, kit.Firm, s.listGallery),
		kit.Get(galleryPath+"/:language/:ready", kit.Firm, s.showReady),
		kit.Post(galleryPath+"/:language/:ready", kit.Firm, s.useReady),
		kit.Get(one, kit.Firm, s.show),
		kit.Post(one+"/elements", kit.Firm, s.addElement),
		kit.Post(one+"/options", kit.Firm, s.allow),
		kit.Post(one+"/put", kit.Firm, s.put),
		kit.Get(one+"/elements/:element", kit.Firm, s.showElement),
		kit.Post(one+"/elements/:element", kit.Firm, s.saveElement),
		kit.Post(one+"/elements/:element/move", kit.Firm, s.move),
		kit.Post(one+"/elements/:element/duplicate", kit.Firm, s.duplicateElement),
		kit.Post(one+"/elements/:element/remove", kit.Firm, s.removeElement),
		kit.Post(one+"/undo/:revision", kit.Firm, s.undo),
		kit.Post(one+"/discard", kit.Firm, s.discard),
		kit.Post(one+"/publish", kit.Firm, s.publish),
		kit.Get(one+"/settings", kit.Firm, s.showSettings),
		kit.Post(one+"/settings", kit.Firm, s.saveSettings),
		kit.Get(one+"/preview", kit.Firm, s.preview),
		kit.Get(one+"/versions", kit.Firm, s.listVersions),
		kit.Get(one+"/versions/:number", kit.Firm, s.showVersion),
		kit.Get(one+"/export", kit.Firm, s.export),
		kit.Post(one+"/duplicate", kit.Firm, s.duplicate),
		kit.Post(one+"/retire", kit.Firm, s.switched(s.templates.Retire, "toast.template_retired")),
		kit.Post(one+"/reactivate", kit.Firm, s.switched(s.templates.Reactivate, "toast.template_reactivated")),
	}
}

// page is the data that all pages of one template have.
type page struct {
	Template template.Template
	Path     string
	Manage   bool
	Tab      string
	Form     *kit.Form
	Kind     string // in words
	Retired  bool   // the kind is retired
}

// pageOf loads the template that the address names.
func (s *Screens) pageOf(c *fiber.Ctx, tab string, f *kit.Form) (p page, tree template.Tree, err error) {
	manage, err := s.templates.May(s.Caller(c))
	if err != nil {
		return p, tree, err
	}
	id, err := kit.Param(c, "id")
	if err != nil {
		return p, tree, err
	}
	t, tree, err := s.templates.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return p, tree, err
	}
	p = page{Template: t, Path: pathOf(id), Manage: manage, Tab: tab, Form: f, Kind: t.Kind}
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	for _, k := range kinds {
		if k.Key == t.Kind {
			p.Kind, p.Retired = k.Name(s.Text(c).Locale), !k.Active
		}
	}
	return p, tree, err
}

// render shows a page of one template.
func (s *Screens) render(c *fiber.Ctx, v kit.View) error {
	if v.Status != fiber.StatusOK {
		v.Title = s.ErrorTitle(c, v.Title)
	}
	v.Nav = "templates"
	return s.Render(c, v)
}

func none() *kit.Form { return kit.NewForm(map[string]string{}) }
