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

func put(ctx context.Context, tx bun.IDB, p Process) error {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		return err
	}
	_, err = tx.NewRaw(`INSERT INTO process (id, role, host, version, settings, started_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at`,
		p.ID, p.Role, p.Host, p.Version, string(settings), p.StartedAt, p.SeenAt).Exec(ctx)
	return err
}

func sweep(ctx context.Context, tx bun.IDB, before time.Time) error {
	_, err := tx.NewRaw(`DELETE FROM process WHERE seen_at <= ?`, before).Exec(ctx)
	return err
}

func remove(ctx context.Context, db bun.IDB, id uuid.UUID) error {
	_, err := db.NewRaw(`DELETE FROM process WHERE id = ?`, id).Exec(ctx)
	return err
}

func processes(ctx context.Context, tx bun.IDB) ([]Process, error) {
	var rows []struct {
		ID        uuid.UUID `bun:"id"`
		Role      Role      `bun:"role"`
		Host      string    `bun:"host"`
		Version   string    `bun:"version"`
		Settings  string    `bun:"settings"`
		StartedAt time.Time `bun:"started_at"`
		SeenAt    time.Time `bun:"seen_at"`
	}
	if err := tx.NewRaw(`SELECT id, role, host, version, settings, started_at, seen_at FROM process ORDER BY started_at, id`).Scan(ctx, &rows); err != nil {
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

// installationKey is the stored hash of the key, "" while there is none.
func installationKey(ctx context.Context, db bun.IDB) (stored string, err error) {
	err = db.NewRaw(`SELECT secret_key FROM installation WHERE id = 1`).Scan(ctx, &stored)
	if store.IsNoRows(err) {
		return "", nil
	}
	return stored, err
}

// putInstallationKey stores the hash of the key in the place of the one that was read; ok is false when another process
// was quicker.
func putInstallationKey(ctx context.Context, db bun.IDB, was, own string, now time.Time) (ok bool, err error) {
	res, err := db.NewRaw(`INSERT INTO installation (id, secret_key, since) VALUES (1, ?, ?)
		ON CONFLICT (id) DO UPDATE SET secret_key = EXCLUDED.secret_key, since = EXCLUDED.since WHERE installation.secret_key = ?`, own, now, was).Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
