package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestBind: a bound value is the value that the query would have without Bind, whatever it contains.
func TestBind(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		at := time.Date(2026, 11, 30, 8, 15, 0, 123_000_000, time.UTC)
		for _, value := range []any{
			"", "Müller", "O'Hara", "''", "'", `"`, "\x02", "\x03", "'\x02'\x03", "\x02'a'\x03", "? $1 ?1", "--", "/*", `\`, "NULL", "1", "a\nb", "🦊",
			0, 1, -7, int64(math.MaxInt64), int64(math.MinInt64), true, false, 1.5, at, &at, uuid.Must(uuid.NewV7()), []byte("ab"), []byte{0, 0xff}, []byte{}, nil, (*time.Time)(nil),
		} {
			for range 2 { // the second time with the kept statement
				var same bool
				err := db.NewRaw(`SELECT COALESCE(CAST(? AS TEXT), '-') = COALESCE(CAST(? AS TEXT), '-') AND 'x' = ?`, store.Bind(value), value, store.Bind("x")).
					Scan(t.Context(), &same)
				require.NoError(t, err, "%v", value)
				assert.True(t, same, "%q is bound as another value", fmt.Sprint(value))
			}
		}
	})
}

// TestSplit: what stays in the text of a statement, and what is bound to it.
func TestSplit(t *testing.T) {
	db := storetest.SQLite(t)
	long, more := strings.Repeat("long ", 10_000), strings.Repeat(", 1", 10_000) // a value is not kept with a statement, its text is
	for _, c := range []struct{ query, text, values string }{
		{db.NewRaw(`SELECT 1 WHERE a = ? AND b = ? AND c = 'it''s'`, "x'y", 7).String(), `SELECT 1 WHERE a = ? AND b = 7 AND c = 'it''s'`, "[x'y]"},
		{db.NewRaw(`SELECT ? WHERE n = ?`, nil, store.Bind(7)).String(), `SELECT NULL WHERE n = ?`, "[7]"},
		{db.NewRaw(`INSERT INTO a (n, b, c, d) VALUES (?, ?, ?, ?)`, 5, -6, 1.5, "a 7, 8").String(), `INSERT INTO a (n, b, c, d) VALUES (?, ?, 1.5, ?)`, "[5 -6 a 7, 8]"},
		{
			db.NewRaw(`INSERT INTO a (n) VALUES (?), (?) ON CONFLICT (n) DO UPDATE SET m = (?) RETURNING n, (2)`, 5, true, 6).String(),
			`INSERT INTO a (n) VALUES (?), (TRUE) ON CONFLICT (n) DO UPDATE SET m = (6) RETURNING n, (2)`, "[5]",
		},
		{`INSERT INTO a (n) SELECT 5, (6), 'VALUES (7)'`, `INSERT INTO a (n) SELECT 5, (6), 'VALUES (7)'`, "[]"},
		{db.NewRaw(`VACUUM INTO ?`, "file").String(), `VACUUM INTO 'file'`, "[]"},
		{db.NewRaw(`SELECT ?; SELECT ?`, "a", "b").String(), `SELECT 'a'; SELECT 'b'`, "[]"},
		{db.NewRaw(`SELECT ?`, "a; b").String(), `SELECT ?`, "[a; b]"},
		{db.NewRaw(`SELECT ? /* ? */`, "\x02'a'\x03", 1).String(), `SELECT ? /* 1 */`, "[\x02'a'\x03]"},
		{db.NewRaw(`INSERT INTO a (b, n) VALUES (?, ?)`, long, 5).String(), `INSERT INTO a (b, n) VALUES (?, ?)`, "[" + long + " 5]"},
		{db.NewRaw(`SELECT ?, 1`+more, "a").String(), `SELECT 'a', 1` + more, "[]"},
		{db.NewRaw(`SELECT "\x02", 'a\x02b', ?`, "x").String(), `SELECT "\x02", 'a\x02b', ?`, "[x]"},
	} {
		text, values := store.Split(c.query)
		assert.Equal(t, c.text, text)
		assert.Equal(t, c.values, fmt.Sprint(values))
	}
}

// FuzzLift: whatever stands in a query, its text with the values in their places is the query without marks, and every
// value is what the database reads.
func FuzzLift(f *testing.F) {
	for _, seed := range []string{"", "a'b", "\x02'a'\x03", "\x02", "X'00'", "VALUES (1, 2)", "INSERT INTO a VALUES (-1, ", "'", `"`, "''\x03"} {
		f.Add(seed, seed, int64(7))
	}
	db := storetest.SQLite(f)
	f.Fuzz(func(t *testing.T, a, b string, n int64) {
		if strings.ContainsRune(a+b, 0) || !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		var got struct {
			A    string `bun:"a"`
			B    string `bun:"b"`
			N, M int64
		}
		require.NoError(t, db.NewRaw(`SELECT ? AS a, ? AS b, ? AS n, ? AS m`, a, b, store.Bind(n), n).Scan(t.Context(), &got))
		assert.Equal(t, a, got.A)
		assert.Equal(t, b, got.B)
		assert.Equal(t, n, got.N)
		assert.Equal(t, n, got.M)
	})
}

// TestPrepared: a prepared query gives what it gives without, also after a change of the table, in a tx and in a second
// turn.
func TestPrepared(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		exec := func(query string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, query, args...)
			require.NoError(t, err)
		}
		exec(`CREATE TABLE prepared_test (n INTEGER PRIMARY KEY, id UUID, at TIMESTAMPTZ, yes BOOLEAN, data BYTEA, more TEXT)`)
		defer exec(`DROP TABLE prepared_test`)
		type row struct {
			N    int           `bun:"n"`
			ID   uuid.NullUUID `bun:"id"`
			At   time.Time     `bun:"at"`
			Yes  bool          `bun:"yes"`
			Data []byte        `bun:"data"`
			More string        `bun:"more"`
		}
		at := time.Date(2026, 11, 30, 8, 15, 0, 123_000_000, time.UTC)
		id := uuid.Must(uuid.NewV7())
		exec(`INSERT INTO prepared_test VALUES (1, ?, ?, TRUE, ?, 'O''Hara')`, id, at, []byte{0, 255})
		read := func(ctx context.Context, db bun.IDB) (rows []row) {
			t.Helper()
			err := db.NewRaw(`SELECT * FROM prepared_test WHERE id = ? AND at <= ? AND n = ? AND more = ?`, store.Bind(id), store.Bind(at), store.Bind(1),
				store.Bind("O'Hara")).Scan(ctx, &rows)
			require.NoError(t, err)
			return rows
		}
		prepared := store.Prepared(ctx)
		want := read(ctx, db)
		require.Len(t, want, 1)
		for range 3 {
			assert.Equal(t, want, read(prepared, db))
		}
		require.NoError(t, db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			assert.Equal(t, want, read(store.Prepared(ctx), tx), "in a tx")
			return nil
		}))
		if db.IsPostgres() {
			exec(`ALTER TABLE prepared_test ALTER COLUMN n TYPE BIGINT`)
		} else {
			exec(`ALTER TABLE prepared_test RENAME COLUMN data TO data2`)
			exec(`ALTER TABLE prepared_test RENAME COLUMN data2 TO data`)
		}
		for range 2 * db.Stats().OpenConnections {
			assert.Equal(t, want, read(prepared, db), "after a change of the table")
		}
		var names []string
		if db.IsPostgres() {
			require.NoError(t, db.NewRaw(`SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%prepared_test%'`).Scan(ctx, &names))
			assert.Len(t, names, 1, "prepared")
			assert.Contains(t, names[0], "id = $1 AND at <= $2 AND n = $3 AND more = $4")
		}
	})
}

// TestKeptStatements: what a connection keeps does not show: queries inside themselves, more of them than are kept, after
// changes of the table, after errors, and in a tx that is rolled back.
func TestKeptStatements(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		exec := func(query string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, query, args...)
			require.NoError(t, err)
		}
		exec(`CREATE TABLE kept_test (n INTEGER PRIMARY KEY, name TEXT NOT NULL)`)
		defer exec(`DROP TABLE kept_test`)
		for n := range 5 {
			exec(`INSERT INTO kept_test (n, name) VALUES (?, ?)`, store.Bind(n), store.Bind(fmt.Sprint("row ", n)))
		}
		const query = `SELECT n FROM kept_test WHERE n >= ? ORDER BY n`
		read := func(db bun.IDB, from int) (list []int) {
			t.Helper()
			require.NoError(t, db.NewRaw(query, store.Bind(from)).Scan(ctx, &list))
			return list
		}
		assert.Equal(t, []int{0, 1, 2, 3, 4}, read(db, 0))
		assert.Equal(t, []int{3, 4}, read(db, 3))
		assert.Empty(t, read(db, 9))

		if !db.IsPostgres() { // whose connections answer one query at a time
			err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				outer, err := tx.QueryContext(ctx, query, store.Bind(1))
				require.NoError(t, err)
				defer func() { _ = outer.Close() }()
				var got []int
				for outer.Next() {
					var n int
					require.NoError(t, outer.Scan(&n))
					got = append(got, n)
					assert.Equal(t, []int{2, 3, 4}, read(tx, 2), "inside the same query")
				}
				assert.Equal(t, []int{1, 2, 3, 4}, got)
				return outer.Err()
			})
			require.NoError(t, err)
		}

		for i := range 300 {
			var n int
			require.NoError(t, db.NewRaw(fmt.Sprintf(`SELECT n + %d FROM kept_test WHERE n = ?`, i), store.Bind(1)).Scan(ctx, &n))
			assert.Equal(t, 1+i, n)
		}

		broken := errors.New("broken")
		err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO kept_test (n, name) VALUES (?, ?)`, store.Bind(5), store.Bind("row 5"))
			require.NoError(t, err)
			assert.Equal(t, []int{4, 5}, read(tx, 4))
			return broken
		})
		require.ErrorIs(t, err, broken)
		assert.Equal(t, []int{4}, read(db, 4), "rolled back")

		for range 2 {
			_, err = db.ExecContext(ctx, `INSERT INTO kept_test (n, name) VALUES (?, ?)`, store.Bind(1), store.Bind("twice"))
			assert.True(t, store.IsUnique(err, "kept_test.n") || store.IsUnique(err, "kept_test_pkey"), "%v", err)
		}
		exec(`ALTER TABLE kept_test ADD COLUMN more TEXT NOT NULL DEFAULT 'm'`)
		var rows []struct {
			N    int    `bun:"n"`
			Name string `bun:"name"`
			More string `bun:"more"`
		}
		for _, columns := range []string{`*`, `*`} {
			rows = nil
			require.NoError(t, db.NewRaw(`SELECT `+columns+` FROM kept_test WHERE n = ?`, store.Bind(2)).Scan(ctx, &rows))
			require.Len(t, rows, 1)
			assert.Equal(t, "m", rows[0].More, "after a change of the table")
		}
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		var list []int
		require.Error(t, db.NewRaw(query, store.Bind(0)).Scan(canceled, &list))
		assert.Equal(t, []int{4}, read(db, 4), "after an end of the context")
	})
}
