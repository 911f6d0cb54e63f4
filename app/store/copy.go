package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// CopyTo writes the SQLite database, as it is at one moment, into a new file that only this user can read. Other
// connections can read and write meanwhile. The copy contains no deleted data. If the file exists already, CopyTo
// returns an error; after any other error it leaves no file.
func (db *DB) CopyTo(ctx context.Context, path string) (err error) {
	if db.IsPostgres() {
		return errors.New("a PostgreSQL database is copied by its own tools")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		err = errors.Join(err, os.Remove(path))
		_ = os.Remove(path + "-journal") // SQLite leaves it behind if the disk is full
	}()
	// SQLite treats an empty file as no database, and keeps the mode of the file.
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, "file:"+(&url.URL{Path: path}).EscapedPath()); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

// ErrInUse says that a process has the SQLite file open.
var ErrInUse = errors.New("the database is in use: stop every process that has it open")

// Seized is an SQLite file that no other process can open until Release. There are no other files beside it: the
// content of a write-ahead log has been moved into the file.
type Seized struct {
	db   *sql.DB
	conn *sql.Conn
}

// Seize locks an SQLite file against all other processes. It returns ErrInUse if another process has the file open, and
// SQLite's own error if the file is not an SQLite database.
func Seize(ctx context.Context, path string) (held *Seized, err error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(500)")
	if err != nil {
		return nil, err
	}
	s := &Seized{db: db}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Release())
			held = nil
		}
		if err != nil && strings.Contains(err.Error(), "SQLITE_BUSY") {
			err = ErrInUse
		}
	}()
	if s.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	// A process that has a database with a write-ahead log open prevents the change to the journal mode DELETE. In the
	// other modes only a process that is using the database right now is in the way. A process that opens it later must
	// first change the mode back to the log.
	var mode string
	if err := s.conn.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode); err != nil {
		return nil, err
	}
	if !strings.EqualFold(mode, "delete") {
		return nil, ErrInUse
	}
	_, err = s.conn.ExecContext(ctx, `BEGIN EXCLUSIVE`)
	return s, err
}

// Query runs a query that returns one number.
func (s *Seized) Query(ctx context.Context, sql string) (n int64, err error) {
	return n, s.conn.QueryRowContext(ctx, sql).Scan(&n)
}

// Release unlocks the file.
func (s *Seized) Release() error {
	if s.conn == nil {
		return s.db.Close()
	}
	return errors.Join(s.conn.Close(), s.db.Close())
}

// Sound checks every page, index and reference of the SQLite file. The error says what is damaged.
func (db *DB) Sound(ctx context.Context) error {
	for _, check := range []string{`PRAGMA integrity_check(5)`, `SELECT DISTINCT 'a row of ' || "table" || ' refers to nothing' FROM pragma_foreign_key_check LIMIT 5`} {
		var said []string
		if err := db.NewRaw(check).Scan(ctx, &said); err != nil {
			return err
		}
		if len(said) > 0 && said[0] != "ok" {
			return fmt.Errorf("the database is damaged: %s", strings.Join(said, "; "))
		}
	}
	return nil
}
