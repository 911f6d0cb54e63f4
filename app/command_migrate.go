package main

import (
	"context"
	"fmt"
	"os"

	"kontor/app/config"
	"kontor/app/heartbeat"
	"kontor/app/store"
	"kontor/app/wire"
	"kontor/migrations"
)

type migrateCommand struct {
	BackTo string `placeholder:"STEP" help:"Undo the steps after this one, for an older program: its app --version names the step. Data in newer tables and columns is lost."`
	Yes    bool   `help:"With --back-to: really do it. Without it, the command only shows what it would do."`
}

// Run brings the schema up to date, or back.
func (k migrateCommand) Run(p *invocation) error {
	return p.with(func(c config.Config) error {
		if k.BackTo != "" {
			return k.back(p, c)
		}
		steps, err := wire.Migrate(p.ctx, c, wire.Logger(c, os.Stderr))
		if err != nil {
			return err
		}
		if len(steps) == 0 {
			p.say("The database schema is up to date.")
		}
		for _, s := range steps {
			p.say("applied %s", s)
		}
		return nil
	})
}

func (k migrateCommand) back(p *invocation, c config.Config) error {
	db, err := wire.Database(p.ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	steps, err := migrations.Behind(p.ctx, db.DB, k.BackTo)
	if err != nil {
		return err
	}
	if !k.Yes {
		for _, s := range steps {
			p.say("would take back %s", s)
		}
		p.say("Nothing was done. Stop every process, take a backup, and say --yes.")
		return nil
	}
	if running, err := runningProcesses(p.ctx, db); err != nil {
		return err
	} else if running > 0 {
		return fmt.Errorf("%d processes are running, or were a minute ago: stop them first", running)
	}
	taken, err := migrations.Revert(p.ctx, db.DB, k.BackTo)
	for _, s := range taken {
		p.say("took back %s", s)
	}
	return err
}

// runningProcesses is the number of processes that have sent a heartbeat within a minute. It is 0 for a database of a
// version that did not record heartbeats.
func runningProcesses(ctx context.Context, db *store.DB) (n int, err error) {
	now, _, err := db.NewClock(ctx)
	if err != nil {
		return 0, err
	}
	return heartbeat.Alive(ctx, db, now())
}
