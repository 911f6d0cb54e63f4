package demo

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
)

// matter adds the k-th transaction of the i-th client. Some are closed, some in review, some overdue, and some have a
// colleague as an additional processor.
func (f *firm) matter(ctx context.Context, cu customer.Customer, i, k int, at time.Time) error {
	by := f.keeper(i)
	id, err := uuid.NewV7AtTime(at)
	if err != nil {
		return err
	}
	number, err := transaction.Counter.Next(ctx, f.tx)
	if err != nil {
		return err
	}
	m := matters[(i+k*3)%len(matters)]
	status, due := transaction.Open, ""
	switch (i*3 + k) % 5 {
	case 0:
		status = transaction.Closed
	case 1:
		status = transaction.InReview
	}
	if (i+k)%4 != 0 {
		due = f.now.AddDate(0, 0, (i*7+k*11)%45-9).Format(time.DateOnly)
	}
	responsible := uuid.NullUUID{UUID: by.ID, Valid: (i+k)%3 > 0}
	if i%3 == 0 && k == 1 { // one that the existing specialist user answers for, as they administer the customer
		responsible.UUID, responsible.Valid = f.staff[0].ID, true
	}
	derived := transaction.Derive(number, m.name, m.kind, cu.Name())
	values := map[string]any{
		"number": number, "id": id, "customer_id": cu.ID, "name": m.name, "name_folded": derived.NameFolded, "kind": m.kind, "status": status,
		"due": due, "responsible_id": responsible, "search": derived.Search, "created_at": at, "created_by": by.ID, "updated_at": at,
	}
	if _, err := f.tx.NewInsert().Model(&values).Table("transactions").Exec(ctx); err != nil {
		return err
	}
	if !f.postgres {
		// Raw SQL: a virtual table is addressed by its rowid.
		if _, err := f.tx.ExecContext(ctx, `INSERT INTO transaction_search (rowid, text) VALUES (?, ?)`, number, derived.Trigrams); err != nil {
			return err
		}
	}
	if err := assignment.Added(ctx, f.tx, cu.ID, id); err != nil {
		return err
	}
	err = f.log(by, audit.Entry{
		At: at, Action: audit.TransactionCreated, CustomerID: store.NullID(cu.ID), SubjectID: store.NullID(id), TransactionID: store.NullID(id),
		Subject: transaction.Label(number) + " " + m.name,
	})
	if err != nil || (i+k)%5 != 0 {
		return err
	}
	// Never the existing specialist user, who tries out the demo: as an additional processor they could not try a rule
	// about additional processors and remove it again alone.
	helper := f.staff[1+(i+2)%6]
	_, err = assignment.AddProcessor(ctx, f.tx, assignment.Processor{
		TransactionID: id, SpecialistID: helper.ID, CustomerID: cu.ID, CreatedAt: at, CreatedBy: by.ID,
	})
	return err
}
