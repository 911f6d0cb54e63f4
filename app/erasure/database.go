package erasure

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// database is a log in another database than the one whose erasures it records.
type database struct{ db *store.DB }

// erased is an entry as it is stored.
type erased struct {
	bun.BaseModel `bun:"table:kontor_erasure"`

	Hash string    `bun:"hash,pk"`
	Kind Kind      `bun:"kind"`
	At   time.Time `bun:"at"`
}

// ErrSame says that the log would be restored together with the data that it is about.
var ErrSame = errors.New("ERASURE_LOG is in the database itself: restoring a backup would take it back as well")

func openDatabase(ctx context.Context, address string, about *store.DB) (journal, error) {
	db, err := store.Open(ctx, address, store.Pool(2))
	if err != nil {
		return nil, err
	}
	if err := apart(ctx, db, about); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return database{db}, nil
}

func apart(ctx context.Context, a, b *store.DB) error {
	first, err := a.Place(ctx)
	if err != nil {
		return err
	}
	second, err := b.Place(ctx)
	if err == nil && first == second {
		return ErrSame
	}
	return err
}

func (d database) close() error { return d.db.Close() }

func (d database) head(ctx context.Context) (logKey, int64, error) {
	for _, table := range []string{"kontor_erasure_key", "kontor_erasure"} {
		if there, err := d.has(ctx, table); err != nil {
			return logKey{}, 0, err
		} else if !there {
			return logKey{}, 0, ErrNone
		}
	}
	var text string
	err := d.db.NewSelect().Table("kontor_erasure_key").Column("value").Where("id = 1").Scan(ctx, &text)
	if store.IsNoRows(err) {
		return logKey{}, 0, ErrNone
	}
	if err != nil {
		return logKey{}, 0, err
	}
	k, err := parseHead(headWord + text)
	if err != nil {
		return logKey{}, 0, err
	}
	at, err := d.length(ctx, d.db)
	return k, at, err
}

func (d database) has(ctx context.Context, table string) (there bool, err error) {
	sql := `SELECT count(*) > 0 FROM sqlite_master WHERE name = ?`
	if d.db.IsPostgres() {
		sql = `SELECT to_regclass(?) IS NOT NULL`
	}
	// Raw SQL: each database describes its tables in its own way.
	return there, d.db.NewRaw(sql, table).Scan(ctx, &there)
}

func (d database) length(ctx context.Context, db bun.IDB) (int64, error) {
	return db.NewSelect().Model((*erased)(nil)).Count(ctx)
}

func (d database) begin(ctx context.Context) (logKey, int64, error) {
	if k, at, err := d.head(ctx); !errors.Is(err, ErrNone) {
		return k, at, err
	}
	k := newKey()
	err := d.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if d.db.IsPostgres() { // without the lock, two processes that create a table at once get an error
			// Raw SQL: it calls a function and reads no table.
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7308604895219968357)`); err != nil {
				return err
			}
		}
		for _, sql := range []string{
			`CREATE TABLE IF NOT EXISTS kontor_erasure_key (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL)`,
			`CREATE TABLE IF NOT EXISTS kontor_erasure (hash TEXT PRIMARY KEY, kind TEXT NOT NULL, at TIMESTAMPTZ NOT NULL)`,
		} {
			// Raw SQL: it creates tables. This database has no migrations.
			if _, err := tx.ExecContext(ctx, sql); err != nil {
				return err
			}
		}
		values := map[string]any{"id": 1, "value": base64.StdEncoding.EncodeToString(k[:])}
		_, err := tx.NewInsert().Model(&values).Table("kontor_erasure_key").On("CONFLICT DO NOTHING").Exec(ctx)
		return err
	})
	if err != nil {
		return logKey{}, 0, fmt.Errorf("make the erasure log: %w", err)
	}
	return d.head(ctx)
}

func (d database) write(ctx context.Context, key logKey, entries []entry) (at int64, err error) {
	if has, _, err := d.head(ctx); errors.Is(err, ErrNone) || err == nil && has != key {
		return 0, ErrReplaced
	} else if err != nil {
		return 0, err
	}
	err = d.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, e := range entries {
			row := erased{Hash: e.Hash, Kind: e.Kind, At: e.At}
			if _, err := tx.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
				return err
			}
		}
		at, err = d.length(ctx, tx)
		return err
	})
	return at, err
}

func (d database) read(ctx context.Context) (logKey, []entry, int, error) {
	k, _, err := d.head(ctx)
	if err != nil {
		return logKey{}, nil, 0, err
	}
	var rows []erased
	if err := d.db.NewSelect().Model(&rows).Column("hash", "kind").Scan(ctx); err != nil {
		return logKey{}, nil, 0, err
	}
	entries := make([]entry, len(rows))
	for i, r := range rows {
		entries[i] = entry{Kind: r.Kind, Hash: r.Hash}
	}
	return k, entries, 0, nil
}
