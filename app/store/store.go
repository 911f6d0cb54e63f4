// Package store opens the database, SQLite or PostgreSQL, and hides the differences between them: opening, tx, the
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

	"kontor/app/config"
)

// DB is the open database. Reads use it directly; everything that writes more than one row uses InTx.
type DB struct {
	*bun.DB
	// writing serialises the tx of this process on SQLite, which has only one writer. Waiting for the mutex is fair,
	// whereas SQLite's busy handler polls and can starve a waiter. Other processes are kept out by busy_timeout.
	writing sync.Mutex
	outages outages
}

// Open opens the database at url: "sqlite:///path/file.db" ("sqlite://file.db" for a relative path) or "postgres://…".
// It does not change the schema. No error repeats the address, which may contain a password.
func Open(ctx context.Context, url string, options ...Option) (*DB, error) {
	o := open{pool: defaultPool}
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

// Pool sets how many connections are opened at most. On SQLite the number is fixed.
func Pool(n int) Option { return func(o *open) { o.pool = n } }

func newDB(sqldb *sql.DB, d schema.Dialect) *DB {
	db := &DB{outages: outages{log: slog.New(slog.DiscardHandler), over: make(chan struct{})}}
	db.DB = bun.NewDB(sqldb, d).WithQueryHook(holder{}).WithQueryHook(watch{db})
	return db
}

// Close closes the database. It may be called twice.
func (db *DB) Close() error {
	db.outages.end()
	return db.DB.Close()
}

// sqliteConns is how many connections SQLite has. Each has its own cache. With a million customers, more connections or
// larger caches made nothing faster, but the process several times as large.
const sqliteConns = 6

// Pragmas that some connections change for a while.
const (
	cacheSize   = "cache_size(-6000)"
	busyTimeout = "busy_timeout(10000)"
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
		// immediate: a tx takes the write lock when it begins. Two deferred tx that both begin to write would fail at
		// once.
		"_txlock": {"immediate"},
		"_pragma": {
			busyTimeout, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
			// bytes of a deleted customer are overwritten, not just unlinked
			"secure_delete(1)",
			cacheSize, "temp_store(MEMORY)", "mmap_size(0)",
			// pages: many txs that change the same pages write them to the database once
			"wal_autocheckpoint(4000)",
		},
	}
	// A # or ? in the path would end the path of the URI, and another file would be opened.
	connector, err := newSQLiteConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + pragmas.Encode())
	if err != nil {
		return nil, err
	}
	sqldb := sql.OpenDB(connector)
	sqldb.SetMaxOpenConns(sqliteConns)
	sqldb.SetMaxIdleConns(sqliteConns)
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
	return newDB(sqldb, sqliteDialect{sqlitedialect.New()}), nil
}

// keepPrivate creates the database's file with mode 0600, because SQLite would let the umask decide. If the file
// exists, keepPrivate changes its mode to 0600. SQLite gives the files that it creates beside the database the same
// mode. An existing file is not opened: closing it would release the locks that another connection of this process
// holds.
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

// IsPostgres says whether this is PostgreSQL, for the few queries that must differ.
func (db *DB) IsPostgres() bool { return db.Dialect().Name() == dialect.PG }

// EmptyWAL moves the content of SQLite's write-ahead log into the file and truncates the log; otherwise old pages with
// deleted data would remain in it. It returns false if readers prevented this for too long.
func (db *DB) EmptyWAL(ctx context.Context) (bool, error) {
	if db.IsPostgres() {
		return true, nil
	}
	var busy, frames, moved int
	err := db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
	return busy == 0, err
}

// InTx runs fn in one tx. It commits if fn returns nil, and rolls back otherwise. Functions that fn registered with
// AfterCommit run only after a commit. fn must use its tx for every query: on SQLite a query with the outer DB would
// wait for the tx to end.
//
// A tx that PostgreSQL aborted because of a deadlock or serialization failure is run again, up to three times in all. A
// tx whose connection was cut before the commit is run again once, since nothing of it remains. If the connection was
// cut during the commit, nobody knows whether the tx was committed; nothing is run again, and the error is ErrUnsure.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	if isHeld(ctx) {
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
		if !committing { // also after a panic
			_ = tx.Rollback()
		}
	}()
	if err := fn(context.WithValue(ctx, afterCommitKey{}, &after), tx); err != nil {
		return nil, whyEnded(ctx, err)
	}
	committing = true
	if err := tx.Commit(); err != nil {
		if db.IsPostgres() && isCut(err) {
			err = errors.Join(ErrUnsure, err)
		}
		return nil, whyEnded(ctx, err)
	}
	return after, nil
}

// whyEnded returns err, but what ended ctx if err says only that the tx is over: database/sql rolls a tx back as soon
// as its ctx ends, and a later commit fails with sql.ErrTxDone.
func whyEnded(ctx context.Context, err error) error {
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

type afterCommitKey struct{}

// AfterCommit runs f after the tx of ctx (the ctx that InTx passes to its fn) is committed. Outside of a tx it runs f
// at once.
func AfterCommit(ctx context.Context, f func()) {
	if after, ok := ctx.Value(afterCommitKey{}).(*[]func()); ok {
		*after = append(*after, f)
		return
	}
	f()
}

// Clock returns the current time. Tests inject one; NewClock makes the real one.
type Clock func() time.Time

// System returns the time of this machine in UTC, truncated to microseconds, which is what both databases store.
func System() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// NewClock returns a clock that follows the database's clock: processes compare leases and expiry times, and the clocks
// of their machines may differ by an hour. On SQLite, which runs on this machine, the clock is System. The difference
// is measured here, and again by every call of sync.
func (db *DB) NewClock(ctx context.Context) (clock Clock, sync func(context.Context) error, err error) {
	if !db.IsPostgres() {
		return System, func(context.Context) error { return nil }, nil
	}
	var diff offset
	measure := func(ctx context.Context) error {
		// The fastest answer is the most precise: its error is at most half of its duration. The first query of a new
		// connection is the slowest.
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

// NullID returns an id for a column that may be NULL: uuid.Nil stands for NULL.
func NullID(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

// Affected returns how many rows a statement changed.
func Affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
