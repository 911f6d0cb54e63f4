package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor/app/store/storetest"
)

// TestSearchIndexWithoutWorker: SQLite's search indexes merge by themselves long before they have as many segments as
// they can have, 2,000, if no worker merges them. A full index takes nothing any more, not even a merge.
func TestSearchIndexWithoutWorker(t *testing.T) {
	db := storetest.SQLite(t)
	ctx := t.Context()
	for _, index := range []string{"customer_search", "transaction_search"} {
		for n := range 1200 {
			_, err := db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO %s (rowid, text) VALUES (?, ?)`, index), n+1, "  berg  anna")
			require.NoError(t, err, "%s, row %d", index, n)
			if n%50 == 0 {
				var segments int
				require.NoError(t, db.NewRaw(fmt.Sprintf(`SELECT count(DISTINCT segid) FROM %s_idx`, index)).Scan(ctx, &segments))
				require.Less(t, segments, 600, "%s after %d rows", index, n)
			}
		}
		var found int
		require.NoError(t, db.NewRaw(fmt.Sprintf(`SELECT count(*) FROM %s WHERE %[1]s MATCH '"ann"'`, index)).Scan(ctx, &found))
		require.Equal(t, 1200, found)
	}
}
