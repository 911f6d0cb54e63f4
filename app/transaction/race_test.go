package transaction

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/policies"
)

// TestAssignWhileCreating: transactions are added while administrators and processors change and lists are read.
// Afterwards the index has no row too few and no row too many.
func TestAssignWhileCreating(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		const rounds = 40
		people := []account.Caller{w.ben, w.clara, w.Person("Dora Dach", true, policies.Specialist)}
		first := w.create(w.anna, w.customer, "Erster")
		var wg sync.WaitGroup
		try := func(what string, err error) {
			assert.NoError(t, err, what)
		}
		for g := range 2 {
			wg.Go(func() {
				for i := range rounds {
					try("create", third(w.Create(ctx, w.anna, w.customer.ID, Form{Name: fmt.Sprintf("%d von %d", i, g)})))
				}
			})
		}
		for _, p := range people {
			wg.Go(func() {
				for i := range rounds {
					try("assign", w.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
						switch i % 4 {
						case 0:
							_, err = assignment.AddAdministrator(ctx, tx, assignment.Administrator{
								CustomerID: w.customer.ID, SpecialistID: p.ID, CreatedAt: w.Now(), CreatedBy: w.anna.ID,
							})
						case 1:
							_, err = assignment.AddProcessor(ctx, tx, assignment.Processor{
								TransactionID: first.ID, SpecialistID: p.ID, CustomerID: w.customer.ID, CreatedAt: w.Now(), CreatedBy: w.anna.ID,
							})
						case 2:
							_, _, err = assignment.RemoveAdministrator(ctx, tx, w.customer.ID, p.ID)
						case 3:
							_, _, err = assignment.RemoveProcessor(ctx, tx, w.customer.ID, p.ID, first.ID)
						}
						return err
					}))
				}
			})
			wg.Go(func() {
				for range rounds {
					try("list", second(w.List(ctx, p, Filter{})))
				}
			})
		}
		wg.Wait()
		diff, err := assignment.Check(ctx, w.db, 5)
		require.NoError(t, err, "index and facts differ")
		assert.Empty(t, diff, "index and facts differ")
		got := len(w.names(w.anna, Filter{}))
		assert.Equal(t, 2*rounds+1, got, "the administrator sees %d of %d", got, 2*rounds+1)
	})
}

// TestRevokeThenList: a person whose assignment was removed finds nothing in the very next list, search, log condition
// or page (S25).
func TestRevokeThenList(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		tr := w.create(w.anna, w.customer, "Vertrag")
		stale := 0
		for i := range 30 {
			w.addProcessor(tr, w.ben)
			w.addAdministrator(w.customer, w.clara)
			require.Len(t, w.names(w.ben, Filter{}), 1, "round %d: assigned and not in the list", i)
			require.Len(t, w.names(w.clara, Filter{}), 1, "round %d: assigned and not in the list", i)
			w.InTx(func(_ context.Context, tx bun.Tx) error {
				if _, _, err := assignment.RemoveProcessor(ctx, tx, w.customer.ID, w.ben.ID, tr.ID); err != nil {
					return err
				}
				_, _, err := assignment.RemoveAdministrator(ctx, tx, w.customer.ID, w.clara.ID)
				return err
			})
			for _, p := range []account.Caller{w.ben, w.clara} {
				stale += len(w.names(p, Filter{})) + len(w.names(p, Filter{Query: "vertrag"}))
				if _, err := w.Get(ctx, p, tr.ID); err == nil {
					stale++
				}
			}
		}
		assert.Equal(t, 0, stale, "stale answers")
	})
}

// TestSameNameAtOnce: of two concurrent additions with the same name one is refused. A form that is sent twice at once
// adds one transaction.
func TestSameNameAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for i := range 20 {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() { _, _, _ = w.Create(ctx, w.anna, w.customer.ID, Form{Name: fmt.Sprint("Gleich ", i)}) })
				wg.Go(func() {
					_, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: fmt.Sprint("Einmal ", i), IdempotencyKey: fmt.Sprint(i)})
					assert.NoError(t, err)
				})
			}
			wg.Wait()
		}
		assert.Equal(t, 40, w.Number(`SELECT count(*) FROM transactions`), "transactions")
	})
}
