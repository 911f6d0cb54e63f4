package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"kontor/app/config"
	"kontor/app/customer"
	"kontor/app/demo"
	"kontor/app/wire"
	"kontor/migrations"
)

type seedCommand struct {
	Customers               int    `required:"" help:"How many customers."`
	TransactionsPerCustomer int    `help:"Business transactions per customer."`
	Assignments             int    `help:"How many administrators to assign across all customers."`
	Specialists             int    `default:"10" help:"How many specialist users."`
	Seed                    uint64 `default:"1" help:"The same seed creates the same rows."`
	Yes                     bool   `help:"Seed even if the database has customers."`
}

// Run adds synthetic customers. Without --yes it refuses a database that has customers, because they could not be told
// apart. A seeding that was interrupted goes on.
func (k seedCommand) Run(p *invocation) error {
	if k.Customers <= 0 {
		return errors.New("app seed: --customers takes a number above 0")
	}
	if k.TransactionsPerCustomer < 0 || k.Assignments < 0 || k.Specialists < 0 {
		return errors.New("app seed: --transactions-per-customer, --assignments and --specialists take numbers, 0 or more")
	}
	return p.with(func(c config.Config) error {
		db, err := wire.Database(p.ctx, c)
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		if _, err := migrations.Apply(p.ctx, db.DB, migrations.Log(wire.Logger(c, os.Stderr))); err != nil {
			return err
		}
		_, unfinished, err := demo.Unfinished(p.ctx, db)
		if err != nil {
			return err
		}
		if some, err := customer.Any(p.ctx, db); err != nil {
			return err
		} else if some && !unfinished && !k.Yes {
			return errors.New("app seed: this database has customers already, and synthetic ones could not be told from them: --yes adds them all the same")
		}
		o := demo.SeedOptions{
			Customers: k.Customers, TransactionsPerCustomer: k.TransactionsPerCustomer, Assignments: k.Assignments,
			Specialists: k.Specialists, Seed: k.Seed,
		}
		start := time.Now()
		if err := demo.Seed(p.ctx, db, o, func(done, _ int) { _, _ = fmt.Fprintf(p.out, "\r%d customers", done) }); err != nil {
			return err
		}
		p.say("\r%d customers in %s", o.Customers, time.Since(start).Round(time.Second))
		return nil
	})
}
