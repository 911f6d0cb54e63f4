package erasure

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

func newID(t testing.TB) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// logs runs a test with a log in a file, in an SQLite database and in a PostgreSQL database, each for both kinds of
// database.
func logs(t *testing.T, test func(t *testing.T, db *store.DB, where string)) {
	in := map[string]func(testing.TB) string{
		"file":     func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "deep", "erasures.log") },
		"sqlite":   storetest.SQLiteURL,
		"postgres": storetest.PostgresURL,
	}
	for name, where := range in {
		t.Run("in "+name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, db, where(t)) })
		})
	}
}

func open(t testing.TB, where string, db *store.DB) *Log {
	l := New(where, db, clock)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// kept is a Keeper of ids in memory.
type kept struct {
	kind   Kind
	ids    []uuid.UUID
	erased []uuid.UUID
}

func (k *kept) keeper() Keeper {
	return Keeper{
		Kind: k.kind, IDs: func(context.Context) ([]uuid.UUID, error) { return k.ids, nil },
		Erase: func(_ context.Context, ids []uuid.UUID) error { k.erased = append(k.erased, ids...); return nil },
	}
}

// TestLog: what one process has recorded, another one finds in a restored database, and only there. Kinds are
// distinguished.
func TestLog(t *testing.T) {
	logs(t, func(t *testing.T, db *store.DB, where string) {
		ctx := context.Background()
		gone, stays := newID(t), newID(t)
		if _, _, err := open(t, where, db).Apply(ctx); !errors.Is(err, ErrNone) {
			t.Fatalf("without a log: %v", err)
		}
		l := open(t, where, db)
		if told, err := l.Begin(ctx); told != "" || err != nil {
			t.Fatalf("the first start: %q, %v", told, err)
		}
		for range 2 { // as after a crash in between
			if err := l.Record(ctx, Subject{Customer, gone}, Subject{Access, stays}); err != nil {
				t.Fatal(err)
			}
		}
		customers := &kept{kind: Customer, ids: []uuid.UUID{stays}}
		other := open(t, where, db)
		if told, err := other.Begin(ctx, customers.keeper()); told != "" || err != nil {
			t.Errorf("a later start: %q, %v", told, err)
		}
		// a restored database has gone again, and knows less than the log has
		customers.ids = []uuid.UUID{stays, gone}
		if _, err := db.ExecContext(ctx, `UPDATE erasure_log SET position = 1`); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, where, db).Begin(ctx, customers.keeper()); !errors.Is(err, ErrBehind) || !strings.Contains(err.Error(), "1 customers") {
			t.Errorf("a restored database: %v", err)
		}
		found, unreadable, err := open(t, where, db).Apply(ctx, customers.keeper())
		if err != nil || unreadable != 0 || found.Total() != 1 || len(customers.erased) != 1 || customers.erased[0] != gone {
			t.Errorf("found %v, erased %v, %d unreadable, %v", found, customers.erased, unreadable, err)
		}
		if _, err := open(t, where, db).Begin(ctx, customers.keeper()); err != nil {
			t.Errorf("a start after that: %v", err)
		}
	})
}

// TestManyWriters: entries written by several processes at once are all stored.
func TestManyWriters(t *testing.T) {
	logs(t, func(t *testing.T, db *store.DB, where string) {
		const writers, each = 4, 10
		customers := &kept{kind: Customer}
		for range writers * each {
			customers.ids = append(customers.ids, newID(t))
		}
		var all sync.WaitGroup
		for w := range writers {
			l := open(t, where, db)
			all.Go(func() {
				for _, id := range customers.ids[w*each : (w+1)*each] {
					if err := l.Record(context.Background(), Subject{Customer, id}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		found, unreadable, err := open(t, where, db).Apply(context.Background(), customers.keeper())
		if err != nil || unreadable != 0 || found[Customer] != writers*each {
			t.Errorf("%v, %d unreadable, %v", found, unreadable, err)
		}
	})
}

// TestReplaced: if a log is removed or replaced while a process runs, it is not silently created again. At the next
// start the process reports that it is a different log.
func TestReplaced(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	where := filepath.Join(t.TempDir(), "erasures.log")
	l := open(t, where, db)
	record := func(l *Log) error { return l.Record(ctx, Subject{Customer, newID(t)}) }
	if err := record(l); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(where, where+".away"); err != nil {
		t.Fatal(err)
	}
	if err := record(l); !errors.Is(err, ErrReplaced) || !strings.Contains(err.Error(), "nothing is deleted") {
		t.Errorf("taken away: %v", err)
	}
	if told, err := open(t, where, db).Begin(ctx); err != nil || !strings.Contains(told, "is not the log") {
		t.Errorf("a start without it: %q, %v", told, err)
	}
	if err := record(l); !errors.Is(err, ErrReplaced) {
		t.Errorf("exchanged: %v", err)
	}
	if err := os.Rename(where+".away", where); err != nil {
		t.Fatal(err)
	}
	if err := record(l); err != nil {
		t.Errorf("brought back: %v", err)
	}
}

// TestCutShort: a line that is incomplete after a crash or on a full disk damages no other line. An incomplete head is
// written again.
func TestCutShort(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	where := filepath.Join(t.TempDir(), "erasures.log")
	if err := os.WriteFile(where, []byte(headWord[:9]), 0o600); err != nil {
		t.Fatal(err)
	}
	customers := &kept{kind: Customer, ids: []uuid.UUID{newID(t), newID(t)}}
	for _, id := range customers.ids {
		if err := open(t, where, db).Record(ctx, Subject{Customer, id}); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(where, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.WriteString("2026-11-28T12:00:00Z cust")
		_ = f.Close()
	}
	found, unreadable, err := open(t, where, db).Apply(ctx, customers.keeper())
	if err != nil || found[Customer] != 2 || unreadable != 2 {
		t.Errorf("%v, %d unreadable, %v", found, unreadable, err)
	}
	if info, err := os.Stat(where); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestNoLog: a file that is not a log is neither read nor written, and the log cannot be in the database itself.
func TestNoLog(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	for _, text := range []string{"something else\n", "something else", headWord + "AAAA\n", strings.Repeat("x", 100_000), "\x00\x00"} {
		where := filepath.Join(t.TempDir(), "notes.txt")
		if err := os.WriteFile(where, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(t, where, db).Record(ctx, Subject{Customer, newID(t)}); !errors.Is(err, ErrNoLog) {
			t.Errorf("%.20q: %v", text, err)
		}
		if is, err := os.ReadFile(where); err != nil || string(is) != text {
			t.Errorf("%.20q became %.40q, %v", text, is, err)
		}
	}
	var itself string
	if err := db.NewRaw(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(ctx, &itself); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, "sqlite://"+itself, db).Begin(ctx); !errors.Is(err, ErrSame) {
		t.Errorf("in the database itself: %v", err)
	}
}

// TestNothingPersonal: the log contains only a hash of an id, and each log has a different hash for it.
func TestNothingPersonal(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	id := newID(t)
	var texts []string
	for range 2 {
		where := filepath.Join(t.TempDir(), "erasures.log")
		if err := open(t, where, db).Record(ctx, Subject{Access, id}); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(where)
		if err != nil || bytes.Contains(raw, []byte(id.String())) || bytes.Count(raw, []byte("\n")) != 2 {
			t.Fatalf("%s, %v", raw, err)
		}
		_, entry, _ := strings.Cut(string(raw), "\n")
		texts = append(texts, entry)
	}
	if texts[0] == texts[1] {
		t.Error("two logs have the same hash of an id")
	}
}

// TestLineEnds: a log whose line ends were changed by a transfer is still read. A hash in a different notation counts
// as unreadable, because it would match no id.
func TestLineEnds(t *testing.T) {
	k := newKey()
	hash := k.Hash(Subject{Kind: Customer})
	text := k.line() + Entry{noon, Customer, hash}.line()
	for name, c := range map[string]struct {
		text       string
		unreadable int
	}{
		"LF":                  {text, 0},
		"CRLF":                {strings.ReplaceAll(text, "\n", "\r\n"), 0},
		"no last line end":    {strings.TrimSpace(text), 0},
		"CR within a hash":    {strings.Replace(text, hash, hash[:9]+"\r"+hash[9:], 1), 1},
		"blank behind a hash": {strings.Replace(text, hash, hash+" ", 1), 1},
		"padded":              {strings.Replace(text, hash, hash+"=", 1), 1},
	} {
		key, entries, unreadable, err := parse(strings.NewReader(c.text))
		if err != nil || key != k || unreadable != c.unreadable || len(entries) != 1-c.unreadable {
			t.Errorf("%s: %d entries, %d unreadable, %v", name, len(entries), unreadable, err)
		}
		for _, e := range entries {
			if e.Hash != hash {
				t.Errorf("%s: hash %q, want %q", name, e.Hash, hash)
			}
		}
	}
}

// FuzzParse: reading any file ends, and entries that were read can be written and read again without a change.
func FuzzParse(f *testing.F) {
	k := newKey()
	line := Entry{noon, Customer, k.Hash(Subject{Kind: Customer})}.line()
	for _, s := range []string{"", k.line(), k.line() + line, k.line() + line[:20] + "\n" + line, line, headWord, k.line() + strings.Repeat("x", 5000)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, entries, _, err := parse(bytes.NewReader(raw))
		if err != nil {
			return
		}
		text := key.line()
		for _, e := range entries {
			text += e.line()
		}
		again, same, unreadable, err := parse(strings.NewReader(text))
		if err != nil || again != key || unreadable != 0 || len(same) != len(entries) {
			t.Fatalf("%q became %d entries, %d unreadable, %v", text, len(same), unreadable, err)
		}
		if !slices.Equal(same, entries) {
			t.Fatalf("%+v became %+v", entries, same)
		}
	})
}
