// Package migrations holds the steps of the schema and the code that applies them.
//
// common/ holds the steps whose text is the same for both databases; sqlite/ and postgres/ hold the others. Every step is
// a .tx.up.sql/.tx.down.sql pair: only such files run in a transaction, so a step is applied whole or not at all.
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

// ErrSchemaOld says that the database lacks steps that this program needs.
var ErrSchemaOld = errors.New("the database schema is older than this program: run `app migrate`")

// An Option changes how Apply works.
type Option func(*options)

type options struct {
	last string
	log  *slog.Logger
}

// To stops after the step last. It is for tests of how a step changes the rows of the version before it.
func To(last string) Option { return func(o *options) { o.last = last } }

// Log sets the log for messages while another process migrates. Without it nothing is logged.
func Log(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// Apply applies all missing steps and returns their names. Any number of processes may call it at the same time: one of
// them applies each step, and the others wait and find it applied. If no step is missing, Apply locks nothing and does
// not wait.
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
	if err := retryWhileBusy(ctx, func() error { return makeTable(ctx, db, l) }); err != nil {
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
		err := retryWhileBusy(ctx, func() error { return step.Up(ctx, m, &step) })
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

// makeTable creates the table of the applied steps. Bun's own Init does it outside of a transaction, where two processes
// at the same time disturb each other.
func makeTable(ctx context.Context, db *bun.DB, l *lock) error {
	return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := l.take(ctx, tx); err != nil {
			return err
		}
		_, err := tx.NewCreateTable().Model((*migrate.Migration)(nil)).ModelTableExpr("bun_migrations").IfNotExists().Exec(ctx)
		return err
	})
}

// errTaken says that another process has applied a step since this process read which steps are missing.
var errTaken = errors.New("the step is taken already")

// retryWhileBusy runs fn again while another process holds SQLite's file for longer than the busy timeout, because a step
// may take long.
func retryWhileBusy(ctx context.Context, fn func() error) error {
	err := fn()
	for try := 0; busy(err) && ctx.Err() == nil && try < 40; try++ {
		err = fn()
	}
	return err
}

// busy says that another process held SQLite's file for longer than the busy timeout, as a long step may.
func busy(err error) bool { return err != nil && strings.Contains(err.Error(), "SQLITE_BUSY") }

// beforeStep runs in the transaction of a step, before the step. It takes the lock and refuses a step that has been
// applied meanwhile.
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

// mark runs in the transaction of a step, after the step, and records it as applied. Both must be in one transaction: if
// a process stopped between the two, every later start would try the step again and fail.
func mark(ctx context.Context, tx bun.IConn, step *migrate.Migration) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO bun_migrations (name, group_id) VALUES (?, ?)", step.Name, step.GroupID)
	return err
}

// unmark runs in the transaction that reverts a step, after the step, and deletes its record.
func unmark(ctx context.Context, tx bun.IConn, step *migrate.Migration) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM bun_migrations WHERE name = ?", step.Name)
	return err
}

// Revert reverts the steps after downTo, the last one first, and returns their names. "" reverts all. `app migrate
// --back-to` uses it.
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

// Pending returns ErrSchemaOld when steps are missing, and nil when the schema is as this program needs it. If the
// database can't be asked, it returns the database's error.
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

// Wait returns nil once the schema is up to date. It asks every interval. When ctx ends before, it returns the last known
// error. The worker uses it: only the app (or `app migrate`) changes the schema.
func Wait(ctx context.Context, db *bun.DB, interval time.Duration) error {
	var known error
	for {
		err := Pending(ctx, db)
		if err == nil {
			return nil
		}
		if known == nil || ctx.Err() == nil { // a query that ctx cut short says nothing
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

// isMissing says whether err means that a table does not exist.
func isMissing(err error) bool {
	var postgres interface{ SQLState() string }
	if errors.As(err, &postgres) {
		return postgres.SQLState() == "42P01"
	}
	return err != nil && strings.Contains(err.Error(), "no such table")
}
