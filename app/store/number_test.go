package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

const customerNumber, transactionNumber store.Counter = "customer_number", "transaction_number"

// TestCounter: no number is given twice, whether a tx is rolled back or not, and they grow. On PostgreSQL nobody waits for
// a tx that has taken one.
func TestCounter(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		last, err := customerNumber.Last(ctx, db)
		require.NoError(t, err)
		assert.EqualValues(t, 10_000, last)
		boom := errors.New("boom")
		var mu sync.Mutex
		given := map[int64]bool{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range 20 {
					var n int64
					var result error
					if i%5 == 0 {
						result = boom
					}
					err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
						n, err = customerNumber.Next(ctx, tx)
						return errors.Join(err, result)
					})
					assert.ErrorIs(t, err, result)
					if err == nil {
						mu.Lock()
						assert.False(t, given[n], "%d is given twice", n)
						given[n] = true
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		last, err = customerNumber.Last(ctx, db)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, last, int64(10_000+8*16))
		assert.True(t, given[last] || db.IsPostgres(), "the last one")
		if !db.IsPostgres() {
			return
		}
		require.NoError(t, db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			held, err := customerNumber.Next(ctx, tx)
			require.NoError(t, err)
			beside, err := customerNumber.Next(ctx, db)
			require.NoError(t, err)
			assert.Greater(t, beside, held)
			return nil
		}))
	})
}

// TestCounterContinues: a loader sets a counter if its tx is committed.
func TestCounterContinues(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, boom := context.Background(), errors.New("boom")
		for _, result := range []error{boom, nil} {
			err := db.Loading(ctx, func(l *store.Loader) error {
				return l.InTx(ctx, func(l store.Load) error {
					return errors.Join(l.Number(ctx, transactionNumber, 20_000), result)
				})
			})
			require.ErrorIs(t, err, result)
			want := int64(20_000)
			if result != nil {
				want = 10_000
			}
			last, err := transactionNumber.Last(ctx, db)
			require.NoError(t, err)
			assert.Equal(t, want, last)
		}
		next, err := transactionNumber.Next(ctx, db)
		require.NoError(t, err)
		assert.EqualValues(t, 20_001, next)
	})
}
