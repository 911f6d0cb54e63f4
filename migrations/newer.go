package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

// ErrSchemaNew says that a newer program has changed the database. A running program continues, because steps only add to
// the schema. A program that starts can't know that, so it refuses.
var ErrSchemaNew = errors.New("the database schema is newer than this program: start the newer program, or see Upgrade and rollback in app/docs/operations.md")

// ErrUnknownStep is the error for going back to a step that this program does not know.
var ErrUnknownStep = errors.New("there is no such step of the schema; `app --version` of the program to go back to names its own")

// Newer returns ErrSchemaNew, with the names of the steps, when the database has steps that this program does not know. A
// database without steps is not newer.
func Newer(ctx context.Context, db *bun.DB) error {
	steps, err := discover(db)
	if err != nil {
		return err
	}
	applied, err := migrate.NewMigrator(db, steps).AppliedMigrations(ctx)
	if err != nil {
		return nil //nolint:nilerr // no table yet; any other error comes back with the next query
	}
	var unknown []string
	for _, a := range applied {
		if !slices.ContainsFunc(steps.Sorted(), func(s migrate.Migration) bool { return s.Name == a.Name }) {
			unknown = append(unknown, a.Name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("%w (it has %s, and this program knows %s)", ErrSchemaNew, strings.Join(unknown, ", "), Last())
}

// Last is the name of the last step that this program knows.
func Last() (name string) {
	for _, dir := range []string{"common", "sqlite", "postgres"} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			continue // can't happen: the files are embedded
		}
		for _, e := range entries {
			if step, _, _ := strings.Cut(e.Name(), "_"); step > name {
				name = step
			}
		}
	}
	return name
}

// Behind returns the steps that Revert(ctx, db, downTo) would revert, the last one first. It returns ErrUnknownStep if it
// does not know downTo.
func Behind(ctx context.Context, db *bun.DB, downTo string) (names []string, err error) {
	steps, err := discover(db)
	if err != nil {
		return nil, err
	}
	applied, err := migrate.NewMigrator(db, steps).MigrationsWithStatus(ctx)
	if err != nil {
		return nil, err
	}
	known := false
	for _, step := range slices.Backward(applied) {
		known = known || step.Name == downTo
		if step.Name > downTo && step.IsApplied() {
			names = append(names, step.String())
		}
	}
	if !known {
		return nil, ErrUnknownStep
	}
	return names, nil
}

// Current is the last step that was applied to a database, "" for a database without steps.
func Current(ctx context.Context, db *bun.DB) (name string, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(name), '') FROM bun_migrations").Scan(&name)
	if isMissing(err) {
		err = nil
	}
	return name, err
}
