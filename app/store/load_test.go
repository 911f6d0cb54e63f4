package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestLoad: rows are loaded in one tx, without the indexes that no constraint needs. After that all indexes exist
// again, whether loading succeeded or not.
func TestLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		definitions := `SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1`
		if db.IsPostgres() {
			definitions = `SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1`
		}
		list := func(sql string) (all []string) {
			t.Helper()
			require.NoError(t, db.NewRaw(sql).Scan(ctx, &all))
			return all
		}
		load := func(id uuid.UUID, name string, result error) error {
			return db.Loading(ctx, func(l *store.Loader) error {
				if err := l.Alone(ctx); err != nil {
					return err
				}
				return l.InTx(ctx, func(l store.Load) error {
					indexes, err := l.DropIndexes(ctx, []string{"account"})
					if err != nil {
						return err
					}
					// This fails if the index still exists.
					if err := l.Exec(ctx, `CREATE INDEX account_specialists ON account (name)`); err != nil {
						return err
					}
					if err := l.Exec(ctx, `DROP INDEX account_specialists`); err != nil {
						return err
					}
					at := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
					row := []any{id, true, name, name, name, name, name, at}
					columns := []string{"id", "specialist", "name", "username", "username_folded", "email", "email_folded", "created_at"}
					if err := l.Rows(ctx, "account", columns, [][]any{row}); err != nil {
						return err
					}
					for _, i := range indexes {
						if err := l.CreateIndex(ctx, i); err != nil {
							return err
						}
					}
					return result
				})
			})
		}
		before := list(definitions)
		boom := errors.New("boom")
		assert.ErrorIs(t, load(uuid.Must(uuid.NewV7()), "a", boom), boom, "error of the tx")
		id := uuid.Must(uuid.NewV7())
		require.NoError(t, load(id, "b", nil))
		if err := load(uuid.Must(uuid.NewV7()), "b", nil); !store.IsUnique(err, "account.email_folded") && !store.IsUnique(err, "account.username_folded") {
			t.Errorf("a second b: %v is not told as unique", err)
		}
		assert.Equal(t, before, list(definitions), "the indexes")
		var account struct {
			ID        uuid.UUID `bun:"id"`
			Name      string    `bun:"name"`
			CreatedAt time.Time `bun:"created_at"`
		}
		err := db.NewRaw(`SELECT id, name, created_at FROM account`).Scan(ctx, &account)
		require.NoError(t, err)
		assert.Equal(t, id, account.ID, "loaded")
		assert.Equal(t, 8, account.CreatedAt.Hour())
		if !db.IsPostgres() { // the settings that the load changed are as before on every connection
			var size, temp, keys int
			var mode string
			for range 20 {
				err := db.NewRaw(`SELECT cache_size, temp_store, foreign_keys, journal_mode
					FROM pragma_cache_size, pragma_temp_store, pragma_foreign_keys, pragma_journal_mode`).Scan(ctx, &size, &temp, &keys, &mode)
				require.NoError(t, err)
				require.Equal(t, -6000, size, "cache")
				require.Equal(t, 2, temp, "temporary files")
				require.Equal(t, 1, keys, "foreign keys")
				require.Equal(t, "wal", mode)
			}
		}
	})
}

// TestLoadSearchIndex: rows of a search index are one segment of it. It takes no more than 2,000.
func TestLoadSearchIndex(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	var rows [][]any
	for i := range 100 {
		rows = append(rows, []any{i + 1, "  berg"})
	}
	require.NoError(t, db.Loading(ctx, func(l *store.Loader) error {
		return l.InTx(ctx, func(l store.Load) error { return l.Rows(ctx, "customer_search", []string{"rowid", "text"}, rows) })
	}))
	var segments int
	require.NoError(t, db.NewRaw(`SELECT count(DISTINCT segid) FROM customer_search_idx`).Scan(ctx, &segments))
	assert.Equal(t, 1, segments)
}

// TestLoadAlone: a database that is open elsewhere can't be had alone, and stays as it is.
func TestLoadAlone(t *testing.T) {
	ctx, url := context.Background(), storetest.SQLiteURL(t)
	open := func() *store.DB {
		t.Helper()
		db, err := store.Open(ctx, url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	db, other := open(), open()
	alone := func() error {
		return db.Loading(ctx, func(l *store.Loader) error { return l.Alone(ctx) })
	}
	require.ErrorIs(t, alone(), store.ErrNotAlone)
	require.NoError(t, other.Close())
	require.NoError(t, alone())
}
