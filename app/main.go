// Command app is Kontor's web process. Its commands:
//
//	app [serve] [--demo]                     serve the screens (and, embedded, run the worker)
//	app migrate [--back-to STEP [--yes]]     bring the database schema up to date, or back for an older program
//	app user add --email E --name N [--role R …]  add a specialist user, print a one-time link to set the password
//	app user list                            list the specialist users
//	app user reset --email E                 print a one-time link to set a new password
//	app user unlock --email E | --address A  clear the count of wrong passwords
//	app user sign-out --email E | --all      end sessions
//	app messages resend [--customer K] [--access ID] [--channel email|sms] [--yes]  send again what failed
//	app config check [--offline] [--for worker]   show what the settings mean, and whether the other servers can be reached
//	app backup FILE [--secret] [--to age1…]  back up an SQLite database to one file, while it is in use
//	app restore FILE [--identity FILE] [--yes]  restore a backup, and delete again whoever was deleted since
//	app erasures apply                       the same for a PostgreSQL database that was restored by its own tools
//	app seed --customers N …                 add synthetic customers for load tests
//	app policies check FILE                  check a policy text
//	app policies reset                       for emergencies: publish the default policy
//	app visibility check                     compare the index of who sees which transaction with the assignments
//	app visibility rebuild                   rebuild that index from the assignments
//	app health                               ask a running web process whether it is ready
//	app --help, app --version
//
// Settings come from the environment or from flags of the same name; app/docs/settings.md lists them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"

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
		fmt.Fprintln(os.Stderr, "kontor:", store.Explain(err))
		os.Exit(1)
	}
}

// commands is the grammar of the command line.
type commands struct {
	Version kong.VersionFlag `help:"Show the version and exit."`

	Serve      serveCommand      `cmd:"" default:"1" help:"Run the web application and, without Redis, send messages too. --demo fills an empty database with a small firm."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database schema up to date."`
	User       userCommands      `cmd:"" help:"Manage specialist users and their sign-in."`
	Messages   messagesCommands  `cmd:"" help:"Manage messages that did not go out."`
	Config     configCommands    `cmd:"" help:"Check the settings."`
	Policies   policiesCommands  `cmd:"" help:"Check or reset the policies."`
	Backup     backupCommand     `cmd:"" help:"Back up everything in an SQLite database to one file, while it is in use."`
	Restore    restoreCommand    `cmd:"" help:"Restore a backup, and delete again whoever was deleted since."`
	Erasures   erasuresCommands  `cmd:"" help:"Apply permanent deletions again."`
	Visibility visibilityCommand `cmd:"" help:"Check or rebuild the index of who sees which business transaction."`
	Seed       seedCommand       `cmd:"" help:"Add synthetic customers, for load tests."`
	Health     healthCommand     `cmd:"" help:"Check whether the web process at LISTEN is ready."`
}

// invocation is what a command needs to run.
type invocation struct {
	ctx      context.Context
	settings config.Given
	getenv   func(string) string
	out      io.Writer
}

// config loads and checks the settings.
func (p *invocation) config() (config.Config, error) { return p.settings.Load(p.getenv) }

// say prints a line.
func (p *invocation) say(format string, args ...any) { _, _ = fmt.Fprintf(p.out, format+"\n", args...) }

// run reads the command line and runs the command.
func run(ctx context.Context, args []string, getenv func(string) string) error {
	parsed, err := commandline.Parse(commandline.Program{
		Name: "app", About: "Kontor: customers of a document exchange platform, their end users and who may see what.",
		Version: version(), Commands: &commands{}, Vars: map[string]string{"roles": joinRoles()}, Checks: wire.Checks(), Out: os.Stdout, Exit: os.Exit,
	}, args)
	if err != nil {
		return err
	}
	return parsed.Command.Run(&invocation{ctx: ctx, settings: parsed.Settings, getenv: getenv, out: os.Stdout})
}

// version names the version of this program and the schema that it needs.
func version() string {
	return fmt.Sprintf("Kontor %s, schema %s, %s", heartbeat.Version(), migrations.Last(), runtime.Version())
}

type serveCommand struct{}

// Run serves until the process is stopped.
func (serveCommand) Run(p *invocation) error {
	c, err := p.config()
	if err != nil {
		return err
	}
	app, started, err := wire.Begin(p.ctx, func(ctx context.Context) (*App, error) { return Start(ctx, c, os.Stdout, os.Stderr) })
	if !started {
		return err
	}
	return app.Run(p.ctx)
}
