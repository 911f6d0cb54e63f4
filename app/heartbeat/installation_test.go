package heartbeat

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

func nameOf(t *testing.T, db *store.DB) string {
	t.Helper()
	name, err := Installation(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
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
			if n != names[0] || len(n) != 16 {
				t.Errorf("names %v", names)
			}
		}
		if seen[names[0]] {
			t.Errorf("two installations are called %s", names[0])
		}
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
		if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, file); err != nil {
			t.Fatal(err)
		}
		restored, err := store.Open(ctx, "sqlite://"+file)
		if err != nil {
			t.Fatal(err)
		}
		defer restored.Close()
		if again := nameOf(t, db); nameOf(t, restored) == original || again != original {
			t.Errorf("the copy is called %s, too", original)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		db, restored := storetest.Postgres(t), storetest.Postgres(t)
		original := nameOf(t, db)
		var uid string
		if err := db.NewRaw(`SELECT uid FROM installation_id`).Scan(ctx, &uid); err != nil {
			t.Fatal(err)
		}
		if _, err := restored.ExecContext(ctx, `INSERT INTO installation_id (id, uid) VALUES (1, ?)`, uid); err != nil {
			t.Fatal(err)
		}
		if nameOf(t, restored) == original {
			t.Errorf("the copy is called %s, too", original)
		}
	})
}
