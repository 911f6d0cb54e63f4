// Command worker sends what the outbox holds and does the work that comes round. It takes the settings of `app`; run
// as many as you like.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"kontor/app/config"
	"kontor/app/wire"
)

func main() {
	if err := run(wire.UntilStopped(), os.Args[1:], os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "kontor worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string) error {
	c, rest, err := config.Load(args, getenv, wire.Checks())
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return fmt.Errorf("the worker takes settings only, not %q", strings.SplitN(rest[0], "=", 2)[0])
	case c.Embedded():
		return &config.Error{Name: "REDIS_URL", Takes: "the address of the queue; without it the web process does this work itself"}
	case c.BaseURL == "":
		return &config.Error{Name: "BASE_URL", Takes: "what links in mails begin with"}
	}
	if err := c.CheckChannels(); err != nil {
		return err
	}
	s, started, err := wire.Begin(ctx, func(ctx context.Context) (*wire.Services, error) {
		return wire.New(ctx, c, wire.Logger(c, os.Stderr), wire.WaitForSchema)
	})
	if !started {
		return err
	}
	defer func() { _ = s.Close() }()
	ctx, stop := context.WithCancel(ctx)
	var follow sync.WaitGroup
	defer follow.Wait()
	defer stop()
	follow.Go(func() { s.Follow(ctx) })
	return s.Work(ctx)
}
