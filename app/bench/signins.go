package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/valyala/fasthttp"

	"kontor/app/demo"
)

// signinsCommand signs many people in at once.
type signinsCommand struct {
	Source  source  `embed:""`
	Running running `embed:""`
	People  int     `default:"300" help:"How many people sign in at once. If they are more than the specialist users, some sign in with several browsers."`
	Rounds  int     `default:"5" help:"How many times they do."`
	JSON    bool    `help:"Print a JSON object a line in place of a table."`
}

// Run measures the sign-ins on all databases.
func (k signinsCommand) Run(v *invocation) (err error) {
	kinds, err := k.Source.kinds()
	if err != nil {
		return err
	}
	if k.People < 1 || k.Rounds < 1 {
		return errors.New("--people and --rounds take numbers above 0")
	}
	temporary, remove, err := k.Running.prepare(v.ctx, "app")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	failed := 0
	for _, kind := range kinds {
		s := signins{signinsCommand: k, invocation: v, installation: installation{temporary: temporary}}
		r, err := s.on(kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		if err := r.print(v.out, k.JSON); err != nil {
			return err
		}
		failed += r.failed()
	}
	if failed > 0 {
		return fmt.Errorf("%d sign-ins failed", failed)
	}
	return nil
}

// signins is the measurement of one database.
type signins struct {
	signinsCommand
	*invocation
	installation
}

func (s *signins) on(kind string) (r signinsReport, err error) {
	var emails []string
	for n := range min(s.People, demo.MeasuredSpecialists) {
		emails = append(emails, specialist(n+1))
	}
	defer func() { err = errors.Join(err, s.remove(context.WithoutCancel(s.ctx))) }()
	if err := s.install(s.invocation, s.Source, s.Running, kind, emails); err != nil {
		return r, err
	}
	r = signinsReport{Database: kind, Customers: s.Source.Customers, known: s.meter.known}
	for n := range s.Rounds {
		b, err := s.burst(emails)
		if err != nil {
			return r, err
		}
		b.Round = n + 1
		r.Bursts = append(r.Bursts, b)
		s.say("%s: round %d: %d people were signed in after %.1f s", kind, b.Round, b.People, b.All)
	}
	return r, nil
}

// visitor is somebody who has typed their password and not sent the form yet.
type visitor struct {
	client  *fasthttp.HostClient
	browser *browser
	form    request
}

// visitor opens the sign-in page from an address that only this visitor has.
func (s *signins) visitor(n int, email string) (v visitor, err error) {
	v.client = newClient(s.app.address, 1)
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+n/250), byte(1+n%250))}}
	v.client.Dial = func(address string) (net.Conn, error) { return from.DialContext(s.ctx, "tcp", address) }
	v.browser, v.form, err = openSignIn(s.ctx, v.client, email)
	return v, err
}

// burst signs all people in at once. All of them have opened the sign-in page before.
func (s *signins) burst(emails []string) (b burst, err error) {
	visitors := make([]visitor, s.People)
	defer func() {
		for _, v := range visitors {
			if v.client != nil {
				v.client.CloseIdleConnections()
			}
		}
	}()
	for n := range visitors {
		if visitors[n], err = s.visitor(n, emails[n%len(emails)]); err != nil {
			return b, err
		}
	}
	pid := s.app.cmd.Process.Pid
	if b.Before, err = s.meter.memory(pid); err != nil {
		return b, err
	}
	cpu, err := s.meter.read(pid)
	if err != nil {
		return b, err
	}
	took, errs := make([]time.Duration, s.People), make([]error, s.People)
	done := make(chan struct{})
	go func() {
		var all sync.WaitGroup
		begin := time.Now()
		for n, v := range visitors {
			all.Go(func() {
				errs[n] = v.browser.sendSignIn(s.ctx, v.client, v.form)
				took[n] = time.Since(begin)
			})
		}
		all.Wait()
		close(done)
	}()
	b.Peak, err = s.meter.peak(pid, done)
	<-done
	if err != nil {
		return b, err
	}
	after, err := s.meter.read(pid)
	if err != nil {
		return b, err
	}
	b.count(took, errs)
	b.CPU = milliseconds(after.since(cpu).program) / float64(s.People)
	if first := cmp.Or(errs...); first != nil {
		s.say("%v", first)
	}
	return b, s.ctx.Err()
}

// burst is one round: many people who sign in at once.
type burst struct {
	Round  int     `json:"round"`
	People int     `json:"people"` // who were signed in
	Errors int     `json:"errors"`
	Median float64 `json:"p50_ms"`         // until somebody is signed in
	All    float64 `json:"all_seconds"`    // until all are
	CPU    float64 `json:"program_cpu_ms"` // processor time of the program for a sign-in
	Before int64   `json:"before_bytes"`   // of the program's anonymous memory, before the round
	Peak   int64   `json:"peak_bytes"`     // and at most during it
}

// count notes how long those took who were signed in.
func (b *burst) count(took []time.Duration, errs []error) {
	var in []time.Duration
	for n, err := range errs {
		if err == nil {
			in = append(in, took[n])
		}
	}
	slices.Sort(in)
	b.People, b.Errors = len(in), len(errs)-len(in)
	b.Median, b.All = milliseconds(percentile(in, 0.5)), percentile(in, 1).Seconds()
}

// signinsReport is what was measured on one database.
type signinsReport struct {
	Database  string
	Customers int
	Bursts    []burst
	known     bool // processor time and memory could be read
}

func (r signinsReport) failed() (n int) {
	for _, b := range r.Bursts {
		n += b.Errors
	}
	return n
}

// print writes a table, or JSON objects.
func (r signinsReport) print(to io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(to)
		for _, b := range r.Bursts {
			if err := e.Encode(struct {
				Kind      string `json:"kind"`
				Database  string `json:"database"`
				Customers int    `json:"customers"`
				burst
			}{"signins", r.Database, r.Customers, b}); err != nil {
				return err
			}
		}
		return nil
	}
	_, _ = fmt.Fprintf(to, "sign-ins at once on %s, %d customers\n\n", r.Database, r.Customers)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	cells(w, "people", "errors", "p50 ms", "all in s", "CPU ms", "before", "peak", " round")
	for _, b := range r.Bursts {
		before, peak := none, none
		if r.known {
			before, peak = megabytes(b.Before), megabytes(b.Peak)
		}
		cells(w, b.People, b.Errors, fmt.Sprintf("%.0f", b.Median), fmt.Sprintf("%.1f", b.All), unless(!r.known, b.CPU), before, peak, fmt.Sprintf(" %d", b.Round))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(to)
	return err
}
