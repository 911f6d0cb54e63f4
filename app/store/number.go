package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// Counter names what numbers things: on PostgreSQL a sequence; on SQLite, which has one writer at a time anyway, a row of
// the table counter.
type Counter string

// Next returns the next number, inside the tx that uses it. No number is given twice. On PostgreSQL nobody waits for the
// tx to end, so a tx that is rolled back leaves a gap.
func (c Counter) Next(ctx context.Context, tx bun.IDB) (number int64, err error) {
	query := `UPDATE counter SET value = value + 1 WHERE name = ? RETURNING value`
	if tx.Dialect().Name() == dialect.PG {
		query = `SELECT nextval(?)`
	}
	err = tx.NewRaw(query, string(c)).Scan(ctx, &number)
	return number, err
}

// Take returns the next n numbers, in their order, inside the tx that uses them.
func (c Counter) Take(ctx context.Context, tx bun.IDB, n int) (numbers []int64, err error) {
	if tx.Dialect().Name() == dialect.PG {
		// Raw SQL: a query without a table of ours.
		err = tx.NewRaw(`SELECT nextval(?) FROM generate_series(1, ?)`, string(c), n).Scan(ctx, &numbers)
		return numbers, err
	}
	var last int64
	// Raw SQL: a query that returns what it writes.
	if err := tx.NewRaw(`UPDATE counter SET value = value + ? WHERE name = ? RETURNING value`, n, string(c)).Scan(ctx, &last); err != nil {
		return nil, err
	}
	for i := range n {
		numbers = append(numbers, last-int64(n)+int64(i)+1)
	}
	return numbers, nil
}

// Last returns the last number that was given.
func (c Counter) Last(ctx context.Context, db bun.IDB) (number int64, err error) {
	q := db.NewSelect().Table("counter").Column("value").Where("name = ?", string(c))
	if db.Dialect().Name() == dialect.PG {
		q = db.NewSelect().Table(string(c)).ColumnExpr("CASE WHEN is_called THEN last_value ELSE last_value - 1 END")
	}
	err = q.Scan(ctx, &number)
	return number, err
}

// Number makes a counter continue after last, once the tx is committed.
func (l Load) Number(ctx context.Context, c Counter, last int64) error {
	if l.pg != nil {
		return l.Exec(ctx, fmt.Sprintf(`ALTER SEQUENCE %s RESTART WITH %d`, c, last+1)) // setval would outlast a rollback
	}
	return l.Exec(ctx, fmt.Sprintf(`UPDATE counter SET value = %d WHERE name = '%s'`, last, c))
}
