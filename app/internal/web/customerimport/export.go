package customerimport

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/customerimport"
	customerpages "kontor/app/internal/web/customer"
	"kontor/app/internal/web/kit"
)

// Exported is the address of the list that is exported.
const Exported = "/customers"

// export has the customers that the overview's filter shows, as a file that an import takes unchanged.
func (s *Screens) export(c *fiber.Ctx) (kit.Export, error) {
	f, caller, t := customerpages.ReadFilter(c), s.Caller(c), s.Text(c)
	f.After, f.Before = "", ""
	if err := s.customers.MayExport(caller); err != nil {
		return kit.Export{}, err
	}
	types := map[customer.Type]string{customer.Person: t.Say("type.person"), customer.Company: t.Say("type.company")}
	salutation := func(v string) string { return t.InWords("salutation", v) }
	name := t.Say("nav.customers")
	return kit.Export{
		Name: name, Sheet: name, Head: customerimport.Headers(t.Locale),
		Rows: func(ctx context.Context, write func([]string) error) error {
			return s.customers.Export(ctx, caller, f, func(e customer.Exported) error { return write(customerimport.Cells(e, types, salutation)) })
		},
	}, nil
}
