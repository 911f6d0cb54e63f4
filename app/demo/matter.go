package demo

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
)

// matter adds the k-th transaction of the i-th client. Some are closed, some in review, some overdue, and some have a
// colleague as an additional processor.
func (f *firm) matter(ctx context.Context, cu customer.Customer, i, k int, at time.Time, by account.Account) error {
	id, err := uuid.NewV7AtTime(at)
	if err != nil {
		return err
	}
	number, err := store.NextNumber(ctx, f.tx, "transaction_number")
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
	derived := transaction.Derive(number, m.name, m.kind, cu.Name())
	if _, err := f.tx.ExecContext(ctx, `INSERT INTO transactions
		(number, id, customer_id, name, name_folded, kind, status, due, responsible_id, search, created_at, created_by, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		number, id, cu.ID, m.name, derived.NameFolded, m.kind, status, due, responsible, derived.Search, at, by.ID, at); err != nil {
		return err
	}
	if !f.postgres {
		if _, err := f.tx.ExecContext(ctx, `INSERT INTO transaction_search (rowid, text) VALUES (?, ?)`, number, derived.Trigrams); err != nil {
			return err
		}
	}
	if err := assignment.Added(ctx, f.tx, cu.ID, id); err != nil {
		return err
	}
	entry, err := uuid.NewV7AtTime(at)
	if err != nil {
		return err
	}
	known := func(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: true} }
	if _, err := f.tx.NewInsert().Model(&audit.Entry{
		ID: entry, At: at, ActorID: known(by.ID), Actor: by.Name, Action: audit.TransactionCreated, CustomerID: known(cu.ID), SubjectID: known(id),
		TransactionID: known(id), Subject: transaction.Label(number) + " " + m.name, Address: "192.0.2.10",
	}).Exec(ctx); err != nil || (i+k)%5 != 0 {
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
