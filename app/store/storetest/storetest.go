// Package storetest gives tests an empty, migrated database of each kind.
package storetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
	"kontor/migrations"
)

// Each runs test on SQLite and, when KONTOR_TEST_POSTGRES names one, on PostgreSQL, each with a database of its own.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite opens a migrated file that goes with the test.
func SQLite(tb testing.TB) *store.DB { tb.Helper(); return open(tb, SQLiteURL(tb)) }

// Postgres opens a migrated database of the test's own, or skips the test.
func Postgres(tb testing.TB) *store.DB { tb.Helper(); return open(tb, PostgresURL(tb)) }

// SQLiteURL names a file that does not exist yet.
func SQLiteURL(tb testing.TB) string { return "sqlite://" + filepath.Join(tb.TempDir(), "kontor.db") }

// PostgresURL makes an empty database that is dropped with the test, or skips the test.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	base := os.Getenv("KONTOR_TEST_POSTGRES")
	if base == "" {
		tb.Skip("KONTOR_TEST_POSTGRES is not set")
	}
	ctx := context.Background()
	admin, err := store.Open(ctx, base)
	if err != nil {
		tb.Fatal(err)
	}
	id, _ := uuid.NewV4()
	name := "kontor_test_" + strings.ReplaceAll(id.String(), "-", "")
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := admin.ExecContext(ctx, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)); err != nil {
			tb.Error(err)
		}
		_ = admin.Close()
	})
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func open(tb testing.TB, url string) *store.DB {
	tb.Helper()
	db, err := store.Open(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Apply(context.Background(), db.DB); err != nil {
		tb.Fatal(err)
	}
	return db
}
