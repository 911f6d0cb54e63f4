package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// ratio compares the program with the bare handler: the answers of each in a second, in its best turn.
type ratio struct {
	Row         string  `json:"row"`
	Connections int     `json:"connections"`
	Program     float64 `json:"program_per_second"`
	Bare        float64 `json:"bare_per_second"`
	Raw         float64 `json:"raw_per_second"` // of the bytes alone; 0: not measured
	Errors      int     `json:"errors"`
}

// contender is one of those who take turns.
type contender struct {
	load
	best *float64
}

// compare measures the overview and adding a customer in comparison with the bare handler, if these rows are chosen. The
// contenders take turns, so that other work on the machine hits all of them.
func (m *measurement) compare() (list []ratio, err error) {
	chosen := chosen(rows(""), m.names)
	var overview, add *row
	for i, r := range chosen {
		switch r.name {
		case "overview":
			overview = &chosen[i]
		case "add":
			add = &chosen[i]
		}
	}
	if overview == nil && add == nil {
		return nil, nil
	}
	bare, err := m.startBare()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	for _, n := range m.Connections {
		if overview != nil {
			x, err := m.compareOverview(*overview, bare, n)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
	}
	for _, n := range m.Connections {
		if add != nil {
			x, err := m.compareAdd(*add, bare, n)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
	}
	return list, nil
}

// startBare starts the bare handler in a process of its own. Its answers are as long as the program's.
func (m *measurement) startBare() (*process, error) {
	client := newClient(m.app.address, 1)
	defer client.CloseIdleConnections()
	page, err := m.people[firstSpecialist].visit(m.ctx, client, "/customers")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	settings := map[string]string{"KONTOR_BENCH_URL": m.db.url}
	m.Running.limit(settings)
	return start(m.ctx, launched{
		name: "bare", program: self, args: []string{"bare", "--bytes", strconv.Itoa(len(page))}, settings: settings, dir: m.temporary,
	})
}

func (m *measurement) compareOverview(r row, bare *process, connections int) (x ratio, err error) {
	x = ratio{Row: r.name, Connections: connections}
	person := m.people[r.as]
	at := func(path string) func(*fasthttp.Request) {
		there := *person
		there.base = "http://" + bare.address
		return func(req *fasthttp.Request) { there.write(req, get(path)) }
	}
	err = m.turns(&x, []contender{
		{load{address: m.app.address, connections: connections, status: r.status, repeat: r.repeat(m.people, false)}, &x.Program},
		{load{address: bare.address, connections: connections, status: fasthttp.StatusOK, repeat: at(bareOverview)}, &x.Bare},
		{load{address: bare.address, connections: connections, status: fasthttp.StatusOK, repeat: at(bareRaw)}, &x.Raw},
	})
	return x, err
}

func (m *measurement) compareAdd(r row, bare *process, connections int) (x ratio, err error) {
	x = ratio{Row: r.name, Connections: connections}
	insert := request{method: fasthttp.MethodPost, path: bareInsert, status: fasthttp.StatusSeeOther}
	there := &browser{base: "http://" + bare.address}
	err = m.turns(&x, []contender{
		{load{address: m.app.address, connections: connections, status: r.status, repeat: r.repeat(m.people, false)}, &x.Program},
		{load{address: bare.address, connections: connections, status: insert.status, repeat: func(req *fasthttp.Request) { there.write(req, insert) }}, &x.Bare},
	})
	return x, err
}

// turns lets the contenders take turns, and keeps the best turn of each. Before a turn it waits until the program has sent
// what earlier requests have caused.
func (m *measurement) turns(x *ratio, contenders []contender) error {
	for range m.Rounds {
		for _, c := range contenders {
			if err := m.settle(); err != nil {
				return err
			}
			c.duration = m.Duration / 5
			o := drive(m.ctx, c.load)
			if m.ctx.Err() != nil {
				return m.ctx.Err()
			}
			if x.Errors += o.failed; o.failure != nil {
				m.say("%s: %v", x.Row, o.failure)
			}
			*c.best = max(*c.best, o.perSecond())
		}
	}
	return nil
}

// unsent finds in the program's metrics how many messages it has not sent yet.
var unsent = regexp.MustCompile(`(?m)^kontor_outbox_messages\{.*\} (\S+)$`)

// settle waits until the program has no message left to send, for at most two minutes.
func (m *measurement) settle() error {
	ctx, cancel := context.WithTimeout(m.ctx, 2*time.Minute)
	defer cancel()
	client := newClient(m.app.address, 1)
	defer client.CloseIdleConnections()
	nobody := &browser{base: "http://" + m.app.address}
	for {
		text, err := nobody.visit(ctx, client, "/metrics")
		if err != nil {
			return err
		}
		if !strings.Contains(text, "kontor_outbox_messages") || messages(text) == 0 {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			if m.ctx.Err() == nil {
				return fmt.Errorf("the program still has %.0f messages to send", messages(text))
			}
			return m.ctx.Err()
		}
	}
}

// messages is the number of messages that are not sent yet, according to the metrics.
func messages(metrics string) (sum float64) {
	for _, match := range unsent.FindAllStringSubmatch(metrics, -1) {
		n, err := strconv.ParseFloat(match[1], 64)
		if err == nil {
			sum += n
		}
	}
	return sum
}
