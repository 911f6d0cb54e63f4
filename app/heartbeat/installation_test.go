package heartbeat

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

func nameOf(t *testing.T, db *store.DB) string {
	t.Helper()
	name, err := Installation(context.Background(), db)
	require.NoError(t, err)
	return name
}

// TestInstallation: all processes get the same identifier, even if several are the first at once. Other installations
// get other identifiers.
func TestInstallation(t *testing.T) {
	seen := map[string]bool{}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const processes = 8
		names := make([]string, processes)
		var wg sync.WaitGroup
		for i := range processes {
			wg.Go(func() { names[i] = nameOf(t, db) })
		}
		wg.Wait()
		for _, n := range names {
			assert.Equal(t, names[0], n, "names")
			assert.Len(t, n, 16)
		}
		assert.False(t, seen[names[0]], "two installations are called %s", names[0])
		seen[names[0]] = true
	})
}

// TestCopyIsAnother: a copy of the database is another installation. The identifier of the original does not change.
func TestCopyIsAnother(t *testing.T) {
	ctx := context.Background()
	t.Run("sqlite", func(t *testing.T) {
		db := storetest.SQLite(t)
		original := nameOf(t, db)
		file := filepath.Join(t.TempDir(), "copy.db")
		_, err := db.ExecContext(ctx, `VACUUM INTO ?`, file)
		require.NoError(t, err)
		restored, err := store.Open(ctx, "sqlite://"+file)
		require.NoError(t, err)
		defer restored.Close()
		again := nameOf(t, db)
		assert.NotEqual(t, original, nameOf(t, restored), "the copy is called, too")
		assert.Equal(t, original, again, "too")
	})
	t.Run("postgres", func(t *testing.T) {
		db, restored := storetest.Postgres(t), storetest.Postgres(t)
		original := nameOf(t, db)
		var uid string
		require.NoError(t, db.NewRaw(`SELECT uid FROM installation_id`).Scan(ctx, &uid))
		_, err := restored.ExecContext(ctx, `INSERT INTO installation_id (id, uid) VALUES (1, ?)`, uid)
		require.NoError(t, err)
		assert.NotEqual(t, original, nameOf(t, restored), "the copy is called, too")
	})
}
