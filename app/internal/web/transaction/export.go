package transaction

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/transaction"
)

// Exported is the address of the list that is exported.
const Exported = "/transactions"

// export has the transactions that the filter of My transactions shows.
func (s *Screens) export(c *fiber.Ctx) (kit.Export, error) {
	d, caller, t := readList(c), s.Caller(c), s.Text(c)
	d.Filter.After, d.Filter.Before = "", ""
	if err := s.transactions.MayExport(caller); err != nil {
		return kit.Export{}, err
	}
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	if err != nil {
		return kit.Export{}, err
	}
	var head []string
	for _, column := range []string{
		"customers.number", "field.name", "field.kind", "transactions.customer_number", "attention.customer", "field.due", "field.responsible", "field.status",
	} {
		head = append(head, t.Say(column))
	}
	name := t.Say("nav.transactions")
	return kit.Export{
		Name: name, Sheet: name, Head: head,
		Rows: func(ctx context.Context, write func([]string) error) error {
			return s.transactions.Export(ctx, caller, d.Filter, func(tr transaction.Transaction) error {
				return write([]string{
					tr.Label(), tr.Name, KindName(t.Locale, kinds, tr.Kind), tr.Customer.Label(), tr.Customer.Name, tr.Due, tr.Responsible,
					t.Say("transaction_status." + string(tr.Status)),
				})
			})
		},
	}, nil
}
