package customerimport

import (
	"context"
	"io"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/customerimport"
	customerpages "kontor/app/internal/web/customer"
	"kontor/app/internal/web/kit"
)

// ExportCSV and ExportWorkbook are the addresses of exports. They may take as long as kit.ExportTime.
const (
	ExportCSV      = "/customers.csv"
	ExportWorkbook = "/customers.xlsx"
)

// export answers with the customers that the overview's filter shows, as a file that an import takes unchanged. It is sent
// while it is read. If reading fails, the answer ends without its end, so that the browser says that the file is
// incomplete.
func (s *Screens) export(ending string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		f, caller, t := customerpages.ReadFilter(c), s.Caller(c), s.Text(c)
		f.After, f.Before = "", ""
		if err := s.customers.MayExport(caller); err != nil {
			return err
		}
		if err := s.NoteDownload(c, kit.Download{}); err != nil {
			return err
		}
		types := map[customer.Type]string{customer.Person: t.Say("type.person"), customer.Company: t.Say("type.company")}
		salutation := func(v string) string { return t.InWords("salutation", v) }
		s.NameFile(c, t.Say("nav.customers"), ending)
		if c.Method() == fiber.MethodHead {
			return nil
		}
		from, to := io.Pipe()
		table := func(to io.Writer) error {
			w, err := s.TableWriter(t, to, ending, t.Say("nav.customers"))
			if err != nil {
				return err
			}
			if err := w.Write(customerimport.Headers(t.Locale)); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(context.Background(), kit.ExportTime)
			defer cancel()
			err = s.customers.Export(ctx, caller, f, func(e customer.Exported) error { return w.Write(customerimport.Cells(e, types, salutation)) })
			if err != nil {
				return err
			}
			return w.Close()
		}
		log, request := s.Log, kit.RequestID(c)
		go func() {
			err := table(to)
			if err != nil {
				log.Warn("an export was not completed", "request", request, "error", err)
			}
			_ = to.CloseWithError(err)
		}()
		c.Context().SetBodyStream(from, -1)
		return nil
	}
}
