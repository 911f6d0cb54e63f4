package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// trySize is how many bytes must be writable for the disk not to count as full.
const trySize = 256 << 10

// trySQLite writes a table of trySize bytes in a tx that is rolled back. SQLite keeps the changes of a tx in memory as
// long as it can. The cache is made smaller than trySize, so that the data must be written to the file or to its log.
// If this process is running a tx, nothing is tried: an error of that tx would say more.
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

// unlessBusy returns err, but nil if another process is writing: then the database can be written.
func unlessBusy(err error) error {
	if f := Outage(err); f != nil && f.Is(ErrBusy) {
		return nil
	}
	return err
}

// unlessEnded returns err, but nil for a tx that SQLite has rolled back by itself, as it does if the disk is full.
func unlessEnded(err error) error {
	if err == nil || errors.Is(err, sql.ErrTxDone) || isEnded(err) {
		return nil
	}
	return err
}
