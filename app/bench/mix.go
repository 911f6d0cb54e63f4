package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// mixCommand drives a mix of requests at a constant rate.
type mixCommand struct {
	Source     source        `embed:""`
	Running    running       `embed:""`
	Rate       float64       `default:"200" help:"Requests a second."`
	Duration   time.Duration `default:"10m" help:"For how long."`
	Processes  int           `default:"1" help:"How many web processes. More than one need PostgreSQL and Redis; a worker process runs beside them."`
	Redis      string        `env:"KONTOR_TEST_REDIS" placeholder:"URL" help:"The Redis for more than one web process."`
	Compressed bool          `help:"Ask for compressed pages, as browsers do."`
	Beside     bool          `help:"Then drive the mix again while others add, delete and publish, and compare."`
	JSON       bool          `help:"Print a JSON object a line in place of tables."`
}

// mixPeople is how many specialist users work.
const mixPeople = 8

// Run drives the mix.
func (k mixCommand) Run(v *invocation) (err error) {
	kind, err := k.kind()
	if err != nil {
		return err
	}
	programs := []string{"app"}
	if k.Processes > 1 {
		programs = append(programs, "worker")
	}
	temporary, remove, err := k.Running.prepare(v.ctx, programs...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	db, err := k.Source.open(v, kind, temporary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.remove()) }()
	m := &mix{mixCommand: k, invocation: v, db: db, meter: newMeter(db), temporary: temporary}
	defer func() {
		err = errors.Join(err, m.stop(), db.removeAdded(context.WithoutCancel(v.ctx)))
	}()
	if err := m.start(); err != nil {
		return err
	}
	r, err := m.measure()
	if err != nil {
		return err
	}
	if n := r.failed(); n > 0 {
		return fmt.Errorf("%d requests failed", n)
	}
	return nil
}

// measure drives the mix, by itself and then, if that is wanted, while others write. It returns the last report.
func (m *mix) measure() (r *mixReport, err error) {
	if r, err = m.drive(nil); err != nil {
		return nil, err
	}
	if err := r.print(m.out, m.JSON); err != nil || !m.Beside || r.failed() > 0 {
		return r, err
	}
	w, err := m.newWriters()
	if err != nil {
		return nil, err
	}
	alone := r
	if r, err = m.drive(w.write); err != nil {
		return nil, err
	}
	if err := r.print(m.out, m.JSON); err != nil || m.JSON {
		return r, err
	}
	return r, printBeside(m.out, alone, r)
}

// kind is the kind of database. A mix is measured on one only: on PostgreSQL, if there is a server and nothing else was
// asked for.
func (k mixCommand) kind() (string, error) {
	kinds, err := k.Source.kinds()
	if err != nil {
		return "", err
	}
	kind := kinds[len(kinds)-1]
	switch {
	case k.Rate <= 0, k.Duration <= 0, k.Processes < 1:
		return "", errors.New("--rate, --duration and --processes take values above 0")
	case k.Processes > 1 && kind != postgres:
		return "", errors.New("--processes above 1 needs PostgreSQL: SQLite's file belongs to one process")
	case k.Processes > 1 && k.Redis == "":
		return "", errors.New("--processes above 1 needs Redis: set --redis or KONTOR_TEST_REDIS")
	}
	return kind, nil
}

// mix is a running mix.
type mix struct {
	mixCommand
	*invocation
	db        database
	meter     meter
	temporary string

	web     []*process
	worker  *process
	clients []*fasthttp.HostClient
	people  []*browser
	wishes  wishes

	settings map[string]string // of the web processes
}

// start starts the processes and signs the people in.
func (m *mix) start() error {
	settings, err := m.db.settings(filepath.Join(m.temporary, m.db.kind))
	if err != nil {
		return err
	}
	m.settings = settings
	m.Running.limit(settings)
	var emails []string
	for n := range mixPeople {
		emails = append(emails, specialist(n+1))
	}
	if err := givePasswords(m.ctx, settings, emails...); err != nil {
		return err
	}
	if m.Processes > 1 {
		settings["REDIS_URL"] = m.Redis
	}
	for n := range m.Processes {
		p, err := m.startWeb(n)
		if err != nil {
			return err
		}
		m.web = append(m.web, p)
		m.clients = append(m.clients, newClient(p.address, 1024))
	}
	if m.Processes > 1 {
		if m.worker, err = start(m.ctx, launched{
			name: "worker", program: filepath.Join(m.Running.Programs, "worker"), settings: settings, dir: m.temporary, silent: true,
		}); err != nil {
			return err
		}
	}
	all, err := signInAll(m.ctx, m.web[0].address, emails...)
	if err != nil {
		return err
	}
	for _, email := range emails {
		m.people = append(m.people, all[email])
	}
	_, err = deep(m.ctx, m.clients[0], m.people[0], m.wishes.learn)
	return err
}

// startTries is how many addresses startWeb tries.
const startTries = 5

// startWeb starts the n-th web process. Another program may take its address before it listens there; then it gets another.
func (m *mix) startWeb(n int) (p *process, err error) {
	for range startTries {
		if m.settings["LISTEN"], err = freeAddress(m.ctx); err != nil {
			return nil, err
		}
		if n == 0 {
			m.settings["BASE_URL"] = "http://" + m.settings["LISTEN"]
		}
		p, err = start(m.ctx, launched{name: fmt.Sprintf("app-%d", n+1), program: filepath.Join(m.Running.Programs, "app"), settings: m.settings, dir: m.temporary})
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return p, err
}

// stop ends the processes.
func (m *mix) stop() error {
	var errs []error
	for _, c := range m.clients {
		c.CloseIdleConnections()
	}
	for _, p := range m.web {
		errs = append(errs, p.stop())
	}
	if m.worker != nil {
		errs = append(errs, m.worker.stop())
	}
	return errors.Join(errs...)
}

// drive sends the requests and waits for all answers. Meanwhile it reads the memory of the processes every minute, and
// beside works until all answers are there.
func (m *mix) drive(beside func(ctx context.Context, r *mixReport)) (*mixReport, error) {
	r := &mixReport{Rate: m.Rate, Database: m.db.kind, Customers: m.Source.Customers, Beside: beside != nil, kinds: map[string]*kindResult{}}
	watch, end := context.WithCancel(m.ctx)
	var watching sync.WaitGroup
	watching.Go(func() { m.watch(watch, r) })
	if beside != nil {
		watching.Go(func() { beside(watch, r) })
	}
	var requests sync.WaitGroup
	schedule{m.Rate, m.Duration}.pace(m.ctx, systemClock{}, func(n int, due time.Time) {
		requests.Go(func() { m.request(r, n, due) })
	})
	requests.Wait()
	end()
	watching.Wait()
	return r, m.ctx.Err()
}

// request sends the n-th request. Its time counts from when it was due, because a person who has to wait for others waits
// as well.
func (m *mix) request(r *mixReport, n int, due time.Time) {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	turn := n + n/len(mixKinds) // not only n, or the same person would always ask for the same kind
	at := turn % len(m.web)
	person := *m.people[turn%len(m.people)]
	person.base = "http://" + m.web[at].address
	kind, what := m.wishes.nth(n, &person)
	person.write(req, what)
	if m.Compressed {
		req.Header.Set("Accept-Encoding", "br")
	}
	err := m.clients[at].Do(req, res)
	if err == nil && res.StatusCode() != what.status {
		err = unexpected(what, res)
	}
	if first := r.add(kind, time.Since(due), err); first {
		m.say("%s: %v", kind, err)
	}
}

// watch notes the memory of all processes, at the beginning and then every minute until ctx ends, and at the end.
func (m *mix) watch(ctx context.Context, r *mixReport) {
	for begin := time.Now(); ; {
		for _, p := range append(m.web[:len(m.web):len(m.web)], m.worker) {
			if p == nil {
				continue
			}
			if bytes, err := m.meter.memory(p.cmd.Process.Pid); err == nil && bytes > 0 {
				at := time.Since(begin)
				r.remember(at, p.name, bytes)
				m.say("after %s: %s holds %s", at.Round(time.Second), p.name, megabytes(bytes))
			}
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
		}
	}
}
