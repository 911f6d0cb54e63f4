package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/jackc/pgx/v5"
)

// Load is a tx that loads rows in the fastest way that the database has: COPY on PostgreSQL, prepared inserts on
// SQLite.
type Load struct {
	pg   pgx.Tx
	lite *sql.Tx
}

// LoadInTx runs fn in one tx that has more memory for sorting than others. It commits if fn returns nil, and rolls back
// otherwise.
func (db *DB) LoadInTx(ctx context.Context, fn func(Load) error) (err error) {
	conn, err := db.DB.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if db.IsPostgres() {
		return conn.Raw(func(driver any) error {
			return pgx.BeginFunc(ctx, driver.(postgresConn).Conn.Conn(), func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL work_mem = '128MB'`); err != nil {
					return err
				}
				return fn(Load{pg: tx})
			})
		})
	}
	db.writing.Lock()
	defer db.writing.Unlock()
	if _, err := conn.ExecContext(ctx, `PRAGMA cache_size(-256000); PRAGMA temp_store(FILE)`); err != nil {
		return err
	}
	defer func() { // the connection goes back to the pool
		_, back := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA `+cacheSize+`; PRAGMA `+tempStore)
		err = errors.Join(err, back)
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(Load{lite: tx}); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return whyEnded(ctx, tx.Commit())
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

// Rows loads rows into a table. On SQLite it first converts ids and times in rows to text, as Bun does there.
func (l Load) Rows(ctx context.Context, table string, columns []string, rows [][]any) (err error) {
	if l.pg != nil {
		_, err := l.pg.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	}
	marks := strings.Repeat(", ?", len(columns))[2:]
	insert := `INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES (` + marks + `)` //nolint:gosec // names are the program's own
	stmt, err := l.lite.PrepareContext(ctx, insert)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for _, row := range rows {
		for i := range row {
			row[i] = asText(row[i])
		}
		if _, err := stmt.ExecContext(ctx, row...); err != nil {
			return err
		}
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

// Unindexed drops the indexes of tables, except those that constraints need, runs fn, and creates the indexes again.
// For a million rows, building an index once takes a fraction of the time of inserting every row into it.
func (l Load) Unindexed(ctx context.Context, tables []string, fn func() error) error {
	indexes, err := l.indexes(ctx, tables)
	if err != nil {
		return err
	}
	for _, i := range indexes {
		if err := l.Exec(ctx, `DROP INDEX "`+i.Name+`"`); err != nil {
			return err
		}
	}
	if err := fn(); err != nil {
		return err
	}
	for _, i := range indexes {
		if err := l.Exec(ctx, i.Definition); err != nil {
			return fmt.Errorf("make index %s again: %w", i.Name, err)
		}
	}
	return nil
}

type index struct{ Name, Definition string }

func (l Load) indexes(ctx context.Context, tables []string) (list []index, err error) {
	if l.pg != nil {
		rows, err := l.pg.Query(ctx, `SELECT i.relname, pg_get_indexdef(i.oid) FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid
			JOIN pg_class AS t ON t.oid = indrelid WHERE t.relnamespace = current_schema()::regnamespace
			AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.oid) AND t.relname = ANY(string_to_array($1, ',')) ORDER BY 1`,
			strings.Join(tables, ","))
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	}
	rows, err := l.lite.QueryContext(ctx, `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
		AND instr(?, ',' || tbl_name || ',') > 0 ORDER BY 1`, ","+strings.Join(tables, ",")+",")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var i index
		if err := rows.Scan(&i.Name, &i.Definition); err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, rows.Err()
}
