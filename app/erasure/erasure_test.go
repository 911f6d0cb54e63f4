package erasure

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

func newID(t testing.TB) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	require.NoError(t, err)
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
		_, _, err := open(t, where, db).Apply(ctx)
		require.ErrorIs(t, err, ErrNone, "without a log")
		l := open(t, where, db)
		told, err := l.Begin(ctx)
		require.NoError(t, err, "the first start")
		require.Empty(t, told, "the first start")
		for range 2 { // as after a crash between the two
			require.NoError(t, l.Record(ctx, Subject{Customer, gone}, Subject{Access, stays}))
		}
		customers := &kept{kind: Customer, ids: []uuid.UUID{stays}}
		other := open(t, where, db)
		told, err = other.Begin(ctx, customers.keeper())
		assert.NoError(t, err, "a later start")
		assert.Empty(t, told, "a later start")
		// A restored database has the erased customer again, and its position in the log is older.
		customers.ids = []uuid.UUID{stays, gone}
		_, err = db.ExecContext(ctx, `UPDATE erasure_log SET position = 1`)
		require.NoError(t, err)
		_, err = open(t, where, db).Begin(ctx, customers.keeper())
		assert.ErrorIs(t, err, ErrBehind, "a restored database")
		assert.Contains(t, err.Error(), "1 customers", "a restored database")
		found, unreadable, err := open(t, where, db).Apply(ctx, customers.keeper())
		require.NoError(t, err)
		assert.Equal(t, 0, unreadable, "unreadable")
		assert.Equal(t, 1, found.Total(), "found")
		require.Len(t, customers.erased, 1, "erased")
		assert.Equal(t, gone, customers.erased[0])
		_, err = open(t, where, db).Begin(ctx, customers.keeper())
		assert.NoError(t, err, "a start after that")
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
					assert.NoError(t, l.Record(context.Background(), Subject{Customer, id}))
				}
			})
		}
		all.Wait()
		found, unreadable, err := open(t, where, db).Apply(context.Background(), customers.keeper())
		require.NoError(t, err)
		assert.Equal(t, 0, unreadable, "unreadable")
		assert.Equal(t, writers*each, found[Customer])
	})
}

// TestReplaced: if a log is removed or replaced while a process runs, it is not silently created again. At the next
// start the process reports that it is a different log.
func TestReplaced(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	where := filepath.Join(t.TempDir(), "erasures.log")
	l := open(t, where, db)
	record := func(l *Log) error { return l.Record(ctx, Subject{Customer, newID(t)}) }
	require.NoError(t, record(l))
	require.NoError(t, os.Rename(where, where+".away"))
	err := record(l)
	assert.ErrorIs(t, err, ErrReplaced, "taken away")
	assert.Contains(t, err.Error(), "nothing is deleted", "taken away")
	told, err := open(t, where, db).Begin(ctx)
	require.NoError(t, err, "a start without it")
	assert.Contains(t, told, "is not the log", "a start without it")
	assert.ErrorIs(t, record(l), ErrReplaced, "exchanged")
	require.NoError(t, os.Rename(where+".away", where))
	assert.NoError(t, record(l), "brought back")
}

// TestCutShort: a line that is incomplete after a crash or on a full disk damages no other line. An incomplete head is
// written again.
func TestCutShort(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	where := filepath.Join(t.TempDir(), "erasures.log")
	require.NoError(t, os.WriteFile(where, []byte(headWord[:9]), 0o600))
	customers := &kept{kind: Customer, ids: []uuid.UUID{newID(t), newID(t)}}
	for _, id := range customers.ids {
		require.NoError(t, open(t, where, db).Record(ctx, Subject{Customer, id}))
		f, err := os.OpenFile(where, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, _ = f.WriteString("2026-11-28T12:00:00Z cust")
		_ = f.Close()
	}
	found, unreadable, err := open(t, where, db).Apply(ctx, customers.keeper())
	require.NoError(t, err)
	assert.Equal(t, 2, found[Customer])
	assert.Equal(t, 2, unreadable, "unreadable")
	info, err := os.Stat(where)
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())
}

// TestNoLog: a file that is not a log is neither read nor written, and the log cannot be in the database itself.
func TestNoLog(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	for _, text := range []string{"something else\n", "something else", headWord + "AAAA\n", strings.Repeat("x", 100_000), "\x00\x00"} {
		where := filepath.Join(t.TempDir(), "notes.txt")
		require.NoError(t, os.WriteFile(where, []byte(text), 0o600))
		assert.ErrorIs(t, open(t, where, db).Record(ctx, Subject{Customer, newID(t)}), ErrNoLog, "%.20q", text)
		is, err := os.ReadFile(where)
		require.NoError(t, err)
		assert.Equal(t, text, string(is), "became")
	}
	var itself string
	require.NoError(t, db.NewRaw(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(ctx, &itself))
	_, err := open(t, "sqlite://"+itself, db).Begin(ctx)
	assert.ErrorIs(t, err, ErrSame, "in the database itself")
}

// TestNothingPersonal: the log contains only a hash of an id, and each log has a different hash for it.
func TestNothingPersonal(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	id := newID(t)
	var texts []string
	for range 2 {
		where := filepath.Join(t.TempDir(), "erasures.log")
		require.NoError(t, open(t, where, db).Record(ctx, Subject{Access, id}))
		raw, err := os.ReadFile(where)
		require.NoError(t, err)
		require.False(t, bytes.Contains(raw, []byte(id.String())), "%s", raw)
		require.Equal(t, 2, bytes.Count(raw, []byte("\n")))
		_, entry, _ := strings.Cut(string(raw), "\n")
		texts = append(texts, entry)
	}
	assert.NotEqual(t, texts[1], texts[0], "two logs have the same hash of an id")
}

// TestLineEnds: a log whose line ends were changed by a transfer is still read. A hash in a different notation counts
// as unreadable, because it would match no id.
func TestLineEnds(t *testing.T) {
	k := newKey()
	hash := k.hash(Subject{Kind: Customer})
	text := k.line() + entry{noon, Customer, hash}.line()
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
		require.NoError(t, err, name)
		assert.Equal(t, k, key, name)
		assert.Equal(t, c.unreadable, unreadable, "%s: unreadable", name)
		assert.Len(t, entries, 1-c.unreadable, "%s: entries", name)
		for _, e := range entries {
			assert.Equal(t, hash, e.Hash, "%s: hash", name)
		}
	}
}

// FuzzParse: reading any file ends, and entries that were read can be written and read again without a change.
func FuzzParse(f *testing.F) {
	k := newKey()
	line := entry{noon, Customer, k.hash(Subject{Kind: Customer})}.line()
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
		require.NoError(t, err)
		require.Equal(t, key, again)
		require.Equal(t, 0, unreadable, "unreadable")
		require.Len(t, same, len(entries), "%q became %d entries", text, len(same))
		require.Equal(t, entries, same, "became")
	})
}
