// Package customerimport serves the pages that import customers from a file, and the files that customers are exported to.
package customerimport

import (
	"bytes"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/customerimport"
	"kontor/app/internal/web/kit"
	"kontor/app/spreadsheet"
)

// Path is the page that takes a file. Its limits are those of an upload.
const Path = "/customers/import"

// Screens are the pages about imports.
type Screens struct {
	*kit.Kit
	imports   *customerimport.Service
	customers *customer.Service
	max       int64 // bytes of a file
}

// New makes the screens. max is how many bytes a file may have.
func New(k *kit.Kit, imports *customerimport.Service, customers *customer.Service, max int64) *Screens {
	return &Screens{Kit: k, imports: imports, customers: customers, max: max}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return append(s.ExportRoutes(Exported, s.export),
		kit.Get(Path, kit.Firm, s.askFile),
		kit.Post(Path, kit.Firm, s.upload).Taking(kit.PartsBody),
		kit.Get(Path+"/template.csv", kit.Firm, s.template("csv")),
		kit.Get(Path+"/template.xlsx", kit.Firm, s.template("xlsx")),
		kit.Get("/customers/imports/:id", kit.Firm, s.show),
		kit.Post("/customers/imports/:id/check", kit.Firm, s.check),
		kit.Post("/customers/imports/:id/again", kit.Firm, s.again),
		kit.Post("/customers/imports/:id/start", kit.Firm, s.start),
		kit.Post("/customers/imports/:id/cancel", kit.Firm, s.cancel),
		kit.Get("/customers/imports/:id/verdicts.csv", kit.Firm, s.download),
	)
}

// pathOf is the page of an import.
func pathOf(i customerimport.Import) string { return "/customers/imports/" + i.ID.String() }

// template answers with the table that people fill in. It contains nothing of the firm, so the log does not note it.
func (s *Screens) template(ending string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		may, err := s.imports.May(s.Caller(c))
		if err != nil || !may {
			return kit.OrForbidden(err)
		}
		t := s.Text(c)
		types := map[customer.Type]string{customer.Person: t.Say("type.person"), customer.Company: t.Say("type.company")}
		var file bytes.Buffer
		w, err := s.TableWriter(t, &file, ending, t.Say("nav.customers"))
		if err != nil {
			return err
		}
		if err := writeAll(w, customerimport.Template(t.Locale, types)); err != nil {
			return err
		}
		s.NameFile(c, t.Say("import.template_file"), ending)
		return c.Send(file.Bytes())
	}
}

func writeAll(w spreadsheet.Writer, rows [][]string) error {
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			return err
		}
	}
	return w.Close()
}
