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
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/migrate"
)

//go:embed common/*.sql sqlite/*.sql postgres/*.sql
var files embed.FS

// ErrSchemaOld says that the database lacks steps this program needs.
var ErrSchemaOld = errors.New("the database schema is older than this program: run `app migrate`")

// An Option changes how steps are taken.
type Option func(*options)

type options struct {
	last string
	log  *slog.Logger
}

// To stops behind the step with a name. It is for tests of what a step makes of the rows of the version before it.
func To(last string) Option { return func(o *options) { o.last = last } }

// Log takes what is to be said while another process migrates. Without it nothing is said.
func Log(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// Apply brings the schema up to date and returns the names of the steps it took. Any number of processes may call it
// at once: each step is taken by one of them, the others wait and find it taken. Where no step is missing, nothing is
// locked and nothing waited for.
func Apply(ctx context.Context, db *bun.DB, opts ...Option) ([]string, error) {
	o := options{log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	if err := Pending(ctx, db); !errors.Is(err, ErrSchemaOld) {
		return nil, err
	}
	if err := Hindrance(ctx, db); err != nil {
		return nil, err
	}
	steps, err := discover(db)
	if err != nil {
		return nil, err
	}
	l := newLock(db, o.log)
	if err := patiently(ctx, func() error { return makeTable(ctx, db, l) }); err != nil {
		return nil, fmt.Errorf("prepare migrations table: %w", err)
	}
	m := migrate.NewMigrator(db, steps, migrate.BeforeMigration(l.beforeStep), migrate.AfterMigration(mark))
	pending, err := m.MigrationsWithStatus(ctx)
	if err != nil {
		return nil, fmt.Errorf("read migrations table: %w", err)
	}
	group := pending.LastGroupID() + 1
	var names []string
	for _, step := range pending {
		if step.IsApplied() || o.last != "" && step.Name > o.last {
			continue
		}
		step.GroupID = group
		err := patiently(ctx, func() error { return step.Up(ctx, m, &step) })
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

// makeTable makes the table of the steps taken. Bun's own Init does it outside of a tx, where two processes that do so at
// once are in each other's way.
func makeTable(ctx context.Context, db *bun.DB, l *lock) error {
	return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := l.take(ctx, tx); err != nil {
			return err
		}
		_, err := tx.NewCreateTable().Model((*migrate.Migration)(nil)).ModelTableExpr("bun_migrations").IfNotExists().Exec(ctx)
		return err
	})
}

// errTaken says that another process has taken a step since this one read which are missing.
var errTaken = errors.New("the step is taken already")

// patiently runs fn again while another process holds SQLite's file for longer than it is waited for: a step takes as long
// as it takes.
func patiently(ctx context.Context, fn func() error) error {
	err := fn()
	for try := 0; busy(err) && ctx.Err() == nil && try < 40; try++ {
		err = fn()
	}
	return err
}

// busy says that another process held SQLite for longer than its busy timeout, as a long step may.
func busy(err error) bool { return err != nil && strings.Contains(err.Error(), "SQLITE_BUSY") }

// beforeStep runs in the tx of a step, before it: it waits for its turn and refuses a step that has been taken meanwhile.
func (l *lock) beforeStep(ctx context.Context, tx bun.IConn, step *migrate.Migration) error {
	if err := l.take(ctx, tx); err != nil {
		return err
	}
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
// all. It is what `app migrate --back-to` does.
func Revert(ctx context.Context, db *bun.DB, downTo string) ([]string, error) {
	known, err := discover(db)
	if err != nil {
		return nil, err
	}
	l := newLock(db, slog.New(slog.DiscardHandler))
	m := migrate.NewMigrator(db, known, migrate.BeforeMigration(l.beforeRevert), migrate.AfterMigration(unmark))
	steps, err := m.MigrationsWithStatus(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, step := range slices.Backward(steps) {
		if step.Name <= downTo {
			break
		}
		if !step.IsApplied() {
			continue
		}
		if err := step.Down(ctx, m, &step); err != nil {
			return names, fmt.Errorf("revert %s: %w", step, err)
		}
		names = append(names, step.String())
	}
	return names, nil
}

// Pending returns ErrSchemaOld when steps are missing, nil when the schema is as this program needs it, and what the
// database says when it can't be asked.
func Pending(ctx context.Context, db *bun.DB) error {
	steps, err := discover(db)
	if err != nil {
		return err
	}
	applied, err := migrate.NewMigrator(db, steps).AppliedMigrations(ctx)
	if isMissing(err) {
		return ErrSchemaOld
	}
	if err != nil {
		return fmt.Errorf("read migrations table: %w", err)
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

// Wait returns once the schema is up to date, asking every interval, or when ctx ends, with what it knew then. It is the
// worker's: only the app (or `app migrate`) changes the schema.
func Wait(ctx context.Context, db *bun.DB, interval time.Duration) error {
	var known error
	for {
		err := Pending(ctx, db)
		if err == nil {
			return nil
		}
		if known == nil || ctx.Err() == nil { // a look that ctx cut short says nothing
			known = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), known)
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

// isMissing says whether err is about a table that is not there.
func isMissing(err error) bool {
	var postgres interface{ SQLState() string }
	if errors.As(err, &postgres) {
		return postgres.SQLState() == "42P01"
	}
	return err != nil && strings.Contains(err.Error(), "no such table")
}
