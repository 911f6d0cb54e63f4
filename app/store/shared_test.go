package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestInSharedTx: five calls at the same time, of which one may fail. On SQLite they wait for their turn together and
// share one tx. Whatever happens to one, the changes of the others and their functions of AfterCommit remain.
func TestInSharedTx(t *testing.T) {
	const n, odd = 5, 2
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		trouble func(ctx context.Context, end func(), tx bun.Tx) error
		want    func(err any) bool
	}{
		"all well": {},
		"one fails": {
			func(context.Context, func(), bun.Tx) error { return boom },
			func(err any) bool { return err == boom },
		},
		"one panics": {
			func(context.Context, func(), bun.Tx) error { panic(boom) },
			func(err any) bool { return err == boom },
		},
		"one breaks a constraint": {
			func(ctx context.Context, _ func(), tx bun.Tx) error { return insertCounter(ctx, tx, "customer_number") },
			func(err any) bool { e, ok := err.(error); return ok && store.IsUnique(e, "counter.name") },
		},
		"one ran out of time": {
			func(ctx context.Context, end func(), tx bun.Tx) error {
				end()
				return insertCounter(ctx, tx, "late")
			},
			func(err any) bool { e, ok := err.(error); return ok && errors.Is(e, context.Canceled) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				var (
					results [n]any
					told    [n]bool
					in      [n]*sql.Tx // of the last run
				)
				atOnce(t, db, n, func(i int) {
					defer func() {
						if p := recover(); p != nil {
							results[i] = p
						}
					}()
					ctx, end := context.WithCancel(context.Background())
					defer end()
					err := db.InSharedTx(ctx, func(ctx context.Context, tx bun.Tx) error {
						in[i] = tx.Tx
						store.AfterCommit(ctx, func() { told[i] = !told[i] }) // twice would show as never
						if err := insertCounter(ctx, tx, fmt.Sprint(i)); err != nil || i != odd || c.trouble == nil {
							return err
						}
						return c.trouble(ctx, end, tx)
					})
					if err != nil {
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
					if shared := in[i] == in[0]; i > 0 && shared != (c.trouble == nil && !db.IsPostgres()) {
						t.Errorf("%d shared the tx of 0: %v", i, shared)
					}
				}
			})
		})
	}
}

func insertCounter(ctx context.Context, tx bun.Tx, name string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO counter (name, value) VALUES (?, 1)", name)
	return err
}

// atOnce runs n calls of InSharedTx. On SQLite all of them wait before the first has its turn.
func atOnce(t *testing.T, db *store.DB, n int, call func(i int)) {
	t.Helper()
	var wg sync.WaitGroup
	defer wg.Wait()
	err := db.InTx(context.Background(), func(context.Context, bun.Tx) error {
		for i := range n {
			wg.Go(func() { call(i) })
		}
		for !db.IsPostgres() && db.Waiting() < n {
			runtime.Gosched()
		}
		return nil
	})
	require.NoError(t, err)
}
