package store

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsUnique says whether err violates a unique constraint that covers the column, given as "table.column". It finds the
// column in the text of the error.
func IsUnique(err error, column string) bool {
	table, col, _ := strings.Cut(column, ".")
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// PostgreSQL reports the table, and the columns only in the detail: "Key (a, b)=…".
		keys, _, _ := strings.Cut(strings.TrimPrefix(pg.Detail, "Key ("), ")=")
		return pg.Code == "23505" && pg.TableName == table && contains(strings.Split(keys, ", "), col)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		code := lite.Code()
		unique := code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
		return unique && contains(strings.FieldsFunc(lite.Error(), func(r rune) bool { return r == ' ' || r == ',' }), column)
	}
	return false
}

// IsForeignKey says whether err violates a foreign key: a row refers to a row that does not exist (any more), or a row
// is to be deleted to which another still refers.
func IsForeignKey(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23503"
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

// IsNoRows says whether a query for one row found no row.
func IsNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

func isRetryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// isBusy says that SQLite's file is locked by another connection.
func isBusy(err error) bool {
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_BUSY
}

// isEnded says whether err means that SQLite has no open tx to roll back.
func isEnded(err error) bool {
	return err != nil && strings.Contains(err.Error(), "no transaction is active")
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}
