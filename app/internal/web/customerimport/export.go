package customerimport

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/customerimport"
	customerpages "kontor/app/internal/web/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/spreadsheet"
)

// ExportCSV and ExportWorkbook are the addresses of exports. They may take as long as kit.ExportTime.
const (
	ExportCSV      = "/customers.csv"
	ExportWorkbook = "/customers.xlsx"
)

// export answers with the customers that the overview's filter shows, as a file that an import takes unchanged.
func (s *Screens) export(ending string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		f, caller, t := customerpages.ReadFilter(c), s.Caller(c), s.Text(c)
		f.After, f.Before = "", ""
		if err := s.customers.MayExport(caller); err != nil {
			return err
		}
		types := map[customer.Type]string{customer.Person: t.Say("type.person"), customer.Company: t.Say("type.company")}
		salutation := func(v string) string { return t.InWords("salutation", v) }
		name := t.Say("nav.customers")
		return s.Stream(c, kit.Download{}, kit.Table{Name: name, Ending: ending, Sheet: name}, func(ctx context.Context, w spreadsheet.Writer) error {
			if err := w.Write(customerimport.Headers(t.Locale)); err != nil {
				return err
			}
			return s.customers.Export(ctx, caller, f, func(e customer.Exported) error { return w.Write(customerimport.Cells(e, types, salutation)) })
		})
	}
}
