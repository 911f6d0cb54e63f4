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

// healthTime bounds the question.
const healthTime = 10 * time.Second

// Run is worker health: it reads the heartbeat of this host's worker from the database.
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
