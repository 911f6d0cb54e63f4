package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"kontor/app/fault"
)

// These errors say why the database can't do what it is asked until somebody outside of the program changes something.
// Outage finds them.
var (
	// ErrAway: the database does not answer, or only says that it is starting or stopping.
	ErrAway = fault.New(fault.Unavailable, "database.away").After(5 * time.Second)
	// ErrConnections: the server, or a pgbouncer in front of it, accepts no more connections.
	ErrConnections = fault.New(fault.Unavailable, "database.connections").After(5 * time.Second)
	// ErrReadOnly: the database can be read but not written: a hot standby, default_transaction_read_only, or a file or
	// folder without write permission.
	ErrReadOnly = fault.New(fault.Unavailable, "database.read_only").After(30 * time.Second)
	// ErrDiskFull: the disk has no space for what is to be written.
	ErrDiskFull = fault.New(fault.Unavailable, "database.disk_full").After(30 * time.Second)
	// ErrBusy: another process has locked the SQLite file for longer than busy_timeout.
	ErrBusy = fault.New(fault.Unavailable, "database.busy").After(5 * time.Second)
	// ErrUnsure: the connection was cut during a commit. The tx may have been committed, or not.
	ErrUnsure = fault.New(fault.Unavailable, "database.unsure").After(5 * time.Second)
)

// Outage returns which of these errors err is; nil for any other error.
func Outage(err error) *fault.Error {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var lite *sqlite.Error
	var own *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		if own.Code == fault.Unavailable && strings.HasPrefix(own.Message, "database.") {
			return own
		}
		return nil
	case errors.As(err, &pg):
		if f := outageOfPostgres(pg); f != nil {
			return f
		}
		if errors.As(err, &connect) { // wrong password, no such database
			return ErrAway
		}
		return nil
	case errors.As(err, &lite):
		return outageOfSQLite(lite.Code())
	case errors.As(err, &connect), isCut(err), errors.Is(err, context.DeadlineExceeded):
		return ErrAway
	}
	return nil
}

func outageOfPostgres(e *pgconn.PgError) *fault.Error {
	switch {
	case e.Code == "25006":
		return ErrReadOnly
	case e.Code == "53100":
		return ErrDiskFull
	case e.Code == "53300", e.Code == "08P01" && strings.Contains(e.Message, "no more connections"): // pgbouncer
		return ErrConnections
	case isCutCode(e.Code), e.Code == "57P03":
		return ErrAway
	}
	return nil
}

func outageOfSQLite(code int) *fault.Error {
	switch code {
	case sqlite3.SQLITE_IOERR_SHMSIZE: // no space for the index of the write-ahead log
		return ErrDiskFull
	case sqlite3.SQLITE_IOERR_DELETE, sqlite3.SQLITE_IOERR_LOCK:
		return ErrReadOnly
	}
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return ErrDiskFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return ErrReadOnly
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		return ErrAway
	case sqlite3.SQLITE_BUSY:
		return ErrBusy
	}
	return nil
}

// isCut says whether err means that an existing connection has ended, because of an administrator, the server or the
// network.
func isCut(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return isCutCode(pg.Code)
	}
	for _, end := range []error{errCut, driver.ErrBadConn, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, syscall.ETIMEDOUT} {
		if errors.Is(err, end) {
			return true
		}
	}
	return err != nil && strings.Contains(err.Error(), "conn closed") // from pgx, for a connection that it knows to be cut
}

// isCutCode says whether a PostgreSQL error code means a cut connection: admin_shutdown, crash_shutdown,
// idle_session_timeout, idle_in_transaction_session_timeout, and the class of connection exceptions, which pgbouncer
// uses for failures of its servers.
func isCutCode(code string) bool {
	switch code {
	case "57P01", "57P02", "57P05", "25P03":
		return true
	}
	return strings.HasPrefix(code, "08")
}

// outages is the state of the current outage.
type outages struct {
	mu    sync.Mutex
	log   *slog.Logger
	now   *fault.Error // nil: none
	since time.Time
	last  time.Time     // when it was seen last
	over  chan struct{} // closed with the database
	ended bool

	checked time.Time // when SQLite's file was last tried
}

// Tell sets the logger to which the beginning and the end of an outage are written, once each.
func (db *DB) Tell(log *slog.Logger) {
	db.outages.mu.Lock()
	defer db.outages.mu.Unlock()
	db.outages.log = log
}

func (o *outages) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended = true
		close(o.over)
	}
}

func (o *outages) current() *fault.Error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// watch is the hook that sees each statement's error.
type watch struct{ db *DB }

// BeforeQuery implements bun.QueryHook.
func (watch) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

// AfterQuery implements bun.QueryHook. It ignores queries whose caller gave up: that breaks the connection but says
// nothing about the database.
func (w watch) AfterQuery(ctx context.Context, e *bun.QueryEvent) {
	if e.Err != nil && ctx.Err() == nil {
		w.db.note(e.Err)
	}
}

// note records an outage, logs its beginning, and starts to check whether it is over.
func (db *DB) note(err error) {
	f := Outage(err)
	if f == nil || errors.Is(err, context.DeadlineExceeded) || f.Is(ErrBusy) || f.Is(ErrUnsure) {
		return // one caller's timeout says nothing about other callers
	}
	o := &db.outages
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	if o.now == nil {
		o.since = time.Now()
		go db.awaitEnd()
	}
	if o.now == nil || !o.now.Is(f) {
		o.log.Error("the database is not of use; what is asked of it is answered with 503 meanwhile", "why", reasonOf(f), "error", err)
	}
	o.now, o.last = f, time.Now()
}

// lookEvery is how often the program checks whether an outage is over. quiet is for an outage that can't be checked: it
// is over when nothing has failed for that long.
const (
	lookEvery = time.Second
	quiet     = 10 * time.Second
)

// awaitEnd waits until the outage is over.
func (db *DB) awaitEnd() {
	o := &db.outages
	for {
		select {
		case <-o.over:
			return
		case <-time.After(lookEvery):
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := db.try(ctx)
		cancel()
		if err != nil {
			db.note(err)
			continue
		}
		o.mu.Lock()
		if db.IsPostgres() && o.now.Is(ErrDiskFull) && time.Since(o.last) < quiet { // try can't detect this
			o.mu.Unlock()
			continue
		}
		o.log.Info("the database is of use again", "after", time.Since(o.since).Round(time.Second))
		o.now = nil
		o.mu.Unlock()
		return
	}
}

// reasonOf describes an outage in English, for the log and for readiness.
func reasonOf(f *fault.Error) string {
	switch {
	case f.Is(ErrConnections):
		return "takes no more connections"
	case f.Is(ErrReadOnly):
		return "can be read only"
	case f.Is(ErrDiskFull):
		return "has no room left on its disk"
	case f.Is(ErrBusy):
		return "is held by another process"
	}
	return "does not answer"
}

// Explain adds to the error that ended a program why the database can't be used. Any other error stays as it is.
func Explain(err error) error {
	for _, known := range []*fault.Error{ErrReadOnly, ErrDiskFull, ErrConnections, ErrBusy} {
		if f := Outage(err); f != nil && f.Is(known) {
			return fmt.Errorf("the database %s (%w)", reasonOf(f), err)
		}
	}
	return err
}

// Check says in a few English words why the database can't be used properly, for readiness; "" if it can. On PostgreSQL
// it checks whether the database can be written. On SQLite it checks whether it can be read, and at most every ten
// seconds whether it can be written.
func (db *DB) Check(ctx context.Context) string {
	o := &db.outages
	o.mu.Lock()
	read := !db.IsPostgres() && time.Since(o.checked) < 10*time.Second
	if !read {
		o.checked = time.Now()
	}
	o.mu.Unlock()
	try := db.try
	if read {
		try = db.PingContext
	}
	if err := try(ctx); err != nil {
		db.note(err)
		f := Outage(err)
		if f == nil {
			f = ErrAway
		}
		return reasonOf(f)
	}
	if f := o.current(); f != nil {
		return reasonOf(f)
	}
	return ""
}

// try checks whether the database can be read and written. It leaves nothing behind.
func (db *DB) try(ctx context.Context) error {
	if db.IsPostgres() {
		return db.tryPostgres(ctx)
	}
	return db.trySQLite(ctx)
}

func (db *DB) tryPostgres(ctx context.Context) error {
	var readOnly string
	if err := db.DB.DB.QueryRowContext(ctx, "SELECT current_setting('transaction_read_only')").Scan(&readOnly); err != nil {
		return err
	}
	if readOnly == "on" {
		return ErrReadOnly
	}
	return nil
}
