package authorisation

import (
	"context"
	"fmt"
	"testing"

	"github.com/uptrace/bun"

	"kontor/app/assignment"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// manyOf adds n transactions of the customer, each processed by ben.
func manyOf(w *world, n int) func(ctx context.Context, tx bun.Tx) error {
	return func(ctx context.Context, tx bun.Tx) error {
		for i := range n {
			id, name := newID(), fmt.Sprintf("Vorgang %d", i)
			_, err := tx.ExecContext(ctx, `INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
				VALUES (?, ?, ?, ?, ?, 'other', ?, ?)`, 50000+i, id, w.customer, name, store.SortKey(name), w.Now(), w.Now())
			if err != nil {
				return err
			}
			if err := assignment.Added(ctx, tx, w.customer, id); err != nil {
				return err
			}
			if _, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
				TransactionID: id, SpecialistID: w.ben.ID, CustomerID: w.customer, CreatedAt: w.Now(), CreatedBy: w.anna.ID,
			}); err != nil {
				return err
			}
		}
		return nil
	}
}

// BenchmarkMatrix measures a matrix of 200 transactions and 50 people, with 10,000 cells.
func BenchmarkMatrix(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, open(b))
			for i := range 46 {
				c := w.Specialist(fmt.Sprintf("Person %d", i))
				w.addProcessor(w.contract, c)
			}
			if err := w.db.RunInTx(w.Ctx, nil, manyOf(w, 198)); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				m, err := w.Matrix(w.Ctx, w.anna, w.customer, MatrixFilter{})
				if err != nil || len(m.Columns) != 200 || len(m.Rows) < 49 {
					b.Fatalf("%d × %d, %v", len(m.Columns), len(m.Rows), err)
				}
			}
		})
	}
}
