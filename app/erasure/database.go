package erasure

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// database is a log in another database than the one whose erasures it records.
type database struct{ db *store.DB }

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

func (d database) head(ctx context.Context) (Key, int64, error) {
	for _, table := range []string{"kontor_erasure_key", "kontor_erasure"} {
		if there, err := d.has(ctx, table); err != nil {
			return Key{}, 0, err
		} else if !there {
			return Key{}, 0, ErrNone
		}
	}
	var text string
	err := d.db.NewRaw(`SELECT value FROM kontor_erasure_key WHERE id = 1`).Scan(ctx, &text)
	if store.IsNoRows(err) {
		return Key{}, 0, ErrNone
	}
	if err != nil {
		return Key{}, 0, err
	}
	k, err := parseHead(headWord + text)
	if err != nil {
		return Key{}, 0, err
	}
	at, err := d.length(ctx, d.db)
	return k, at, err
}

func (d database) has(ctx context.Context, table string) (there bool, err error) {
	sql := `SELECT count(*) > 0 FROM sqlite_master WHERE name = ?`
	if d.db.IsPostgres() {
		sql = `SELECT to_regclass(?) IS NOT NULL`
	}
	return there, d.db.NewRaw(sql, table).Scan(ctx, &there)
}

func (d database) length(ctx context.Context, db bun.IDB) (n int64, err error) {
	return n, db.NewRaw(`SELECT count(*) FROM kontor_erasure`).Scan(ctx, &n)
}

func (d database) begin(ctx context.Context) (Key, int64, error) {
	if k, at, err := d.head(ctx); !errors.Is(err, ErrNone) {
		return k, at, err
	}
	k := newKey()
	err := d.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if d.db.IsPostgres() { // without the lock, two processes that create a table at once get an error
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7308604895219968357)`); err != nil {
				return err
			}
		}
		for _, sql := range []string{
			`CREATE TABLE IF NOT EXISTS kontor_erasure_key (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL)`,
			`CREATE TABLE IF NOT EXISTS kontor_erasure (hash TEXT PRIMARY KEY, kind TEXT NOT NULL, at TIMESTAMPTZ NOT NULL)`,
		} {
			if _, err := tx.ExecContext(ctx, sql); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO kontor_erasure_key (id, value) VALUES (1, ?) ON CONFLICT DO NOTHING`,
			base64.StdEncoding.EncodeToString(k[:]))
		return err
	})
	if err != nil {
		return Key{}, 0, fmt.Errorf("make the erasure log: %w", err)
	}
	return d.head(ctx)
}

func (d database) write(ctx context.Context, key Key, entries []Entry) (at int64, err error) {
	if has, _, err := d.head(ctx); errors.Is(err, ErrNone) || err == nil && has != key {
		return 0, ErrReplaced
	} else if err != nil {
		return 0, err
	}
	err = d.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, e := range entries {
			if _, err := tx.ExecContext(ctx, `INSERT INTO kontor_erasure (hash, kind, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
				e.Hash, e.Kind, e.At); err != nil {
				return err
			}
		}
		at, err = d.length(ctx, tx)
		return err
	})
	return at, err
}

func (d database) read(ctx context.Context) (Key, []Entry, int, error) {
	k, _, err := d.head(ctx)
	if err != nil {
		return Key{}, nil, 0, err
	}
	var rows []struct{ Hash, Kind string }
	if err := d.db.NewRaw(`SELECT hash, kind FROM kontor_erasure`).Scan(ctx, &rows); err != nil {
		return Key{}, nil, 0, err
	}
	entries := make([]Entry, len(rows))
	for i, r := range rows {
		entries[i] = Entry{Kind: Kind(r.Kind), Hash: r.Hash}
	}
	return k, entries, 0, nil
}
