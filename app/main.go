// Command app is Kontor's web process, and the commands that go with it:
//
//	app [serve] [--demo]                     serve the screens (and, embedded, run the worker)
//	app migrate                              bring the database schema up to date
//	app user add --email E --name N [--role R …]  add a specialist user, print a one-time link to set the password
//	app seed --customers N …                 synthetic customers for load tests
//	app policies check FILE                  check a policy text
//	app visibility check                     compare the index of who sees which transaction with the assignments
//	app visibility rebuild                   make it anew from them
//	app policies reset                       break glass: publish the default policy
//	app health                               ask a running web process whether it is ready
//
// Settings come from the environment or from flags of the same name; the README lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"kontor/app/config"
	"kontor/app/wire"
)

func main() {
	if err := run(wire.UntilStopped(), os.Args[1:], os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "kontor:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: app [serve | migrate | user add | seed | policies check FILE | policies reset | visibility check | visibility rebuild | health] [--setting value …] [--demo]")

// run reads the settings and runs the command they come with.
func run(ctx context.Context, args []string, getenv func(string) string) error {
	c, rest, err := config.Load(args, getenv, wire.Checks())
	if err != nil {
		return err
	}
	command := "serve"
	if len(rest) > 0 {
		command, rest = rest[0], rest[1:]
	}
	switch {
	case command == "serve" && len(rest) == 0:
		return serve(ctx, c)
	case command == "migrate" && len(rest) == 0:
		return migrate(ctx, c)
	case command == "user" && len(rest) > 0 && rest[0] == "add":
		return addUser(ctx, c, rest[1:])
	case command == "seed":
		return seed(ctx, c, rest)
	case command == "policies" && len(rest) == 2 && rest[0] == "check":
		return checkPolicy(ctx, c, rest[1])
	case command == "policies" && len(rest) == 1 && rest[0] == "reset":
		return resetPolicy(ctx, c)
	case command == "visibility" && len(rest) == 1 && (rest[0] == "check" || rest[0] == "rebuild"):
		return visibility(ctx, c, rest[0] == "rebuild")
	case command == "health" && len(rest) == 0:
		return health(ctx, c)
	}
	return errUsage
}

func serve(ctx context.Context, c config.Config) error {
	app, started, err := wire.Begin(ctx, func(ctx context.Context) (*App, error) { return Start(ctx, c, os.Stdout, os.Stderr) })
	if !started {
		return err
	}
	return app.Run(ctx)
}
