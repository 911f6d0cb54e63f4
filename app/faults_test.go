package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier/couriertest"
	"kontor/app/store"
)

// TestFaults works with the built program while random faults come, one after another and some at a time, and then looks
// whether anything was lost. app/docs/development.md says how to run it for longer and what must hold:
//
//	KONTOR_TEST_FAULTS=10m KONTOR_TEST_SEED=7 go test ./app -run TestFaults -v -timeout 60m
//
// The same seed draws the same faults, each for as long, in the same order; what they meet is never the same.
func TestFaults(t *testing.T) {
	if os.Getenv("KONTOR_TEST_FAULTS") == "" {
		t.Skip("set KONTOR_TEST_FAULTS to how long faults should come, such as 10m")
	}
	t.Run("production", func(t *testing.T) { newFaultyProduction(t).run() })
	t.Run("embedded", func(t *testing.T) { newFaultyEmbedded(t).run() })
}

// trouble is a fault: begin makes it and returns what ends it.
type trouble struct {
	name  string
	begin func() (end func())
}

// faulty is an installation that faults come to, and the people who work with it meanwhile.
type faulty struct {
	t        *testing.T
	random   *rand.Rand
	log      *output
	smtp     *couriertest.SMTPPeer
	gateway  *couriertest.GatewayPeer
	settings map[string]string
	programs programs
	kept     []*keeper // processes of ours
	web      []string  // addresses
	troubles []trouble
	heal     func() // restarts the servers, whatever happened to them
	crew     *crew
}

// faultsFor is how long faults come.
func faultsFor(t *testing.T) time.Duration {
	d, err := time.ParseDuration(os.Getenv("KONTOR_TEST_FAULTS"))
	require.NoError(t, err, "KONTOR_TEST_FAULTS takes a duration such as 10m")
	return d
}

func newFaulty(t *testing.T) *faulty {
	seed := uint64(1)
	if set := os.Getenv("KONTOR_TEST_SEED"); set != "" {
		var err error
		seed, err = strconv.ParseUint(set, 10, 64)
		require.NoError(t, err, "KONTOR_TEST_SEED takes a number")
	}
	f := &faulty{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), log: &output{}, programs: build(t), heal: func() {}, //nolint:gosec // repeatable on purpose
		smtp: couriertest.NewSMTPPeer(t), gateway: couriertest.NewGatewayPeer(t),
	}
	f.settings = map[string]string{
		"SMTP_URL": f.smtp.URL(), "SMS_URL": f.gateway.URL(), "SECRET_KEY": productionKey,
		"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
	}
	return f
}

func newFaultyProduction(t *testing.T) *faulty {
	redis, db := startSentinel(t), startPostgres(t)
	f := newFaulty(t)
	f.settings["DATABASE_URL"], f.settings["REDIS_URL"] = db.url, redis.url()
	f.settings["DRAIN"] = "0"
	listen := []string{freeAddress(t), freeAddress(t)}
	f.settings["BASE_URL"] = "http://" + listen[0]
	for _, l := range listen {
		f.web = append(f.web, "http://"+l)
		f.keep(f.programs.app, map[string]string{"LISTEN": l})
	}
	for range 2 {
		f.keep(f.programs.worker, nil)
	}
	f.heal = func() { db.up(); redis.up() }
	f.troubles = append(f.processTroubles(), f.channelTroubles()...)
	f.troubles = append(f.troubles, redisTroubles(redis)...)
	f.troubles = append(f.troubles, postgresTroubles(db)...)
	return f
}

func newFaultyEmbedded(t *testing.T) *faulty {
	f := newFaulty(t)
	dir, small := disk(t, "512m") // ten minutes on a quick machine need 300 customers
	at := freeAddress(t)
	f.settings["DATA_DIR"], f.settings["LISTEN"], f.settings["BASE_URL"] = dir, at, "http://"+at
	f.web = []string{"http://" + at}
	f.keep(f.programs.app, nil)
	f.troubles = append(f.processTroubles(), f.channelTroubles()...)
	if small {
		f.troubles = append(f.troubles, trouble{"the disk is full", func() func() { return fill(t, dir) }})
	}
	return f
}

// keep starts a process and starts it again whenever it ends, as a service manager does.
func (f *faulty) keep(program string, settings map[string]string) {
	env := map[string]string{}
	for _, from := range []map[string]string{f.settings, settings} {
		for k, v := range from {
			env[k] = v
		}
	}
	k := &keeper{start: func() *process { return launch(f.t, f.log, env, program) }, over: make(chan struct{}), ended: make(chan struct{})}
	k.process = k.start()
	go k.run(f.t)
	f.t.Cleanup(k.stop)
	f.kept = append(f.kept, k)
}

func (f *faulty) processTroubles() []trouble {
	var all []trouble
	for i, k := range f.kept {
		name := fmt.Sprintf("%s %d", k.now().name, i)
		for what, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "asked to end": syscall.SIGTERM} {
			all = append(all, trouble{name + " is " + what, func() func() { k.signal(signal); return func() {} }})
		}
		all = append(all, trouble{name + " is frozen", func() func() {
			p := k.now()
			_ = p.cmd.Process.Signal(syscall.SIGSTOP)
			return func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }
		}})
	}
	return ordered(all)
}

func (f *faulty) channelTroubles() (all []trouble) {
	for name, step := range map[string]couriertest.SMTPStep{
		"mail is not taken for now": couriertest.TryLater, "the mail server is busy": couriertest.Busy, "mail is reset": couriertest.ResetInData,
		"mail is taken and that is not said": couriertest.AcceptThenReset, "the mail server blocks the sender": couriertest.SenderBlocked,
	} {
		all = append(all, trouble{name, func() func() { return f.smtp.Outage(step) }})
	}
	for name, status := range map[string]int{"the SMS gateway fails": 500, "the SMS gateway says no to the key": 401, "the SMS gateway is busy": 429} {
		all = append(all, trouble{name, func() func() { return f.gateway.Outage(couriertest.GatewayStep{Status: status}) }})
	}
	return ordered(all)
}

func redisTroubles(r *sentinel) (all []trouble) {
	master := func(sig syscall.Signal) func() func() {
		return func() func() {
			m := r.master()
			if m < 0 {
				return func() {}
			}
			r.nodes[m].signal(sig)
			return func() { r.nodes[m].signal(syscall.SIGCONT); r.up() }
		}
	}
	return []trouble{
		{"Redis' master is killed", master(syscall.SIGKILL)},
		{"Redis' master is frozen", master(syscall.SIGSTOP)},
		{"Redis loses everything", func() func() {
			for _, n := range r.nodes {
				n.kill()
			}
			return r.up
		}},
	}
}

func postgresTroubles(p *postgres) []trouble {
	all := []trouble{
		{"PostgreSQL is killed", func() func() { p.kill(); return p.up }},
		{"PostgreSQL is restarted", func() func() { p.signal(syscall.SIGINT); return p.up }},
		{"PostgreSQL's connections are cut", func() func() {
			_ = p.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
			return func() {}
		}},
		{"PostgreSQL is read-only", func() func() {
			p.readOnly("on")
			return func() { p.up(); p.readOnly("off") }
		}},
	}
	if p.small {
		all = append(all, trouble{"PostgreSQL's disk is full", func() func() {
			free := fill(p.t, p.dir)
			return func() { free(); p.up() }
		}})
	}
	return all
}

// readOnly makes new tx read-only or not; "off" must work, "on" may fail where the server is in other trouble.
func (p *postgres) readOnly(onOff string) {
	err := p.do("SET default_transaction_read_only = off", "ALTER SYSTEM SET default_transaction_read_only = "+onOff, "SELECT pg_reload_conf()")
	if err != nil && onOff == "off" {
		p.t.Errorf("PostgreSQL stays read-only: %v", err)
	}
}

// ordered sorts by name: a map gives them in any order, and the seed must draw the same.
func ordered(all []trouble) []trouble {
	for i := range all {
		for j := i; j > 0 && all[j].name < all[j-1].name; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return all
}

// run has people work, lets the faults come, heals everything, and looks whether what must hold holds.
func (f *faulty) run() {
	for i, at := range f.web {
		f.kept[i].now().answers(at)
	}
	f.crew = newCrew(f)
	f.crew.work(3)
	began, limit := time.Now(), faultsFor(f.t)
	counted := map[string]int{}
	for time.Since(began) < limit {
		f.pause(200, 2500)
		var ends []func()
		for range 1 + f.random.IntN(2) {
			tr := f.troubles[f.random.IntN(len(f.troubles))]
			counted[tr.name]++
			f.t.Logf("%6.1f s: %s", time.Since(began).Seconds(), tr.name)
			ends = append(ends, tr.begin())
		}
		f.pause(300, 5000)
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i]()
		}
	}
	f.heal()
	f.t.Logf("%d kinds of faults came: %v", len(counted), counted)
	f.crew.finish()
	f.holds()
}

// pause is how long a fault lasts, or how long there is none.
func (f *faulty) pause(least, most int) {
	time.Sleep(time.Duration(least+f.random.IntN(most-least)) * time.Millisecond)
}

// holds looks whether what must hold holds, now that everything is well again.
func (f *faulty) holds() {
	f.t.Helper()
	for i, at := range f.web {
		f.kept[i].now().answers(at)
	}
	f.crew.everythingArrived()
	f.crew.customersAreThere()
	f.crew.registeredSignIn()
	f.crew.said()
	f.databaseAgrees()
	for _, word := range []string{"panic:", "fatal error:", goodPassword, productionKey} {
		assert.NotContains(f.t, f.log.String(), word, "the log has")
	}
	if f.t.Failed() {
		f.t.Logf("the end of the log:\n%s", tail(f.log.String(), 200))
	}
}

// databaseAgrees says whether each customer is there once, whoever was deleted has left nothing, and the index of who
// sees which transaction agrees with the assignments.
func (f *faulty) databaseAgrees() {
	ctx := context.Background()
	url := f.settings["DATABASE_URL"]
	if url == "" {
		url = "sqlite://" + f.settings["DATA_DIR"] + "/kontor.db"
	}
	db, err := store.Open(ctx, url)
	require.NoError(f.t, err)
	defer func() { _ = db.Close() }()
	var twice []string
	require.NoError(f.t, db.NewRaw(`SELECT email FROM access GROUP BY email HAVING COUNT(*) > 1`).Scan(ctx, &twice))
	assert.Empty(f.t, twice, "customers that were added once are there twice")
	f.crew.deletedAreGone(ctx, db)
	check := launch(f.t, f.log, f.settings, f.programs.app, "visibility", "check")
	<-check.done
	code := check.cmd.ProcessState.ExitCode()
	assert.Equal(f.t, 0, code, "the index of who sees what does not agree: exit code")
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
