// Command bench measures the whole program as a person's browser drives it: the built app as a process of its own, a
// database of synthetic customers, and real sign-ins, cookies and forms over HTTP. Its commands:
//
//	bench [rows]    drive one kind of request after the other, as fast as they are answered
//	bench mix       drive a mix of requests at a constant rate
//	bench signins   sign many people in at once
//	bench --help    all flags
//
// app/docs/performance.md says how its figures are to be read.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"kontor/app/demo"
	"kontor/app/store"
	"kontor/app/wire"
)

func main() {
	if err := run(wire.UntilStopped(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", store.Explain(err))
		os.Exit(1)
	}
}

// commands is the grammar of the command line.
type commands struct {
	Rows    rowsCommand    `cmd:"" default:"withargs" help:"Measure each kind of request by itself, as fast as the answers come."`
	Mix     mixCommand     `cmd:"" help:"Measure a mix of requests at a constant rate."`
	Signins signinsCommand `cmd:"" help:"Sign many people in at once, and read the memory of the program meanwhile."`
	Bare    bareCommand    `cmd:"" hidden:"" help:"Serve the overview without the program, for comparison."`
}

// invocation is what a command needs to run.
type invocation struct {
	ctx      context.Context
	out      io.Writer // results
	progress io.Writer
}

// say prints a line about the progress.
func (v *invocation) say(format string, args ...any) {
	_, _ = fmt.Fprintf(v.progress, format+"\n", args...)
}

// run reads the command line and runs the command.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var k commands
	parser, err := kong.New(&k, kong.Name("bench"), kong.Description("Measure the whole program over HTTP."), kong.Writers(out, progress),
		kong.Vars{"specialists": fmt.Sprint(demo.MeasuredSpecialists)})
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return parsed.Run(&invocation{ctx: ctx, out: out, progress: progress})
}
