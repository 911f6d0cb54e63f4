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
	"strings"
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

	steps, err := discover(db)
	if err != nil {
		return nil, err
	}
	m := migrate.NewMigrator(db, steps, migrate.BeforeMigration(notYet), migrate.AfterMigration(mark))
	if err := m.Init(ctx); err != nil {
		return nil, fmt.Errorf("prepare migrations table: %w", err)
	}
	pending, err := m.MigrationsWithStatus(ctx)
	if err != nil {
		return nil, fmt.Errorf("read migrations table: %w", err)
	}
	group := pending.LastGroupID() + 1
	var names []string
	for _, step := range pending {
		if step.IsApplied() || last != "" && step.Name > last {
			continue
		}
		step.GroupID = group
		err := step.Up(ctx, m, &step)
		for try := 0; busy(err) && ctx.Err() == nil && try < 40; try++ {
			err = step.Up(ctx, m, &step)
		}
		switch {
		case errors.Is(err, errTaken):
		case err != nil:
			return names, fmt.Errorf("migrate: %s: %w", step, err)
		default:
			names = append(names, step.String())
		}
	}
	return names, nil
}

// errTaken says that another process has taken a step since this one read which are missing. It happens on SQLite, which
// has no advisory lock: there each step waits for the tx of the process before it, and looks again.
var errTaken = errors.New("the step is taken already")

// busy says that another process held SQLite for longer than its busy timeout, as a long step may.
func busy(err error) bool { return err != nil && strings.Contains(err.Error(), "SQLITE_BUSY") }

// notYet runs in the tx of a step, before it, and refuses one that has been taken.
func notYet(ctx context.Context, tx bun.IConn, step *migrate.Migration) error {
	var taken int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM bun_migrations WHERE name = ?", step.Name).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return errTaken
	}
	return nil
}

// mark runs in the tx of a step, behind it. A step and its mark stand or fall together: a process that is stopped between
// the two would leave a step that every later start tries again, and fails at.
func mark(ctx context.Context, tx bun.IConn, step *migrate.Migration) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO bun_migrations (name, group_id) VALUES (?, ?)", step.Name, step.GroupID)
	return err
}

// unmark runs in the tx of a step's way back, behind it.
func unmark(ctx context.Context, tx bun.IConn, step *migrate.Migration) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM bun_migrations WHERE name = ?", step.Name)
	return err
}

// Revert takes back the steps behind the one with the name down to, the last first, and returns their names; "" takes back
// all. It is for developers: nothing in the program goes back.
func Revert(ctx context.Context, db *bun.DB, downTo string) ([]string, error) {
	unlock, err := lock(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("lock migrations: %w", err)
	}
	defer unlock()
	known, err := discover(db)
	if err != nil {
		return nil, err
	}
	m := migrate.NewMigrator(db, known, migrate.AfterMigration(unmark))
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
			return names, fmt.Errorf("revert %s: %w", step, err)
		}
		names = append(names, step.String())
	}
	return names, nil
}

// Pending returns ErrSchemaOld when steps are missing, nil when the schema is as this program needs it.
func Pending(ctx context.Context, db *bun.DB) error {
	steps, err := discover(db)
	if err != nil {
		return err
	}
	applied, err := migrate.NewMigrator(db, steps).AppliedMigrations(ctx)
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrSchemaOld, err)
	}
	have := make(map[string]bool, len(applied))
	for _, a := range applied {
		have[a.Name] = true
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

// lock takes the advisory lock on a connection of its own; on SQLite it does nothing (see errTaken).
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
