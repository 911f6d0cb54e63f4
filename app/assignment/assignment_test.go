package assignment_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"kontor/app/assignment"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// firm is a customer, two specialist users and two transactions, written as rows: this room knows no others.
type firm struct {
	t        *testing.T
	db       *store.DB
	customer uuid.UUID
	anna     uuid.UUID
	ben      uuid.UUID
	first    uuid.UUID
	second   uuid.UUID
}

var at = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func newFirm(t *testing.T, db *store.DB) *firm {
	f := &firm{t: t, db: db, customer: newID(), anna: newID(), ben: newID()}
	for _, id := range []uuid.UUID{f.anna, f.ben} {
		f.exec(`INSERT INTO account (id, specialist, name, username, username_folded, email, email_folded, created_at)
			VALUES (?, TRUE, 'Somebody', ?, ?, ?, ?, ?)`, id, id.String(), id.String(), id.String(), id.String(), at)
	}
	f.exec(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
		VALUES (10001, ?, 'person', 'de', 'a', 'a', '', ?, ?)`, f.customer, at, at)
	f.first, f.second = f.add(10001, "Tax return"), f.add(10002, "Contract")
	return f
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func (f *firm) exec(sql string, args ...any) {
	f.t.Helper()
	_, err := f.db.ExecContext(context.Background(), sql, args...)
	require.NoError(f.t, err, sql)
}

func (f *firm) add(number int, name string) uuid.UUID {
	f.t.Helper()
	id := newID()
	f.in(func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, 'other', ?, ?)`, number, id, f.customer, name, name, at.Add(time.Duration(number)*time.Microsecond), at)
		if err != nil {
			return err
		}
		return assignment.Added(ctx, tx, f.customer, id)
	})
	return id
}

func (f *firm) in(do func(ctx context.Context, tx bun.Tx) error) {
	f.t.Helper()
	require.NoError(f.t, f.db.InTx(context.Background(), do))
}

// masks returns the relations in the index: those of Anna to the first and second transaction, then those of Ben.
func (f *firm) masks() string {
	f.t.Helper()
	mask := func(person, transaction uuid.UUID) (m int) {
		err := f.db.NewRaw(`SELECT COALESCE(SUM(relmask), 0) FROM transaction_visible WHERE specialist_id = ? AND transaction_id = ?`,
			person, transaction).Scan(context.Background(), &m)
		require.NoError(f.t, err)
		return m
	}
	return fmt.Sprint(mask(f.anna, f.first), mask(f.anna, f.second), mask(f.ben, f.first), mask(f.ben, f.second))
}

func (f *firm) sound() {
	f.t.Helper()
	list, err := assignment.Check(context.Background(), f.db, 10)
	require.NoError(f.t, err, "index and facts differ")
	assert.Empty(f.t, list, "index and facts differ")
}

// TestIndexFollowsFacts: adding, repeating and removing each assignment, alone and together with another, in one tx
// with the index.
func TestIndexFollowsFacts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFirm(t, db)
		administrator := func(id uuid.UUID) assignment.Administrator {
			return assignment.Administrator{CustomerID: f.customer, SpecialistID: id, CreatedAt: at, CreatedBy: f.anna}
		}
		processor := func(id, transaction uuid.UUID) assignment.Processor {
			return assignment.Processor{TransactionID: transaction, SpecialistID: id, CustomerID: f.customer, CreatedAt: at, CreatedBy: f.anna}
		}
		for _, step := range []struct {
			name  string
			do    func(ctx context.Context, tx bun.Tx) (bool, error)
			done  bool
			masks string
		}{
			{"add administrator Anna", func(ctx context.Context, tx bun.Tx) (bool, error) {
				return assignment.AddAdministrator(ctx, tx, administrator(f.anna))
			}, true, "1 1 0 0"},
			{"add the administrator again", func(ctx context.Context, tx bun.Tx) (bool, error) {
				return assignment.AddAdministrator(ctx, tx, administrator(f.anna))
			}, false, "1 1 0 0"},
			{"add processor Ben to the second", func(ctx context.Context, tx bun.Tx) (bool, error) {
				return assignment.AddProcessor(ctx, tx, processor(f.ben, f.second))
			}, true, "1 1 0 2"},
			{"add processor Anna to the first", func(ctx context.Context, tx bun.Tx) (bool, error) {
				return assignment.AddProcessor(ctx, tx, processor(f.anna, f.first))
			}, true, "3 1 0 2"},
			{"add administrator Ben", func(ctx context.Context, tx bun.Tx) (bool, error) {
				return assignment.AddAdministrator(ctx, tx, administrator(f.ben))
			}, true, "3 1 1 3"},
			{"remove administrator Anna", func(ctx context.Context, tx bun.Tx) (bool, error) {
				_, ok, err := assignment.RemoveAdministrator(ctx, tx, f.customer, f.anna)
				return ok, err
			}, true, "2 0 1 3"},
			{"remove the administrator again", func(ctx context.Context, tx bun.Tx) (bool, error) {
				_, ok, err := assignment.RemoveAdministrator(ctx, tx, f.customer, f.anna)
				return ok, err
			}, false, "2 0 1 3"},
			{"remove processor Ben", func(ctx context.Context, tx bun.Tx) (bool, error) {
				_, ok, err := assignment.RemoveProcessor(ctx, tx, f.customer, f.ben, f.second)
				return ok, err
			}, true, "2 0 1 1"},
			{"remove processor Anna at another customer", func(ctx context.Context, tx bun.Tx) (bool, error) {
				_, ok, err := assignment.RemoveProcessor(ctx, tx, newID(), f.anna, f.first)
				return ok, err
			}, false, "2 0 1 1"},
			{"remove processor Anna", func(ctx context.Context, tx bun.Tx) (bool, error) {
				_, ok, err := assignment.RemoveProcessor(ctx, tx, f.customer, f.anna, f.first)
				return ok, err
			}, true, "0 0 1 1"},
		} {
			f.in(func(ctx context.Context, tx bun.Tx) error {
				done, err := step.do(ctx, tx)
				assert.Equal(t, step.done, done)
				return err
			})
			assert.Equal(t, step.masks, f.masks())
			f.sound()
		}
		third := f.add(10003, "Loan")
		var n int
		err := db.NewRaw(`SELECT count(*) FROM transaction_visible WHERE transaction_id = ?`, third).Scan(context.Background(), &n)
		require.NoError(t, err, "a new transaction is in the index of %d people", n)
		assert.Equal(t, 1, n)
		f.sound()
	})
}

// TestRebuild: Check finds and Rebuild repairs rows that were changed by hand.
func TestRebuild(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := newFirm(t, db)
		ctx := context.Background()
		f.in(func(ctx context.Context, tx bun.Tx) error {
			_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{CustomerID: f.customer, SpecialistID: f.anna, CreatedAt: at, CreatedBy: f.anna})
			return err
		})
		f.exec(`DELETE FROM transaction_visible WHERE transaction_id = ?`, f.first)
		f.exec(`UPDATE transaction_visible SET relmask = 3 WHERE transaction_id = ?`, f.second)
		f.exec(`INSERT INTO transaction_visible (specialist_id, created_at, transaction_id, relmask) VALUES (?, ?, ?, 1)`, f.ben, at, f.second)
		list, err := assignment.Check(ctx, db, 10)
		require.NoError(t, err)
		require.Len(t, list, 3, "found")
		list, err = assignment.Check(ctx, db, 2)
		require.NoError(t, err, "with a limit of two")
		assert.Len(t, list, 2, "with a limit of two")
		rows, err := assignment.Rebuild(ctx, db)
		require.NoError(t, err)
		assert.EqualValues(t, 2, rows, "rebuilt %d rows", rows)
		f.sound()
		assert.Equal(t, "1 1 0 0", f.masks(), "rebuilt")
	})
}

// BenchmarkAddAdministrator assigns an administrator to a customer with 10,000 transactions, and removes them again.
func BenchmarkAddAdministrator(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := open(b)
			ctx := context.Background()
			f := &firm{db: db, customer: newID(), anna: newID()}
			for _, sql := range []schema.QueryWithArgs{
				bun.SafeQuery(`INSERT INTO account (id, specialist, name, username, username_folded, email, email_folded, created_at)
					VALUES (?, TRUE, 'Anna', 'a', 'a', 'a', 'a', ?)`, f.anna, at),
				bun.SafeQuery(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
					VALUES (10001, ?, 'person', 'de', 'a', 'a', '', ?, ?)`, f.customer, at, at),
			} {
				if _, err := db.ExecContext(ctx, sql.Query, sql.Args...); err != nil {
					b.Fatal(err)
				}
			}
			err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				for i := range 10_000 {
					_, err := tx.ExecContext(ctx, `INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
						VALUES (?, ?, ?, 'x', ?, 'other', ?, ?)`, i+1, newID(), f.customer, fmt.Sprint(i), at.Add(time.Duration(i)*time.Second), at)
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
					_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{CustomerID: f.customer, SpecialistID: f.anna, CreatedAt: at, CreatedBy: f.anna})
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				err = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
					_, _, err := assignment.RemoveAdministrator(ctx, tx, f.customer, f.anna)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
