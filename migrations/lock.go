package migrations

import (
	"context"
	"log/slog"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/migrate"
)

// lockKey is the key of the PostgreSQL advisory lock under which a step is applied. The lock belongs to the step's
// transaction and ends with it in every case. A lock that belonged to the session stayed on pgbouncer's connection when
// the program had ended. Older versions used such a lock with another key, so their leftover locks do not block this one.
const lockKey = 0x6b6f6e746f73

// askAgain is the interval between two attempts to get the lock, and sayAgain the interval between two log lines about
// it.
const (
	askAgain = 200 * time.Millisecond
	sayAgain = 30 * time.Second
)

// lock is how a process waits for its turn. On SQLite it does nothing, because the transaction of a step locks the file
// from its begin.
type lock struct {
	postgres    bool
	log         *slog.Logger
	since, said time.Time // when it began to wait, and when it last logged that
}

func newLock(db *bun.DB, log *slog.Logger) *lock {
	return &lock{postgres: db.Dialect().Name() == dialect.PG, log: log}
}

// take returns when tx holds the lock. It lifts the time limits that a role or a database may have for tx, because a
// step, or waiting for the lock, may take long.
func (l *lock) take(ctx context.Context, tx bun.IConn) error {
	if !l.postgres {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
		SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		return err
	}
	for {
		var taken bool
		if err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock(?)", int64(lockKey)).Scan(&taken); err != nil {
			return err
		}
		if taken {
			l.since, l.said = time.Time{}, time.Time{}
			return nil
		}
		l.say(ctx, tx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askAgain):
		}
	}
}

// say logs that this process waits, since when, and for which server process.
func (l *lock) say(ctx context.Context, tx bun.IConn) {
	now := time.Now()
	if l.since.IsZero() {
		l.since = now
	}
	if now.Sub(l.said) < sayAgain {
		return
	}
	l.said = now
	var holder int
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(min(pid), 0) FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND classid = ? AND objid = ? AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
		int64(lockKey>>32), int64(lockKey&0xffffffff)).Scan(&holder); err != nil {
		return // the next query gets the same error
	}
	l.log.Info("waiting for another process that migrates the database", "since", l.since.Format(time.RFC3339), "server_process", holder)
}

func (l *lock) beforeRevert(ctx context.Context, tx bun.IConn, _ *migrate.Migration) error {
	return l.take(ctx, tx)
}
