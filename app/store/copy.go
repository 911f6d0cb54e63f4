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

// CopyTo writes the SQLite database, as it is at one moment, into a new file that is this user's alone. Others read and
// write meanwhile. What was deleted is not in it. A file that is there already is an error; after an error there is none.
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
		_ = os.Remove(path + "-journal") // SQLite leaves it where the disk is full
	}()
	// SQLite takes an empty file for none, and keeps its mode
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, "file:"+(&url.URL{Path: path}).EscapedPath()); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

// ErrInUse says that a process has the SQLite file open.
var ErrInUse = errors.New("the database is in use: stop every process that has it open")

// Seized is an SQLite file that no other process can open as long as it is held. It has nothing beside it: what a
// write-ahead log held is in the file.
type Seized struct {
	db   *sql.DB
	conn *sql.Conn
}

// Seize takes an SQLite file away from everybody else. It returns ErrInUse when another process has it open, and SQLite's
// own complaint about a file that is none of its databases.
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
	// Who has a database with a write-ahead log open keeps it from having none; in the other mode only who is at work with it
	// is in the way, and whoever opens it to work with it wants the log first.
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

// Query asks the database for one number.
func (s *Seized) Query(ctx context.Context, sql string) (n int64, err error) {
	return n, s.conn.QueryRowContext(ctx, sql).Scan(&n)
}

// Release gives the file back.
func (s *Seized) Release() error {
	if s.conn == nil {
		return s.db.Close()
	}
	return errors.Join(s.conn.Close(), s.db.Close())
}

// Sound asks SQLite whether every page, index and reference of its file is as it must be. The error says what is not.
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
