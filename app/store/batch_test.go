package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestBatch: five items that come while another one is worked on, of which one may fail. They share one tx, unless one
// fails. Whatever happens to one, the changes for the others and their functions of AfterCommit remain.
func TestBatch(t *testing.T) {
	const n, odd = 5, 2
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		trouble func(ctx context.Context, tx bun.Tx) error
		want    func(err any) bool
	}{
		"all well": {},
		"one fails": {
			func(context.Context, bun.Tx) error { return boom },
			func(err any) bool { return err == boom },
		},
		"one panics": {
			func(context.Context, bun.Tx) error { panic(boom) },
			func(err any) bool { return err == boom },
		},
		"one breaks a constraint": {
			func(ctx context.Context, tx bun.Tx) error { return insertCounter(ctx, tx, "customer_number") },
			func(err any) bool { e, ok := err.(error); return ok && store.IsUnique(e, "counter.name") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				var (
					results [n]any
					told    [n]bool
					in      [n]*sql.Tx // of the last run
				)
				b := store.NewBatch(db, func(ctx context.Context, tx bun.Tx, items []int) error {
					for _, i := range items {
						in[i] = tx.Tx
						store.AfterCommit(ctx, func() { told[i] = !told[i] }) // twice would show as never
						if err := insertCounter(ctx, tx, fmt.Sprint(i)); err != nil {
							return err
						}
						if i != odd || c.trouble == nil {
							continue
						}
						if err := c.trouble(ctx, tx); err != nil {
							return err
						}
					}
					return nil
				})
				atOnce(b, n, func(i int) {
					defer func() {
						if p := recover(); p != nil {
							results[i] = p
						}
					}()
					if err := b.Do(context.Background(), i); err != nil {
						results[i] = err
					}
				})
				for i := range n {
					well := i != odd || c.trouble == nil
					kept, err := db.NewSelect().Table("counter").Where("name = ?", fmt.Sprint(i)).Exists(context.Background())
					require.NoError(t, err)
					assert.Equal(t, well, kept, "kept")
					assert.Equal(t, well, told[i], "announced")
					assert.False(t, well && results[i] != nil, "%d: %v", i, results[i])
					assert.False(t, !well && !c.want(results[i]))
					if shared := in[i] == in[0]; i > 0 && shared != (c.trouble == nil) {
						t.Errorf("%d shared the tx of 0: %v", i, shared)
					}
				}
			})
		})
	}
}

// TestBatchInDoubt: if the database fails, nobody knows more about one item than about another, so none is tried alone.
func TestBatchInDoubt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const n = 5
		var calls atomic.Int64
		b := store.NewBatch(db, func(context.Context, bun.Tx, []int) error { calls.Add(1); return store.ErrUnsure })
		atOnce(b, n, func(i int) { assert.ErrorIs(t, b.Do(context.Background(), i), store.ErrUnsure) })
		assert.EqualValues(t, 1, calls.Load(), "calls")
	})
}

// TestBatchGivenUp: nothing is done for a caller who gave up while waiting. What was begun goes on.
func TestBatchGivenUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, end := context.WithCancel(context.Background())
		var done []int
		b := store.NewBatch(db, func(ctx context.Context, tx bun.Tx, items []int) error {
			end()
			done = append(done, items...)
			return insertCounter(ctx, tx, fmt.Sprint(items))
		})
		require.NoError(t, b.Do(ctx, 1))
		assert.ErrorIs(t, b.Do(ctx, 2), context.Canceled)
		require.NoError(t, b.Do(context.Background(), 3))
		assert.Equal(t, []int{1, 3}, done)
		got, err := db.NewSelect().Table("counter").Where("name IN ('[1]', '[3]')").Count(context.Background())
		require.NoError(t, err)
		assert.EqualValues(t, 2, got)
	})
}

func insertCounter(ctx context.Context, tx bun.Tx, name string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO counter (name, value) VALUES (?, 1)", name)
	return err
}

// atOnce runs n calls of b.Do. All of them wait before the first is taken.
func atOnce[T any](b *store.Batch[T], n int, call func(i int)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	resume := b.Pause()
	defer resume()
	for i := range n {
		wg.Go(func() { call(i) })
	}
	for b.Waiting() < n {
		runtime.Gosched()
	}
}
