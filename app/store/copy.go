package store

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// CopyTx is a tx on PostgreSQL that can load rows in bulk (COPY).
type CopyTx struct{ tx pgx.Tx }

// CopyInTx runs fn in one tx of a PostgreSQL connection: committed when fn returns nil, rolled back otherwise.
func CopyInTx(ctx context.Context, conn *sql.Conn, fn func(CopyTx) error) error {
	return conn.Raw(func(driver any) error {
		return pgx.BeginFunc(ctx, driver.(*stdlib.Conn).Conn(), func(tx pgx.Tx) error { return fn(CopyTx{tx}) })
	})
}

// Exec runs a statement.
func (c CopyTx) Exec(ctx context.Context, statement string) error {
	_, err := c.tx.Exec(ctx, statement)
	return err
}

// Rows loads rows into a table.
func (c CopyTx) Rows(ctx context.Context, table string, columns []string, rows [][]any) error {
	_, err := c.tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}
