package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// trySize is how many bytes must find room for a disk not to be full.
const trySize = 256 << 10

// trySQLite writes a table of trySize in a tx that is rolled back. SQLite keeps what a tx changes in memory as long as it
// can; with less memory than that the file, or the log beside it, has to take it. Where a tx of this process is under way
// nothing is tried: its own error would say more.
func (db *DB) trySQLite(ctx context.Context) (err error) {
	if !db.writing.TryLock() {
		return nil
	}
	defer db.writing.Unlock()
	conn, err := db.DB.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, `PRAGMA cache_size(10)`); err != nil {
		return err
	}
	defer func() { // the connection goes back to the pool
		_, back := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA `+cacheSize)
		err = errors.Join(err, back)
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return unlessBusy(err)
	}
	return errors.Join(fill(ctx, tx), unlessEnded(tx.Rollback()))
}

func fill(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `CREATE TABLE room (taken BLOB)`); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO room VALUES (zeroblob(%d))`, trySize))
	return err
}

// unlessBusy is err, but nil where another process writes: it can.
func unlessBusy(err error) error {
	if f := Outage(err); f != nil && f.Is(ErrBusy) {
		return nil
	}
	return err
}

// unlessEnded is err, but nil for a tx that SQLite has rolled back by itself, as it does when there is no room.
func unlessEnded(err error) error {
	if err == nil || errors.Is(err, sql.ErrTxDone) || isEnded(err) {
		return nil
	}
	return err
}
