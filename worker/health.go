package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"kontor/app/heartbeat"
	"kontor/app/wire"
)

type healthCommand struct{}

// healthTime limits the duration of worker health.
const healthTime = 10 * time.Second

// Run is the command worker health. It reads from the database when this host's worker last sent a heartbeat.
func (healthCommand) Run(p *invocation) error {
	c, err := p.settings.Load(p.getenv)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.ctx, healthTime)
	defer cancel()
	db, err := wire.Database(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	now, _, err := db.NewClock(ctx)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	seen, err := heartbeat.LastWorker(ctx, db, host)
	if err != nil {
		return err
	}
	ago := now().Sub(seen).Round(time.Second)
	switch {
	case seen.IsZero():
		return errors.New("no worker on this host has given a sign of life")
	case ago >= heartbeat.Life:
		return fmt.Errorf("the worker on this host gave its last sign of life %s ago", ago)
	}
	fmt.Printf("the worker on this host gave a sign of life %s ago\n", max(ago, 0))
	return nil
}
