// Package storetest gives tests an empty, migrated database of each kind.
package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kontor/app/effort"
	"kontor/app/store"
	"kontor/migrations"
)

// Each runs test on SQLite and, if KONTOR_TEST_POSTGRES is set, on PostgreSQL, each with a database of its own. If only
// samples are tested (see package effort), one test in three runs on both, the others only on PostgreSQL.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	if os.Getenv("KONTOR_TEST_POSTGRES") == "" || effort.Chosen(t, 3) {
		t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	}
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite opens a migrated file that is deleted at the end of the test.
func SQLite(tb testing.TB) *store.DB {
	tb.Helper()
	schema, err := migratedFile()
	if err != nil {
		tb.Fatal(err)
	}
	url := SQLiteURL(tb)
	if err := os.WriteFile(strings.TrimPrefix(url, "sqlite://"), schema, 0o600); err != nil {
		tb.Fatal(err)
	}
	return open(tb, url)
}

// Postgres opens a migrated database for this test, or skips the test.
func Postgres(tb testing.TB) *store.DB {
	tb.Helper()
	return open(tb, reach(tb).pool.take(tb))
}

// SQLiteURL returns the address of a file that does not exist yet.
func SQLiteURL(tb testing.TB) string { return "sqlite://" + filepath.Join(tb.TempDir(), "kontor.db") }

// PostgresURL makes an empty database that is dropped at the end of the test, or skips the test.
func PostgresURL(tb testing.TB) string { tb.Helper(); return reach(tb).create(tb) }

func open(tb testing.TB, url string) *store.DB {
	tb.Helper()
	db, err := store.Open(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// migratedFile returns an SQLite file with the schema. Every test gets a copy, since migrating takes longer than most
// tests.
var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "kontor-schema")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "kontor.db")
	if err := migrate(context.Background(), "sqlite://"+path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func migrate(ctx context.Context, url string) error {
	db, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	_, err = migrations.Apply(ctx, db.DB)
	return errors.Join(err, db.Close())
}
