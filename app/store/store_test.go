package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

func TestInTx(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		var told []string
		count := func() (n int) {
			require.NoError(t, db.NewRaw("SELECT count(*) FROM counter").Scan(ctx, &n))
			return n
		}
		before := count()
		add := func(name string, result error) error {
			return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				store.AfterCommit(ctx, func() { told = append(told, name) })
				if _, err := tx.ExecContext(ctx, "INSERT INTO counter (name, value) VALUES (?, 1)", name); err != nil {
					return err
				}
				return result
			})
		}
		boom := errors.New("boom")
		assert.ErrorIs(t, add("rolled back", boom), boom, "error of the tx")
		require.NoError(t, add("a", nil))
		err := add("a", nil)
		assert.True(t, store.IsUnique(err, "counter.name"), "a second row named a: %v is not told as unique counter.name", err)
		assert.False(t, store.IsUnique(err, "counter.value"), "a second row named a")
		assert.False(t, store.IsForeignKey(err), "a second row named a")
		got := count() - before
		assert.Equal(t, 1, got, "rows named a")
		require.Len(t, told, 1, "the names that were announced")
		assert.Equal(t, "a", told[0])
		_, err = db.ExecContext(ctx, "INSERT INTO account_role (account_id, role) VALUES ('00000000-0000-7000-8000-000000000000', 'auditor')")
		assert.True(t, store.IsForeignKey(err), "a role of nobody: %v is not told as a foreign key", err)
	})
}

// TestTxOfEndedContext: the error of a tx whose ctx ended during it is that of the ctx, on each way to open one. Callers
// recognize by it that nothing has failed.
func TestTxOfEndedContext(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		// rolledBack waits until database/sql has rolled the tx back because its ctx ended.
		rolledBack := func(ctx context.Context, tx bun.Tx) {
			<-ctx.Done()
			require.Eventually(t, func() bool {
				_, err := tx.ExecContext(context.Background(), "SELECT 1")
				return errors.Is(err, sql.ErrTxDone)
			}, 10*time.Second, time.Millisecond, "the tx stays open although its ctx ended")
		}
		moments := map[string]func(context.Context, bun.Tx) error{
			"before the commit": func(context.Context, bun.Tx) error { return nil },
			"before another statement": func(_ context.Context, tx bun.Tx) error {
				_, err := tx.ExecContext(context.Background(), "SELECT 1")
				return err
			},
		}
		for moment, rest := range moments {
			ctx, cancel := context.WithCancel(context.Background())
			err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				cancel()
				rolledBack(ctx, tx)
				return rest(ctx, tx)
			})
			assert.ErrorIs(t, err, context.Canceled, "ended %s", moment)
			assert.NotErrorIs(t, err, sql.ErrTxDone, "ended %s", moment)
		}
		err := db.InTx(context.Background(), func(_ context.Context, tx bun.Tx) error {
			require.NoError(t, tx.Rollback())
			return nil
		})
		assert.ErrorIs(t, err, sql.ErrTxDone, "a tx that was rolled back by its own work")
	})
}

// TestPathsOfFiles: whatever characters the name of a folder contains, the named file is opened.
func TestPathsOfFiles(t *testing.T) {
	for _, name := range []string{"plain", "a#b", "a?b", "a%20b", "ä ö", "a&b=c"} {
		file := filepath.Join(t.TempDir(), name, "kontor.db")
		db, err := store.Open(context.Background(), "sqlite://"+file)
		if !assert.NoError(t, err, name) {
			continue
		}
		_, err = db.ExecContext(context.Background(), "CREATE TABLE here (x INTEGER)")
		assert.NoError(t, err, name)
		_ = db.Close()
		_, err = os.Stat(file)
		assert.NoError(t, err, name)
	}
}

// TestManyWriters: of eight writers none gets an error that the database is locked (S54). The sum is also right for
// those that share a tx, of which some fail.
func TestManyWriters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		const writers, writes = 8, 50
		boom := errors.New("boom")
		_, err := db.ExecContext(ctx, "INSERT INTO counter (name, value) VALUES ('written', 0)")
		require.NoError(t, err)
		add := func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE counter SET value = value + 1 WHERE name = 'written'")
			return err
		}
		batch := store.NewBatch(db, func(ctx context.Context, tx bun.Tx, results []error) error {
			all := errors.Join(results...)
			for range results {
				all = errors.Join(all, add(ctx, tx))
			}
			return all
		})
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for i := range writes {
					assert.NoError(t, db.InTx(ctx, add))
					var result error
					if i%10 == 0 {
						result = boom
					}
					assert.ErrorIs(t, batch.Do(ctx, result), result)
					_, err := db.ExecContext(ctx, "UPDATE counter SET value = value + 1 WHERE name = 'written'")
					assert.NoError(t, err)
				}
			})
		}
		wg.Wait()
		var got int
		err = db.NewRaw("SELECT value FROM counter WHERE name = 'written'").Scan(ctx, &got)
		require.NoError(t, err, "an update was lost")
		assert.Equal(t, writers*(2*writes+writes*9/10), got, "counter an update was lost")
	})
}

// TestMigrateAtOnce: several processes start on an empty database. Each finds it migrated, and one has migrated it.
func TestMigrateAtOnce(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			u := url(t)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					ctx := context.Background()
					db, err := store.Open(ctx, u)
					if !assert.NoError(t, err) {
						return
					}
					defer func() { _ = db.Close() }()
					_, err = migrations.Apply(ctx, db.DB)
					assert.NoError(t, err)
					assert.NoError(t, migrations.Pending(ctx, db.DB))
				})
			}
			wg.Wait()
		})
	}
}

func TestWaitForSchema(t *testing.T) {
	db, err := store.Open(context.Background(), storetest.SQLiteURL(t))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	assert.ErrorIs(t, migrations.Wait(ctx, db.DB, time.Millisecond), migrations.ErrSchemaOld, "waiting on an empty database")
	_, err = migrations.Apply(context.Background(), db.DB)
	require.NoError(t, err)
	assert.NoError(t, migrations.Wait(context.Background(), db.DB, time.Millisecond))
}

// TestSpellings: the domain is what follows the last @, because a quoted local part may contain another.
func TestSpellings(t *testing.T) {
	both := []string{"bücher.example", "xn--bcher-kva.example"}
	for email, want := range map[string][]string{
		"a@bücher.example": both, "a@xn--bcher-kva.example": both, `"a@b"@bücher.example`: both,
		"a@example.org": nil, `"a@bücher.example"@example.org`: nil, "bücher.example": nil, "": nil,
	} {
		assert.Equal(t, want, store.Spellings(email), "Spellings(%q)", email)
	}
}

func TestFoldEmail(t *testing.T) {
	for typed, want := range map[string]string{
		" Anna.Berg@Example.ORG ":           "anna.berg@example.org",
		"m\u00fcller@b\u00fccher.example":   "m\u00fcller@xn--bcher-kva.example",
		"Mu\u0308ller@Bu\u0308cher.Example": "m\u00fcller@xn--bcher-kva.example",
		"m\u00fcller@xn--bcher-kva.example": "m\u00fcller@xn--bcher-kva.example",
		"M\u00dcLLER@XN--BCHER-KVA.EXAMPLE": "m\u00fcller@xn--bcher-kva.example",
		"ΝΙΚΟΣ@x.gr":                        "νικοσ@x.gr", "νικος@x.gr": "νικοσ@x.gr", "ΝΙΚΟΣ": "νικοσ",
		"x@stra\u00dfe.example": "x@xn--strae-oqa.example", // IDNA2008: not strasse
		"x@strasse.example":     "x@strasse.example",
		"x@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444": "x@xn--e1afmkfd.xn--p1ai",
		"an\u200bna@berg\u2011hof.example\ufeff":              "anna@berg-hof.example",
		"\uff41nna\uff20example\uff0eorg":                     "anna@example.org",
		"J\u00dcRGEN":                                         "j\u00fcrgen",
		"x@no domain":                                         "x@no domain",
		"x@xn--a.de":                                          "x@xn--a.de",
		"a@b@b\u00fccher.example":                             "a@b@xn--bcher-kva.example",
		"\xe9\u03d2":                                          "\ufffd\u03c5", // not text; the letter after it is folded as usual
		"\xff@a\xffb.de":                                      "\ufffd@a\ufffdb.de",
		"@":                                                   "@", "": "",
	} {
		got := store.FoldEmail(typed)
		assert.Equal(t, want, got, "FoldEmail(%+q)", typed)
		assert.Equal(t, got, store.FoldEmail(got))
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, sort, search string }{
		{"Groß-Öhlmann, Änne", "gross ohlmann anne", "gross ohlmann anne"},
		{"Müller & Söhne GmbH", "muller sohne gmbh", "muller sohne gmbh"},
		{"Mueller", "mueller", "muller"},
		{"Yıldırım", "yildirim", "yildirim"},
		{"O'Brien / Łukasz", "obrien lukasz", "obrien lukasz"},
		{"Citroën Straße 5", "citroen strasse 5", "citron strasse 5"},
		{"  ", "", ""},
		{"Bauer", "bauer", "baur"},
		{"STRAẞE", "strasse", "strasse"},
	} {
		assert.Equal(t, c.sort, store.SortKey(c.in), "SortKey(%q)", c.in)
		assert.Equal(t, c.search, store.Fold(c.in), "Fold(%q)", c.in)
	}
}

func FuzzFoldEmail(f *testing.F) {
	for _, s := range []string{"Anna.Berg@Example.ORG", "m\u00fcller@b\u00fccher.example", "\xe9\u03d2", "x@xn--a.de", "\u0130@\u0130.de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := store.FoldEmail(s)
		again := store.FoldEmail(got)
		assert.Equal(t, got, again, "FoldEmail(%+q) = %+q is not a fixed point", s, got)
		assert.True(t, utf8.ValidString(got))
	})
}

func FuzzFold(f *testing.F) {
	f.Add("Groß-Öhlmann")
	f.Add("00\xf4ķ")
	f.Fuzz(func(t *testing.T, s string) {
		got := store.SortKey(s)
		assert.Equal(t, got, store.SortKey(got), "SortKey(%q) = %q is not a fixed point", s, got)
	})
}

// TestSession: a connection has the settings on which queries rely, whatever the database says.
func TestSession(t *testing.T) {
	ctx := context.Background()
	url := storetest.PostgresURL(t)
	db, err := store.Open(ctx, url)
	require.NoError(t, err)
	wanted := map[string]string{
		"jit": "off", "enable_parallel_append": "off", "bytea_output": "hex", "default_transaction_isolation": "read committed", "transform_null_equals": "off",
		"DateStyle": "ISO, MDY", "TimeZone": "UTC", "standard_conforming_strings": "on",
	}
	for name, other := range map[string]string{
		"jit": "on", "enable_parallel_append": "on", "bytea_output": "escape", "default_transaction_isolation": "serializable", "transform_null_equals": "on",
		"DateStyle": "German", "TimeZone": "Europe/Berlin", "standard_conforming_strings": "off",
	} {
		_, err = db.ExecContext(ctx, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ? = %L', current_database(), ?); END $$`, bun.Ident(name), other)
		require.NoError(t, err, name)
	}
	require.NoError(t, db.Close())
	db, err = store.Open(ctx, url)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	for name, want := range wanted {
		var is string
		require.NoError(t, db.NewRaw(`SELECT current_setting(?)`, name).Scan(ctx, &is))
		assert.Equal(t, want, is, name)
	}
}
