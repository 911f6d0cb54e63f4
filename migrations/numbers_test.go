package migrations_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

const customerNumber, transactionNumber store.Counter = "customer_number", "transaction_number"

// TestNumberSequences: numbers go on above the highest one, up and down. A process of the previous version, which counts in
// the table, gets no number that the new one gives.
func TestNumberSequences(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err)
		}
		before := func(name string) (n int64) {
			t.Helper()
			require.NoError(t, db.NewRaw(`UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value`, name).Scan(ctx, &n))
			return n
		}
		next := func(c store.Counter) int64 {
			t.Helper()
			n, err := c.Next(ctx, db)
			require.NoError(t, err)
			return n
		}
		_, err := migrations.Revert(ctx, db.DB, "20261130000129")
		require.NoError(t, err)
		assert.EqualValues(t, 10_001, before("customer_number"), "down on a new database")
		exec(`UPDATE counter SET value = 10500 WHERE name = 'customer_number'`)
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		assert.EqualValues(t, 10_501, next(customerNumber))
		assert.EqualValues(t, 10_502, before("customer_number"), "the previous version")
		assert.EqualValues(t, 10_503, next(customerNumber))
		assert.EqualValues(t, 10_001, next(transactionNumber))
		assert.EqualValues(t, 10_002, before("transaction_number"), "the previous version")
		_, err = migrations.Revert(ctx, db.DB, "20261130000129")
		require.NoError(t, err)
		assert.EqualValues(t, 10_504, before("customer_number"), "down")
		assert.EqualValues(t, 10_003, before("transaction_number"), "down")
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
	})
}
