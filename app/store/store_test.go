package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

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
			if err := db.NewRaw("SELECT count(*) FROM counter").Scan(ctx, &n); err != nil {
				t.Fatal(err)
			}
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
		if err := add("rolled back", boom); !errors.Is(err, boom) {
			t.Errorf("error of the tx = %v", err)
		}
		if err := add("a", nil); err != nil {
			t.Fatal(err)
		}
		err := add("a", nil)
		if !store.IsUnique(err, "counter.name") || store.IsUnique(err, "counter.value") || store.IsForeignKey(err) {
			t.Errorf("a second a: %v is not told as unique counter.name", err)
		}
		if got := count() - before; got != 1 || len(told) != 1 || told[0] != "a" {
			t.Errorf("%d rows, announced %v; want one, a", got, told)
		}
		_, err = db.ExecContext(ctx, "INSERT INTO account_role (account_id, role) VALUES ('00000000-0000-7000-8000-000000000000', 'auditor')")
		if !store.IsForeignKey(err) {
			t.Errorf("a role of nobody: %v is not told as a foreign key", err)
		}
	})
}

// TestPathsOfFiles: whatever characters the name of a folder contains, the named file is opened.
func TestPathsOfFiles(t *testing.T) {
	for _, name := range []string{"plain", "a#b", "a?b", "a%20b", "ä ö", "a&b=c"} {
		file := filepath.Join(t.TempDir(), name, "kontor.db")
		db, err := store.Open(context.Background(), "sqlite://"+file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := db.ExecContext(context.Background(), "CREATE TABLE here (x INTEGER)"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = db.Close()
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestManyWriters: of eight writers none gets an error that the database is locked (S54). The sum is also right for
// those that share a tx, of which some fail.
func TestManyWriters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		const writers, writes = 8, 50
		boom := errors.New("boom")
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for i := range writes {
					add := func(ctx context.Context, tx bun.Tx) error {
						_, err := tx.ExecContext(ctx, "UPDATE counter SET value = value + 1 WHERE name = 'customer_number'")
						return err
					}
					if err := db.InTx(ctx, add); err != nil {
						t.Error(err)
					}
					var result error
					if i%10 == 0 {
						result = boom
					}
					err := db.InSharedTx(ctx, func(ctx context.Context, tx bun.Tx) error { return errors.Join(add(ctx, tx), result) })
					if !errors.Is(err, result) {
						t.Error(err)
					}
					if _, err := db.ExecContext(ctx, "UPDATE counter SET value = value + 1 WHERE name = 'customer_number'"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var got int
		if err := db.NewRaw("SELECT value FROM counter WHERE name = 'customer_number'").Scan(ctx, &got); err != nil || got != 10000+writers*(2*writes+writes*9/10) {
			t.Errorf("counter = %d, %v; an update was lost", got, err)
		}
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
					if err != nil {
						t.Error(err)
						return
					}
					defer func() { _ = db.Close() }()
					if _, err := migrations.Apply(ctx, db.DB); err != nil {
						t.Error(err)
					}
					if err := migrations.Pending(ctx, db.DB); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestWaitForSchema(t *testing.T) {
	db, err := store.Open(context.Background(), storetest.SQLiteURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := migrations.Wait(ctx, db.DB, time.Millisecond); !errors.Is(err, migrations.ErrSchemaOld) {
		t.Errorf("waiting on an empty database = %v, want %v", err, migrations.ErrSchemaOld)
	}
	if _, err := migrations.Apply(context.Background(), db.DB); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Wait(context.Background(), db.DB, time.Millisecond); err != nil {
		t.Error(err)
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
		"\xe9\u03d2":                                          "\ufffd\u03c5", // not text; the letter behind it is folded as ever
		"\xff@a\xffb.de":                                      "\ufffd@a\ufffdb.de",
		"@":                                                   "@", "": "",
	} {
		got := store.FoldEmail(typed)
		if got != want || store.FoldEmail(got) != got {
			t.Errorf("FoldEmail(%+q) = %+q, want %+q", typed, got, want)
		}
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
		if got := store.SortKey(c.in); got != c.sort {
			t.Errorf("SortKey(%q) = %q, want %q", c.in, got, c.sort)
		}
		if got := store.Fold(c.in); got != c.search {
			t.Errorf("Fold(%q) = %q, want %q", c.in, got, c.search)
		}
	}
}

func FuzzFoldEmail(f *testing.F) {
	for _, s := range []string{"Anna.Berg@Example.ORG", "m\u00fcller@b\u00fccher.example", "\xe9\u03d2", "x@xn--a.de", "\u0130@\u0130.de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := store.FoldEmail(s)
		if again := store.FoldEmail(got); again != got || !utf8.ValidString(got) {
			t.Errorf("FoldEmail(%+q) = %+q is not a fixed point: %+q", s, got, again)
		}
	})
}

func FuzzFold(f *testing.F) {
	f.Add("Groß-Öhlmann")
	f.Add("00\xf4ķ")
	f.Fuzz(func(t *testing.T, s string) {
		if got := store.SortKey(s); store.SortKey(got) != got {
			t.Errorf("SortKey(%q) = %q is not a fixed point: %q", s, got, store.SortKey(got))
		}
	})
}
