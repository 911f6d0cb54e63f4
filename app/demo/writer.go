package demo

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
)

// writer writes batches the quickest way the database has: COPY on PostgreSQL, prepared inserts on SQLite.
type writer struct {
	conn     *sql.Conn
	postgres bool
	reindex  bool
}

// bulk is from how many customers on PostgreSQL's search index is built afterwards, at once.
const bulk = 50_000

func newWriter(ctx context.Context, db *store.DB, customers int) (*writer, error) {
	conn, err := db.DB.DB.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, postgres: db.IsPostgres(), reindex: customers >= bulk}
	setup := []string{`PRAGMA cache_size(-400000)`}
	if w.postgres {
		setup = nil
		if w.reindex {
			setup = []string{`DROP INDEX IF EXISTS customer_search`, `DROP INDEX IF EXISTS transaction_search`, `SET maintenance_work_mem = '256MB'`}
		}
	}
	for _, s := range setup {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return w, nil
}

func (w *writer) close() {
	if !w.postgres {
		_, _ = w.conn.ExecContext(context.Background(), `PRAGMA cache_size(-32000)`) // the connection goes back to the pool
	}
	_ = w.conn.Close()
}

// finish brings indexes and statistics to the state in which a database that grew slowly would be.
func (w *writer) finish(ctx context.Context) error {
	after := []string{
		`INSERT INTO customer_search (customer_search) VALUES ('optimize')`,
		`INSERT INTO transaction_search (transaction_search) VALUES ('optimize')`, `PRAGMA wal_checkpoint(TRUNCATE)`,
	}
	if w.postgres {
		after = []string{`ANALYZE`}
		if w.reindex {
			after = []string{
				`CREATE INDEX IF NOT EXISTS customer_search ON customer USING gin (search gin_trgm_ops) WITH (fastupdate = off)`,
				`CREATE INDEX IF NOT EXISTS transaction_search ON transactions USING gin (search gin_trgm_ops) WITH (fastupdate = off)`,
				`RESET maintenance_work_mem`, `VACUUM ANALYZE`,
			}
		}
	}
	for _, s := range after {
		if _, err := w.conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("finish seeding: %w", err)
		}
	}
	return nil
}

// write writes one batch in one tx.
func (w *writer) write(ctx context.Context, b *batch) error {
	if w.postgres {
		return store.CopyInTx(ctx, w.conn, func(tx store.CopyTx) error { return w.copy(ctx, tx, b) })
	}
	tx, err := w.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := w.insert(ctx, tx, b); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// counters are the statements after which new numbers come behind the batch's.
func counters(b *batch) []string {
	const set = `UPDATE counter SET value = %d WHERE name = '%s' AND value < %d`
	return []string{
		fmt.Sprintf(set, b.counter, "customer_number", b.counter), fmt.Sprintf(set, b.matters, "transaction_number", b.matters),
	}
}

func (w *writer) copy(ctx context.Context, tx store.CopyTx, b *batch) error {
	for _, set := range counters(b) {
		if err := tx.Exec(ctx, set); err != nil {
			return err
		}
	}
	for _, t := range tables {
		rows := t.rows(b)
		if t.sqlite || len(rows) == 0 {
			continue
		}
		if err := tx.Rows(ctx, t.name, t.columns, rows); err != nil {
			return fmt.Errorf("copy to %s: %w", t.name, err)
		}
	}
	return nil
}

func (w *writer) insert(ctx context.Context, tx *sql.Tx, b *batch) error {
	for _, set := range counters(b) {
		if _, err := tx.ExecContext(ctx, set); err != nil {
			return err
		}
	}
	for _, t := range tables {
		rows := t.rows(b)
		if len(rows) == 0 {
			continue
		}
		marks := strings.Repeat(", ?", len(t.columns))[2:]
		stmt, err := tx.PrepareContext(ctx, `INSERT INTO `+t.name+` (`+strings.Join(t.columns, ", ")+`) VALUES (`+marks+`)`)
		if err != nil {
			return err
		}
		for _, row := range rows {
			for i := range row {
				row[i] = asText(row[i])
			}
			if _, err := stmt.ExecContext(ctx, row...); err != nil {
				_ = stmt.Close()
				return fmt.Errorf("insert into %s: %w", t.name, err)
			}
		}
		if err := stmt.Close(); err != nil {
			return err
		}
	}
	return nil
}

// asText writes ids and times the way Bun does on SQLite.
func asText(v any) any {
	switch v := v.(type) {
	case uuid.UUID:
		return v.String()
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05.999999-07:00")
	}
	return v
}
