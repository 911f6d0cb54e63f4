package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// rowsCommand measures one kind of request after the other.
type rowsCommand struct {
	Source      source        `embed:""`
	Running     running       `embed:""`
	Only        string        `name:"run" placeholder:"REGEXP" help:"Only the rows whose names match, such as ^search/ or add."`
	Duration    time.Duration `default:"5s" help:"How long each row is measured."`
	Connections []int         `default:"1,8" help:"At how many connections each row is measured."`
	Compressed  bool          `help:"Ask for compressed pages, as browsers do."`
	Rounds      int           `default:"5" help:"How many turns the program and the bare handler take, each a fifth as long as a row. The best turn counts."`
	Format      format        `embed:""`
}

// running says how the program runs.
type running struct {
	Cores    int    `default:"1" help:"How many cores each process may use (GOMAXPROCS). 0 is all."`
	Programs string `placeholder:"DIR" help:"Measure the programs app and worker in this folder, of another version perhaps. Without it they are built."`
}

// limit adds the limit of cores to the settings of a process.
func (r running) limit(settings map[string]string) {
	if r.Cores > 0 {
		settings["GOMAXPROCS"] = strconv.Itoa(r.Cores)
	}
}

// Run measures all rows on all databases.
func (k rowsCommand) Run(v *invocation) (err error) {
	kinds, err := k.Source.kinds()
	if err != nil {
		return err
	}
	names, err := regexp.Compile(k.Only)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	if err := k.check(); err != nil {
		return err
	}
	if _, ok := openProc(); !ok {
		v.say("This system has no /proc: processor time and memory are left out.")
	}
	temporary, remove, err := k.Running.prepare(v.ctx, "app")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	failed := 0
	for _, kind := range kinds {
		m := measurement{rowsCommand: k, invocation: v, installation: installation{temporary: temporary}, names: names}
		r, err := m.on(kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if err := k.Format.print(v.out, r); err != nil {
			return err
		}
		failed += r.failed()
	}
	if failed > 0 {
		return fmt.Errorf("%d requests failed", failed)
	}
	return nil
}

func (k rowsCommand) check() error {
	if k.Duration <= 0 || k.Rounds < 1 {
		return errors.New("--duration and --rounds take values above 0")
	}
	for _, n := range k.Connections {
		if n < 1 {
			return errors.New("--connections takes numbers above 0")
		}
	}
	return nil
}

// measurement is the measurement of one database.
type measurement struct {
	rowsCommand
	*invocation
	installation
	names  *regexp.Regexp
	people people
}

// on measures a kind of database.
func (m *measurement) on(kind string) (r report, err error) {
	emails := []string{firstSpecialist, lastSpecialist, auditor, userAdministrator}
	defer func() { err = errors.Join(err, m.remove(context.WithoutCancel(m.ctx))) }()
	if err := m.install(m.invocation, m.Source, m.Running, kind, emails); err != nil {
		return r, err
	}
	if m.people, err = signInAll(m.ctx, m.app.address, emails...); err != nil {
		return r, err
	}
	return m.all(kind)
}

// all measures the rows, and then the program in comparison with the bare handler.
func (m *measurement) all(kind string) (r report, err error) {
	r = report{Database: kind, Customers: m.Source.Customers, known: m.meter.known, backends: m.meter.database != ""}
	client := newClient(m.app.address, 1)
	defer client.CloseIdleConnections()
	path, err := deep(m.ctx, client, m.people[firstSpecialist], func(string) {})
	if err != nil {
		return r, err
	}
	if r.MemoryBefore, err = m.meter.memory(m.app.cmd.Process.Pid); err != nil {
		return r, err
	}
	for _, row := range chosen(rows(path), m.names) {
		for _, n := range m.Connections {
			line, err := m.row(row, n)
			if err != nil {
				return r, err
			}
			r.Rows = append(r.Rows, line)
			m.say("%s: %s, %d connections: %.0f requests/s", kind, row.name, n, line.PerSecond)
		}
	}
	if r.MemoryAfter, err = m.meter.memory(m.app.cmd.Process.Pid); err != nil {
		return r, err
	}
	r.Ratios, err = m.compare()
	return r, err
}

// row measures a row, after a short time in which it is driven and not measured.
func (m *measurement) row(r row, connections int) (line line, err error) {
	l := load{
		address: m.app.address, connections: connections, duration: m.Duration / 5, status: r.status,
		repeat: r.repeat(m.people, m.Compressed),
	}
	warm := drive(m.ctx, l)
	before, err := m.meter.read(m.app.cmd.Process.Pid)
	if err != nil {
		return line, err
	}
	l.duration = m.Duration
	o := drive(m.ctx, l)
	after, err := m.meter.read(m.app.cmd.Process.Pid)
	if err != nil {
		return line, err
	}
	if m.ctx.Err() != nil {
		return line, m.ctx.Err()
	}
	line = lineOf(r.name, connections, o, after.since(before))
	line.Errors += warm.failed
	if first := cmp.Or(warm.failure, o.failure); first != nil {
		m.say("%s: %v", r.name, first)
	}
	return line, nil
}
