// Command worker sends the messages of the outbox and does the periodic work. It takes the same settings as `app`. Any
// number of workers may run.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"

	"github.com/alecthomas/kong"

	"kontor/app/commandline"
	"kontor/app/config"
	"kontor/app/heartbeat"
	"kontor/app/store"
	"kontor/app/wire"
	"kontor/migrations"
)

func main() {
	if err := run(wire.UntilStopped(), os.Args[1:], os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "kontor worker:", store.Explain(err))
		os.Exit(1)
	}
}

// commands is the grammar of the command line.
type commands struct {
	Version kong.VersionFlag `help:"Show the version and exit."`

	Health healthCommand `cmd:"" help:"Say whether this host's worker runs."`

	Run runCommand `cmd:"" default:"1" help:"Send what the outbox holds, and do the work that comes round."`
}

// invocation is what a command needs to run.
type invocation struct {
	ctx      context.Context
	settings config.Given
	getenv   func(string) string
}

func run(ctx context.Context, args []string, getenv func(string) string) error {
	parsed, err := commandline.Parse(commandline.Program{
		Name: "worker", About: "Kontor's worker: sends what the outbox holds, beside the web processes.",
		Version:  fmt.Sprintf("Kontor %s, schema %s, %s", heartbeat.Version(), migrations.Last(), runtime.Version()),
		Commands: &commands{}, Checks: wire.Checks(), Out: os.Stdout, Exit: os.Exit,
	}, args)
	if err != nil {
		return err
	}
	return parsed.Command.Run(&invocation{ctx: ctx, settings: parsed.Settings, getenv: getenv})
}

type runCommand struct{}

// Run works until the process is stopped.
func (runCommand) Run(p *invocation) error {
	c, err := p.settings.Load(p.getenv)
	if err != nil {
		return err
	}
	ctx := p.ctx
	if err := c.CheckWorker(); err != nil {
		return err
	}
	if err := c.CheckChannels(); err != nil {
		return err
	}
	var listen net.Listener
	if c.MetricsListen != "" {
		var lc net.ListenConfig
		if listen, err = lc.Listen(ctx, "tcp", c.MetricsListen); err != nil {
			return &config.Error{Name: "METRICS_LISTEN", Value: c.MetricsListen, Takes: "a free address (" + err.Error() + ")"}
		}
		defer func() { _ = listen.Close() }()
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
	if listen != nil {
		follow.Go(func() {
			if err := s.Metrics().Serve(listen); err != nil {
				s.Log.Error("metrics are not served any more", "error", err)
			}
		})
		follow.Go(func() { <-ctx.Done(); _ = listen.Close() })
	}
	return s.Work(ctx)
}
