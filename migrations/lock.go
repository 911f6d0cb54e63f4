package migrations

import (
	"context"
	"log/slog"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/migrate"
)

// lockKey names the PostgreSQL advisory lock under which a step is taken. The lock belongs to the step's tx and ends with
// it, however that ends: one that belonged to the session stayed on pgbouncer's connection when the program was gone.
// Versions that took it that way had another key, so what they left behind is in nobody's way.
const lockKey = 0x6b6f6e746f73

// askAgain is how long who waits for the lock waits between two tries, and sayAgain between two lines of the log.
const (
	askAgain = 200 * time.Millisecond
	sayAgain = 30 * time.Second
)

// lock is one process's way to its turn. On SQLite there is nothing to do: a step's tx holds the file from its begin.
type lock struct {
	postgres    bool
	log         *slog.Logger
	since, said time.Time // when it began to wait, and last said so
}

func newLock(db *bun.DB, log *slog.Logger) *lock {
	return &lock{postgres: db.Dialect().Name() == dialect.PG, log: log}
}

// take returns when the lock belongs to tx. The limits of time that a role or a database may have are lifted for tx: a
// step may take long, and so may waiting for it.
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

// say tells the log that this process waits, since when, and for which of the server's processes.
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
		return // who asks next gets the same error
	}
	l.log.Info("waiting for another process that migrates the database", "since", l.since.Format(time.RFC3339), "server_process", holder)
}

func (l *lock) beforeRevert(ctx context.Context, tx bun.IConn, _ *migrate.Migration) error {
	return l.take(ctx, tx)
}
