package assignment

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// facts selects the index as the assignments define it.
const facts = `SELECT f.specialist_id, t.number, t.created_at, t.id AS transaction_id, SUM(f.bit) AS relmask FROM (
		SELECT a.specialist_id, x.id AS transaction_id, 1 AS bit FROM customer_administrator AS a JOIN transactions AS x ON x.customer_id = a.customer_id
		UNION ALL SELECT p.specialist_id, p.transaction_id, 2 FROM transaction_processor AS p
	) AS f JOIN transactions AS t ON t.id = f.transaction_id GROUP BY f.specialist_id, t.number, t.created_at, t.id`

// Difference is a row in which the index and the facts differ. A relmask of 0 means that there is no row.
type Difference struct {
	SpecialistID  uuid.UUID `bun:"specialist_id"`
	TransactionID uuid.UUID `bun:"transaction_id"`
	Index, Facts  int
}

// Check compares the index with the facts and returns up to limit differences. There should be none.
func Check(ctx context.Context, db bun.IDB, limit int) (list []Difference, err error) {
	// Raw SQL: a UNION of the differences in both directions.
	err = db.NewRaw(`WITH should AS (`+facts+`)
		SELECT s.specialist_id, s.transaction_id, COALESCE(v.relmask, 0) AS "index", s.relmask AS facts
		FROM should AS s LEFT JOIN transaction_visible AS v
			ON v.specialist_id = s.specialist_id AND v.number = s.number AND v.created_at = s.created_at AND v.transaction_id = s.transaction_id
		WHERE COALESCE(v.relmask, 0) <> s.relmask
		UNION ALL
		SELECT v.specialist_id, v.transaction_id, v.relmask, 0 FROM transaction_visible AS v
		WHERE NOT EXISTS (SELECT 1 FROM customer_administrator AS a JOIN transactions AS t ON t.customer_id = a.customer_id
				WHERE a.specialist_id = v.specialist_id AND t.id = v.transaction_id AND t.number = v.number AND t.created_at = v.created_at)
			AND NOT EXISTS (SELECT 1 FROM transaction_processor AS p JOIN transactions AS t ON t.id = p.transaction_id
				WHERE p.specialist_id = v.specialist_id AND p.transaction_id = v.transaction_id AND t.number = v.number AND t.created_at = v.created_at)
		LIMIT ?`, limit).Scan(ctx, &list)
	return list, err
}

// Rebuild creates the index again from the facts, in one tx: readers see the old index until it is committed. It
// returns the number of rows.
func Rebuild(ctx context.Context, db *store.DB) (rows int64, err error) {
	err = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if db.IsPostgres() { // prevents assignments in the meantime
			// Raw SQL: Bun has no LOCK TABLE.
			if _, err := tx.ExecContext(ctx, `LOCK TABLE customer_administrator, transaction_processor, transactions IN SHARE MODE`); err != nil {
				return err
			}
		}
		// Raw SQL: SQLite empties a table at once only without a condition, and Bun requires one.
		if _, err := tx.ExecContext(ctx, `DELETE FROM transaction_visible`); err != nil {
			return err
		}
		// Raw SQL: an INSERT from a SELECT.
		res, err := tx.ExecContext(ctx, `INSERT INTO transaction_visible (specialist_id, number, created_at, transaction_id, relmask) `+facts)
		if err != nil {
			return err
		}
		rows, err = res.RowsAffected()
		return err
	})
	return rows, err
}
