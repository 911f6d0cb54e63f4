package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

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
			if err := db.NewRaw(sql).Scan(ctx, &all); err != nil {
				t.Fatal(err)
			}
			return all
		}
		load := func(id uuid.UUID, name string, result error) error {
			return db.LoadInTx(ctx, func(l store.Load) error {
				return l.Unindexed(ctx, []string{"account"}, func() error {
					// fails where the index is still there
					if err := l.Exec(ctx, `CREATE INDEX account_specialist_name ON account (name)`); err != nil {
						return err
					}
					if err := l.Exec(ctx, `DROP INDEX account_specialist_name`); err != nil {
						return err
					}
					at := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
					row := []any{id, true, name, name, name, name, name, at}
					columns := []string{"id", "specialist", "name", "username", "username_folded", "email", "email_folded", "created_at"}
					if err := l.Rows(ctx, "account", columns, [][]any{row}); err != nil {
						return err
					}
					return result
				})
			})
		}
		before := list(definitions)
		boom := errors.New("boom")
		if err := load(uuid.Must(uuid.NewV7()), "a", boom); !errors.Is(err, boom) {
			t.Errorf("error of the tx = %v", err)
		}
		id := uuid.Must(uuid.NewV7())
		if err := load(id, "b", nil); err != nil {
			t.Fatal(err)
		}
		if err := load(uuid.Must(uuid.NewV7()), "b", nil); !store.IsUnique(err, "account.email_folded") && !store.IsUnique(err, "account.username_folded") {
			t.Errorf("a second b: %v is not told as unique", err)
		}
		if after := list(definitions); !slices.Equal(before, after) {
			t.Errorf("indexes were\n%q\nand are\n%q", before, after)
		}
		var account struct {
			ID        uuid.UUID `bun:"id"`
			Name      string    `bun:"name"`
			CreatedAt time.Time `bun:"created_at"`
		}
		if err := db.NewRaw(`SELECT id, name, created_at FROM account`).Scan(ctx, &account); err != nil || account.ID != id || account.CreatedAt.Hour() != 8 {
			t.Errorf("loaded %+v, %v", account, err)
		}
		if !db.IsPostgres() { // what the load changed for itself is as before on every connection
			var size, temp int
			for range 20 {
				if err := db.NewRaw(`SELECT cache_size, temp_store FROM pragma_cache_size, pragma_temp_store`).Scan(ctx, &size, &temp); err != nil || size != -6000 || temp != 2 {
					t.Fatalf("cache of %d, temporary files in %d, %v", size, temp, err)
				}
			}
		}
	})
}
