// Package migrations holds the schema, step by step, and the code that applies it.
//
// common/ is the same text for both databases, sqlite/ and postgres/ hold what differs. Every step is a
// .tx.up.sql/.tx.down.sql pair: only those run inside a tx, so a step is applied whole or not at all.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/migrate"
)

//go:embed common/*.sql sqlite/*.sql postgres/*.sql
var files embed.FS

// lockKey names the PostgreSQL advisory lock under which migrations run. The lock belongs to the session: it goes
// with a crashed process, where a row in a lock table would stay.
const lockKey = 0x6b6f6e746f72 // "kontor"

// ErrSchemaOld says that the database lacks steps this program needs.
var ErrSchemaOld = errors.New("the database schema is older than this program: run `app migrate`")

// Apply brings the schema up to date and returns the names of the steps it took. Any number of processes may call it
// at once: one migrates, the others wait and find nothing to do.
func Apply(ctx context.Context, db *bun.DB) ([]string, error) { return ApplyTo(ctx, db, "") }

// ApplyTo is Apply up to the step with a name and no further; "" is all. It is for tests of what a step makes of the rows
// of the version before it.
func ApplyTo(ctx context.Context, db *bun.DB, last string) ([]string, error) {
	unlock, err := lock(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("lock migrations: %w", err)
	}
	defer unlock()

	m, err := migrator(db, last)
	if err != nil {
		return nil, err
	}
	if err := m.Init(ctx); err != nil {
		return nil, fmt.Errorf("prepare migrations table: %w", err)
	}
	group, err := m.Migrate(ctx)
	for try := 0; err != nil && db.Dialect().Name() == dialect.SQLite && try < 40; try++ {
		// SQLite has no advisory lock. Each step is one immediate tx, so when two processes start at once the loser's
		// step fails as a whole ("table exists"): look again until the winner is through.
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
		group, err = m.Migrate(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	var names []string
	for _, step := range group.Migrations {
		names = append(names, step.Name+"_"+step.Comment)
	}
	return names, nil
}

// Revert takes back the steps behind the one with the name down to, the last first, and returns their names; "" takes back
// all. It is for developers: nothing in the program goes back.
func Revert(ctx context.Context, db *bun.DB, downTo string) ([]string, error) {
	unlock, err := lock(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("lock migrations: %w", err)
	}
	defer unlock()
	m, err := migrator(db, "")
	if err != nil {
		return nil, err
	}
	steps, err := m.MigrationsWithStatus(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, step := range slices.Backward(steps) {
		if step.Name <= downTo {
			break
		}
		if err := step.Down(ctx, m, &step); err != nil {
			return names, fmt.Errorf("revert %s: %w", step.Name, err)
		}
		if err := m.MarkUnapplied(ctx, &step); err != nil {
			return names, fmt.Errorf("revert %s: %w", step.Name, err)
		}
		names = append(names, step.Name+"_"+step.Comment)
	}
	return names, nil
}

// Pending returns ErrSchemaOld when steps are missing, nil when the schema is as this program needs it.
func Pending(ctx context.Context, db *bun.DB) error {
	m, err := migrator(db, "")
	if err != nil {
		return err
	}
	applied, err := m.AppliedMigrations(ctx)
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrSchemaOld, err)
	}
	have := make(map[string]bool, len(applied))
	for _, a := range applied {
		have[a.Name] = true
	}
	steps, err := discover(db)
	if err != nil {
		return err
	}
	for _, s := range steps.Sorted() {
		if !have[s.Name] {
			return ErrSchemaOld
		}
	}
	return nil
}

// Wait returns once the schema is up to date, asking every interval, or when ctx ends. It is the worker's: only the
// app (or `app migrate`) changes the schema.
func Wait(ctx context.Context, db *bun.DB, interval time.Duration) error {
	for {
		err := Pending(ctx, db)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(interval):
		}
	}
}

// migrator knows the steps up to the one with a name, or all.
func migrator(db *bun.DB, last string) (*migrate.Migrator, error) {
	steps, err := discover(db)
	if err != nil {
		return nil, err
	}
	if last != "" {
		some := migrate.NewMigrations()
		for _, step := range steps.Sorted() {
			if step.Name <= last {
				some.Add(step)
			}
		}
		steps = some
	}
	return migrate.NewMigrator(db, steps, migrate.WithMarkAppliedOnSuccess(true)), nil
}

func discover(db *bun.DB) (*migrate.Migrations, error) {
	own := "sqlite"
	if db.Dialect().Name() == dialect.PG {
		own = "postgres"
	}
	steps := migrate.NewMigrations()
	for _, dir := range []string{"common", own} {
		sub, err := fs.Sub(files, dir)
		if err != nil {
			return nil, err
		}
		if err := steps.Discover(sub); err != nil {
			return nil, fmt.Errorf("read migrations of %s: %w", dir, err)
		}
	}
	return steps, nil
}

// lock takes the advisory lock on a connection of its own; on SQLite it does nothing (see Apply).
func lock(ctx context.Context, db *bun.DB) (func(), error) {
	if db.Dialect().Name() != dialect.PG {
		return func() {}, nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(?)", int64(lockKey)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return func() {
		// The context may be over by now; closing the connection would free the lock as well, but it goes back to the pool.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(?)", int64(lockKey))
		_ = conn.Close()
	}, nil
}
