package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/jackc/pgx/v5"
)

// Loader is a connection that loads very many rows, in one tx or several. It has more memory for sorting than others.
type Loader struct {
	db   *DB
	conn *sql.Conn
}

// Loading runs fn with a connection of its own, which is closed after fn, together with its settings.
func (db *DB) Loading(ctx context.Context, fn func(*Loader) error) (err error) {
	conn, err := db.DB.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		discarded := conn.Raw(func(any) error { return driver.ErrBadConn })
		if !errors.Is(discarded, driver.ErrBadConn) {
			err = errors.Join(err, discarded)
		}
	}()
	if !db.IsPostgres() {
		if _, err := conn.ExecContext(ctx, `PRAGMA cache_size(-24000); PRAGMA temp_store(FILE)`); err != nil {
			return err
		}
	}
	return fn(&Loader{db: db, conn: conn})
}

// ErrNotAlone says that a connection can't have SQLite's database for itself.
var ErrNotAlone = errors.New("the database is open elsewhere: stop what uses it")

// Alone makes loading quicker on SQLite, for rows whose references are known to be right: they are not checked. Pages are
// written into the file at once, not into the write-ahead log first, which would become as large as the largest index.
// That takes a database that nobody else has open; otherwise the error is ErrNotAlone. The next connection that is opened
// uses the log again. A process may be killed at any moment: what was changed since the last commit is undone then. On
// PostgreSQL Alone does nothing.
func (l *Loader) Alone(ctx context.Context) error {
	if l.db.IsPostgres() {
		return nil
	}
	l.db.SetMaxIdleConns(0) // closes those that are idle
	defer l.db.SetMaxIdleConns(sqliteConns)
	if _, err := l.conn.ExecContext(ctx, `PRAGMA busy_timeout(1000)`); err != nil { // who has it open keeps it open
		return err
	}
	var mode string
	err := l.conn.QueryRowContext(ctx, `PRAGMA journal_mode(DELETE)`).Scan(&mode)
	if isBusy(err) || err == nil && mode != "delete" {
		return ErrNotAlone
	}
	if err != nil {
		return err
	}
	_, err = l.conn.ExecContext(ctx, `PRAGMA foreign_keys(0); PRAGMA `+busyTimeout)
	return err
}

// InTx runs fn in one tx. It commits if fn returns nil, and rolls back otherwise.
func (l *Loader) InTx(ctx context.Context, fn func(Load) error) error {
	if l.db.IsPostgres() {
		return l.conn.Raw(func(driver any) error {
			return pgx.BeginFunc(ctx, driver.(postgresConn).Conn.Conn(), func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL work_mem = '128MB'`); err != nil {
					return err
				}
				return fn(Load{pg: tx})
			})
		})
	}
	l.db.writing.Lock()
	defer l.db.writing.Unlock()
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(Load{lite: tx}); err != nil {
		return errors.Join(whyEnded(ctx, err), tx.Rollback())
	}
	return whyEnded(ctx, tx.Commit())
}

// Load is a tx that loads rows in the fastest way that the database has: COPY on PostgreSQL, prepared inserts on
// SQLite.
type Load struct {
	pg   pgx.Tx
	lite *sql.Tx
}

// Exec runs a statement.
func (l Load) Exec(ctx context.Context, statement string) (err error) {
	if l.pg != nil {
		_, err = l.pg.Exec(ctx, statement)
	} else {
		_, err = l.lite.ExecContext(ctx, statement)
	}
	return err
}

// atOnce is how many rows one statement inserts on SQLite.
const atOnce = 20

// Rows loads rows into a table. On SQLite it first converts ids and times in rows to text, as Bun does there.
func (l Load) Rows(ctx context.Context, table string, columns []string, rows [][]any) error {
	if l.pg != nil {
		_, err := l.pg.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	}
	// OR FAIL: the tx is rolled back anyway, so SQLite need not be able to undo a part of the statement.
	into := `INSERT OR FAIL INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES `
	whole := len(rows) / atOnce * atOnce
	if columns[0] == "rowid" { // a search index, in which a statement of several rows makes a segment of its own
		whole = 0
	}
	if err := l.insert(ctx, into, atOnce, rows[:whole]); err != nil {
		return err
	}
	return l.insert(ctx, into, 1, rows[whole:])
}

// insert inserts rows, n with each call of one prepared statement.
func (l Load) insert(ctx context.Context, into string, n int, rows [][]any) (err error) {
	if len(rows) == 0 {
		return nil
	}
	row := `(` + strings.Repeat(", ?", len(rows[0]))[2:] + `)`
	stmt, err := l.lite.PrepareContext(ctx, into+strings.Repeat(", "+row, n)[2:])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	values := make([]any, 0, n*len(rows[0]))
	for len(rows) > 0 {
		values = values[:0]
		for _, row := range rows[:n] {
			for _, v := range row {
				values = append(values, asText(v))
			}
		}
		if _, err := stmt.ExecContext(ctx, values...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func asText(v any) any {
	switch v := v.(type) {
	case uuid.UUID:
		return v.String()
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05.999999-07:00")
	}
	return v
}

// Index is the name of an index and the statement that creates it.
type Index struct{ Name, Definition string }

// DropIndexes drops the indexes of tables, except those that constraints need, and returns them. For a million rows,
// building an index once takes a fraction of the time of inserting every row into it.
func (l Load) DropIndexes(ctx context.Context, tables []string) ([]Index, error) {
	indexes, err := l.indexes(ctx, tables)
	if err != nil {
		return nil, err
	}
	for _, i := range indexes {
		if err := l.Exec(ctx, `DROP INDEX "`+i.Name+`"`); err != nil {
			return nil, err
		}
	}
	return indexes, nil
}

// CreateIndex creates an index that DropIndexes has dropped.
func (l Load) CreateIndex(ctx context.Context, i Index) error {
	if err := l.Exec(ctx, i.Definition); err != nil {
		return fmt.Errorf("make index %s again: %w", i.Name, err)
	}
	return nil
}

func (l Load) indexes(ctx context.Context, tables []string) (list []Index, err error) {
	if l.pg != nil {
		rows, err := l.pg.Query(ctx, `SELECT i.relname, pg_get_indexdef(i.oid) FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid
			JOIN pg_class AS t ON t.oid = indrelid WHERE t.relnamespace = current_schema()::regnamespace
			AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.oid) AND t.relname = ANY(string_to_array($1, ',')) ORDER BY 1`,
			strings.Join(tables, ","))
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Index])
	}
	rows, err := l.lite.QueryContext(ctx, `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
		AND instr(?, ',' || tbl_name || ',') > 0 ORDER BY 1`, ","+strings.Join(tables, ",")+",")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var i Index
		if err := rows.Scan(&i.Name, &i.Definition); err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, rows.Err()
}

// HasTable says whether a table exists.
func (db *DB) HasTable(ctx context.Context, name string) (has bool, err error) {
	query := `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)`
	if db.IsPostgres() {
		query = `SELECT to_regclass(?) IS NOT NULL`
	}
	err = db.NewRaw(query, name).Scan(ctx, &has)
	return has, err
}
