package transaction

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/spreadsheet"
	"kontor/app/transaction"
)

// ExportCSV and ExportWorkbook are the addresses of exports. They may take as long as kit.ExportTime.
const (
	ExportCSV      = "/transactions.csv"
	ExportWorkbook = "/transactions.xlsx"
)

// export answers with the transactions that the filter of My transactions shows, as a file.
func (s *Screens) export(ending string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		d, caller, t := readList(c), s.Caller(c), s.Text(c)
		d.Filter.After, d.Filter.Before = "", ""
		if err := s.transactions.MayExport(caller); err != nil {
			return err
		}
		kinds, err := s.transactions.Kinds(s.Ctx(c))
		if err != nil {
			return err
		}
		name := t.Say("nav.transactions")
		return s.Stream(c, kit.Download{}, kit.Table{Name: name, Ending: ending, Sheet: name}, func(ctx context.Context, w spreadsheet.Writer) error {
			var head []string
			for _, column := range []string{
				"customers.number", "field.name", "field.kind", "transactions.customer_number", "attention.customer", "field.due", "field.responsible", "field.status",
			} {
				head = append(head, t.Say(column))
			}
			if err := w.Write(head); err != nil {
				return err
			}
			return s.transactions.Export(ctx, caller, d.Filter, func(tr transaction.Transaction) error {
				return w.Write([]string{
					tr.Label(), tr.Name, KindName(t.Locale, kinds, tr.Kind), tr.Customer.Label(), tr.Customer.Name, tr.Due, tr.Responsible,
					t.Say("transaction_status." + string(tr.Status)),
				})
			})
		})
	}
}
