package heartbeat

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// row is a process as it is stored.
type row struct {
	bun.BaseModel `bun:"table:process"`

	ID        uuid.UUID `bun:"id,pk"`
	Role      Role      `bun:"role"`
	Host      string    `bun:"host"`
	Version   string    `bun:"version"`
	Settings  string    `bun:"settings"` // JSON
	StartedAt time.Time `bun:"started_at"`
	SeenAt    time.Time `bun:"seen_at"`
}

func put(ctx context.Context, tx bun.IDB, p Process) error {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return err
	}
	r := row{ID: p.ID, Role: p.Role, Host: p.Host, Version: p.Version, Settings: string(settings), StartedAt: p.StartedAt, SeenAt: p.SeenAt}
	_, err = tx.NewInsert().Model(&r).On("CONFLICT (id) DO UPDATE").
		Set("seen_at = EXCLUDED.seen_at").Set("settings = EXCLUDED.settings").Exec(ctx)
	return err
}

func sweep(ctx context.Context, tx bun.IDB, before time.Time) error {
	_, err := tx.NewDelete().Model((*row)(nil)).Where("seen_at <= ?", before).Exec(ctx)
	return err
}

func remove(ctx context.Context, db bun.IDB, id uuid.UUID) error {
	_, err := db.NewDelete().Model((*row)(nil)).Where("id = ?", id).Exec(ctx)
	return err
}

func processes(ctx context.Context, tx bun.IDB) ([]Process, error) {
	var rows []row
	if err := tx.NewSelect().Model(&rows).Order("started_at", "id").Scan(ctx); err != nil {
		return nil, err
	}
	all := make([]Process, len(rows))
	for i, r := range rows {
		all[i] = Process{ID: r.ID, Role: r.Role, Host: r.Host, Version: r.Version, StartedAt: r.StartedAt, SeenAt: r.SeenAt}
		if err := json.Unmarshal([]byte(r.Settings), &all[i].Settings); err != nil {
			return nil, fmt.Errorf("settings of process %s: %w", r.ID, err)
		}
	}
	return all, nil
}

// installationKey returns the stored hash of the key, "" if there is none.
func installationKey(ctx context.Context, db bun.IDB) (stored string, err error) {
	err = db.NewSelect().Table("installation").Column("secret_key").Where("id = 1").Scan(ctx, &stored)
	if store.IsNoRows(err) {
		return "", nil
	}
	return stored, err
}

// putInstallationKey replaces the stored hash of the key if it is still was; ok is false when another process has
// changed it in the meantime.
func putInstallationKey(ctx context.Context, db bun.IDB, was, own string, now time.Time) (ok bool, err error) {
	values := map[string]any{"id": 1, "secret_key": own, "since": now}
	res, err := db.NewInsert().Model(&values).Table("installation").On("CONFLICT (id) DO UPDATE").
		Set("secret_key = EXCLUDED.secret_key").Set("since = EXCLUDED.since").Where("installation.secret_key = ?", was).Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Alive returns how many processes sent a heartbeat within Life. For a database of a version without heartbeats it
// returns 0.
func Alive(ctx context.Context, db *store.DB, now time.Time) (n int, err error) {
	q := db.NewSelect().Model((*row)(nil)).ColumnExpr("count(*)").Where("seen_at > ?", now.Add(-Life))
	if err := q.Scan(ctx, &n); err != nil {
		if _, there := db.NewSelect().Model((*row)(nil)).ColumnExpr("1").Where("1 = 0").Exec(ctx); there != nil && ctx.Err() == nil {
			return 0, nil //nolint:nilerr // no such table
		}
		return 0, err
	}
	return n, nil
}

// Senders returns how many processes that send messages are alive, and when one of them was last seen; the zero time
// when none is known. A process that was stopped normally has no row any more.
func Senders(ctx context.Context, db *store.DB, now time.Time) (alive int, last time.Time, err error) {
	all, err := processes(ctx, db)
	for _, p := range all {
		if !p.sends() {
			continue
		}
		if p.alive(now) {
			alive++
		}
		if p.SeenAt.After(last) {
			last = p.SeenAt
		}
	}
	return alive, last, err
}

// LastWorker returns when a worker process on a host was last seen; the zero time when none is known.
func LastWorker(ctx context.Context, db *store.DB, host string) (seen time.Time, err error) {
	err = db.NewSelect().Model((*row)(nil)).Column("seen_at").Where("role = ?", Worker).Where("host = ?", host).
		Order("seen_at DESC").Limit(1).Scan(ctx, &seen)
	if store.IsNoRows(err) {
		return time.Time{}, nil
	}
	return seen, err
}

// ForgetProcesses deletes the processes from a restored database: those that were running when the backup was made.
func ForgetProcesses(ctx context.Context, db bun.IDB) error {
	_, err := db.NewDelete().Model((*row)(nil)).Where("TRUE").Exec(ctx)
	return err
}

// InstallationKey returns the stored hash of the SECRET_KEY that a database was last used with, "" if there is none.
func InstallationKey(ctx context.Context, db bun.IDB) (string, error) {
	return installationKey(ctx, db)
}
