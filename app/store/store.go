// Package store opens the database, SQLite or PostgreSQL, and hides what differs between them: opening, tx, the
// errors of constraints. It knows nothing of the domain.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
	_ "modernc.org/sqlite" // the pure-Go driver "sqlite"

	"kontor/app/config"
)

// DB is the open database. Reads go through it directly; whatever writes more than one row goes through InTx.
type DB struct {
	*bun.DB
	// writing serialises the tx of this process on SQLite, which has one writer anyway: waiting here is fair, where
	// SQLite's busy handler polls and lets a waiter starve. Other processes are kept out by busy_timeout.
	writing sync.Mutex
	shared  sharedQueue // of InSharedTx, on SQLite
	outages outages
}

// Open opens the database at url: "sqlite:///path/file.db" (a relative path has two slashes less: "sqlite://file.db")
// or "postgres://…". It does not touch the schema. No error repeats the address, which may hold a password.
func Open(ctx context.Context, url string, options ...Option) (*DB, error) {
	o := open{pool: DefaultPool}
	for _, set := range options {
		set(&o)
	}
	if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
		return openSQLite(ctx, path)
	}
	return openPostgres(ctx, url, o.pool)
}

// An Option changes how a database is opened.
type Option func(*open)

type open struct{ pool int }

// Pool is how many connections are opened at most. SQLite has a number of its own.
func Pool(n int) Option { return func(o *open) { o.pool = n } }

func newDB(sqldb *sql.DB, d schema.Dialect) *DB {
	db := &DB{outages: outages{log: slog.New(slog.DiscardHandler), over: make(chan struct{})}}
	db.DB = bun.NewDB(sqldb, d).WithQueryHook(holder{}).WithQueryHook(watch{db})
	return db
}

// Close lets go of the database. It may be called twice.
func (db *DB) Close() error {
	db.outages.end()
	return db.DB.Close()
}

// Pragmas that a Load changes for itself.
const (
	cacheSize = "cache_size(-6000)"
	tempStore = "temp_store(MEMORY)"
)

func openSQLite(ctx context.Context, path string) (*DB, error) {
	if dir := filepath.Dir(path); dir != "." {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of the database: %w", err)
		}
	}
	if err := keepPrivate(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	pragmas := url.Values{
		// immediate: a tx takes the write lock when it begins. Deferred ones fail at once when two upgrade together.
		"_txlock": {"immediate"},
		"_pragma": {
			"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
			// bytes of a deleted customer are overwritten, not just unlinked
			"secure_delete(1)",
			cacheSize, tempStore, "mmap_size(0)", "wal_autocheckpoint(1000)",
		},
	}
	// in a URI a # or ? of the path would end it, and another file be opened
	sqldb, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+pragmas.Encode())
	if err != nil {
		return nil, err
	}
	// Each connection has a cache of its own. More of either made nothing quicker at a million customers, and the process
	// several times as large.
	sqldb.SetMaxOpenConns(6)
	sqldb.SetMaxIdleConns(6)
	err = sqldb.PingContext(ctx)
	// Processes that open a new file at once all switch it to WAL, and SQLite does not apply busy_timeout to that.
	for try := 0; err != nil && strings.Contains(err.Error(), "SQLITE_BUSY") && ctx.Err() == nil && try < 100; try++ {
		time.Sleep(20 * time.Millisecond)
		err = sqldb.PingContext(ctx)
	}
	if err != nil {
		_ = sqldb.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return newDB(sqldb, sqlitedialect.New()), nil
}

// keepPrivate makes the database's file, since SQLite would make it as readable as the umask lets it, and narrows one that
// is there: 0600, whatever the umask. SQLite gives what it puts beside the file the file's own mode. An existing file is
// not opened: closing it would give up the locks that another connection of this process holds.
func keepPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, beside := range []string{"", "-wal", "-shm", "-journal"} {
		config.Narrow(path+beside, 0o600)
	}
	return nil
}

// IsPostgres says which of the two databases this is, for the few queries that must differ.
func (db *DB) IsPostgres() bool { return db.Dialect().Name() == dialect.PG }

// EmptyWAL moves what SQLite's write-ahead log holds into the file and cuts it to nothing: old pages with what was
// deleted would stay in it. It returns false when readers were in the way for longer than they may.
func (db *DB) EmptyWAL(ctx context.Context) (bool, error) {
	if db.IsPostgres() {
		return true, nil
	}
	var busy, frames, moved int
	err := db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	return busy == 0, err
}

// InTx runs fn in one tx: committed when fn returns nil, rolled back otherwise. Functions that fn registered with
// AfterCommit run after a commit, and only then. fn must use its tx for every query: on SQLite the outer DB would
// wait for the tx to end.
//
// A tx that PostgreSQL gave up for a deadlock or serialization failure is run again, up to three times; one whose
// connection was cut before it was to be committed, once: nothing is left of it. Where the connection was cut while it was
// committed nobody knows whether it was, and nothing is done again: the error is ErrUnsure.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	if IsHeld(ctx) {
		return ErrHeld
	}
	for try := 1; ; try++ {
		after, err := db.inTx(ctx, fn)
		if err == nil {
			for _, f := range after {
				f()
			}
			return nil
		}
		again := isRetryable(err) && try < 3 || isCut(err) && !errors.Is(err, ErrUnsure) && try == 1 && ctx.Err() == nil
		if !again {
			return err
		}
	}
}

func (db *DB) inTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) (after []func(), err error) {
	if !db.IsPostgres() {
		db.writing.Lock()
		defer db.writing.Unlock()
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	committing := false
	defer func() {
		if !committing { // a panic comes here, too
			_ = tx.Rollback()
		}
	}()
	if err := fn(context.WithValue(ctx, afterCommitKey{}, &after), tx); err != nil {
		return nil, err
	}
	committing = true
	if err := tx.Commit(); err != nil {
		if db.IsPostgres() && isCut(err) {
			err = errors.Join(ErrUnsure, err)
		}
		return nil, err
	}
	return after, nil
}

type afterCommitKey struct{}

// AfterCommit runs f once the tx of ctx (the one InTx handed to its fn) is committed, or at once outside of a tx.
func AfterCommit(ctx context.Context, f func()) {
	if after, ok := ctx.Value(afterCommitKey{}).(*[]func()); ok {
		*after = append(*after, f)
		return
	}
	f()
}

// Clock tells the time. Tests inject one; NewClock makes the real one.
type Clock func() time.Time

// System is this machine's clock in UTC, cut to microseconds, which is what both databases keep.
func System() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// NewClock returns a clock that follows the database's: leases and expiries are compared between processes, and the
// machines' clocks may differ by an hour. On SQLite, which is on this machine, it is System. The difference is
// measured here and again by every Sync.
func (db *DB) NewClock(ctx context.Context) (clock Clock, sync func(context.Context) error, err error) {
	if !db.IsPostgres() {
		return System, func(context.Context) error { return nil }, nil
	}
	var diff offset
	measure := func(ctx context.Context) error {
		// The quickest answer says it best: it is off by at most half of how long it took. The first one of a new
		// connection takes the longest.
		quickest := time.Duration(math.MaxInt64)
		for range 5 {
			before := System()
			var there time.Time
			if err := db.NewRaw("SELECT clock_timestamp()").Scan(ctx, &there); err != nil {
				return fmt.Errorf("ask the database for the time: %w", err)
			}
			if took := System().Sub(before); took < quickest {
				quickest = took
				diff.set(there.Sub(before.Add(took / 2)))
			}
		}
		return nil
	}
	if err := measure(ctx); err != nil {
		return nil, nil, err
	}
	return func() time.Time { return System().Add(diff.get()).Truncate(time.Microsecond) }, measure, nil
}

type offset struct {
	mu  sync.RWMutex
	off time.Duration
}

func (s *offset) set(d time.Duration) { s.mu.Lock(); s.off = d; s.mu.Unlock() }
func (s *offset) get() time.Duration  { s.mu.RLock(); defer s.mu.RUnlock(); return s.off }

// NextNumber raises a counter and returns the number, inside the tx of what gets it. No number is given twice.
func NextNumber(ctx context.Context, tx bun.IDB, counter string) (number int64, err error) {
	err = tx.NewRaw(`UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value`, counter).Scan(ctx, &number)
	return number, err
}

// NullID is an id for a column that may be empty: uuid.Nil stands for none.
func NullID(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

// Affected is how many rows a statement changed.
func Affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
