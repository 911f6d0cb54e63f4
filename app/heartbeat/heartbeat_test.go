package heartbeat

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

var start = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

// set returns settings with the value A, except those given as "BASE_URL=B".
func set(other ...string) Settings {
	s := Settings{}
	for _, name := range names {
		s[name] = "A"
	}
	for _, o := range other {
		name, value, _ := strings.Cut(o, "=")
		s[name] = value
	}
	return s
}

// TestCompare: which processes differ, and from when on.
func TestCompare(t *testing.T) {
	type process struct {
		role     Role
		started  time.Duration // before now
		seen     time.Duration // ago
		settings Settings
	}
	const old, young, new = time.Hour, 6 * time.Minute, time.Minute
	for name, c := range map[string]struct {
		own    process
		others []process
		want   string
	}{
		"alone":         {process{Web, old, 0, set()}, nil, ""},
		"all alike":     {process{Web, old, 0, set()}, []process{{Web, old, 0, set()}, {Worker, young, 0, set()}}, ""},
		"one worker":    {process{Web, old, 0, set()}, []process{{Worker, old, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 worker"},
		"newer than it": {process{Web, young, 0, set()}, []process{{Worker, old, 0, set("SECRET_KEY=B")}, {Worker, old, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 2 worker"},
		"several settings": {process{Web, old, 0, set()}, []process{{Worker, old, 0, set("SMTP_URL=B", "MAILBOX=B", "SMS_URL=B", "FIRM_NAME=B", "BASE_URL=B")}},
			"BASE_URL differs from 1 worker; SMTP_URL differs from 1 worker; SMS_URL differs from 1 worker; MAILBOX differs from 1 worker; FIRM_NAME differs from 1 worker"},
		"web and worker":                 {process{Web, old, 0, set()}, []process{{Web, young, 0, set("BASE_URL=B")}, {Worker, young, 0, set("BASE_URL=B")}}, "BASE_URL differs from 1 web and 1 worker"},
		"a rollout, seen from the old":   {process{Web, old, 0, set()}, []process{{Web, new, 0, set("SECRET_KEY=B")}}, ""},
		"a rollout, seen from the new":   {process{Web, new, 0, set()}, []process{{Web, old, 0, set("SECRET_KEY=B")}}, ""},
		"exactly as long as a rollout":   {process{Web, old, 0, set()}, []process{{Web, Grace, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 web"},
		"one that has gone":              {process{Web, old, 0, set()}, []process{{Web, old, Life, set("SECRET_KEY=B")}}, ""},
		"one that is about to have gone": {process{Web, old, 0, set()}, []process{{Worker, old, Life - 1, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 worker"},
		"a version that does not say":    {process{Web, old, 0, set()}, []process{{Web, old, 0, Settings{SecretKey: "A"}}}, ""},
		"one works itself, one does not": {process{Web, old, 0, set()}, []process{{Web, old, 0, set(sends + "=yes")}}, ""},
	} {
		make := func(p process) Process {
			return Process{ID: uuid.Must(uuid.NewV7()), Role: p.role, Settings: p.settings, StartedAt: start.Add(-p.started), SeenAt: start.Add(-p.seen)}
		}
		own := make(c.own)
		all := []Process{own}
		for _, o := range c.others {
			all = append(all, make(o))
		}
		f := (Finding{Differences: Compare(own, all, start)})
		assert.Equal(t, c.want, f.String(), name)
	}
}

// TestForeign: a web process does not serve while its SECRET_KEY is not the installation's and other processes run with
// that key, from its start and whatever their number. No other difference stops it, and at least one process always
// serves.
func TestForeign(t *testing.T) {
	each(t, func(w *world) {
		first := w.process(Web, set("SECRET_KEY=B"))
		w.beat(first)
		twin, odd, other := w.process(Web, set()), w.process(Web, set()), w.process(Web, set("SECRET_KEY=B", "BASE_URL=B", "SMTP_URL=B"))
		worker := w.process(Worker, set())
		knows := w.process(Web, Settings{SecretKey: "A", understood: "A,B"})
		for range 40 { // more than six minutes
			w.beat(first, twin, odd, other, worker, knows)
			require.False(w, first.Finding().Foreign, "who understands the installation's key is out of service")
			require.False(w, other.Finding().Foreign, "who understands the installation's key is out of service")
			require.False(w, knows.Finding().Foreign, "who understands the installation's key is out of service")
			require.True(w, twin.Finding().Foreign, "who does not understand the installation's key serves")
			require.True(w, odd.Finding().Foreign, "who does not understand the installation's key serves")
			require.True(w, worker.Finding().Foreign, "who does not understand the installation's key serves")
			w.tick(Every)
		}
		f := other.Finding()
		assert.Contains(w, f.String(), "BASE_URL differs from ")
		assert.Contains(w, f.String(), "SECRET_KEY differs from 2 web and 1 worker")
		f = odd.Finding()
		assert.True(w, strings.HasPrefix(f.String(), "SECRET_KEY is not the installation's, nor is that one in SECRET_KEY_PREVIOUS; BASE_URL"), "%q", f)
		assert.Equal(w, 1, strings.Count(f.String(), "SECRET_KEY "))
		n := strings.Count(w.log.String(), "this process is not ready")
		assert.Equal(w, 2, n, "told %d times, %s", n, w.log.String())
		w.tick(Life) // the other processes have ended
		w.beat(twin)
		w.beat(odd, worker)
		assert.False(w, twin.Finding().Foreign, "nobody serves any more")
		assert.False(w, odd.Finding().Foreign, "nobody serves any more")
		assert.False(w, worker.Finding().Foreign, "nobody serves any more")
	})
}

// TestTwinsStart: if several web processes with the same key start on an empty database at once, none of them is
// foreign.
func TestTwinsStart(t *testing.T) {
	each(t, func(w *world) {
		var all sync.WaitGroup
		for range 4 {
			p := w.process(Web, set())
			all.Go(func() {
				assert.NoError(w, p.Beat(w.ctx))
				assert.False(w, p.Finding().Foreign, "foreign")
			})
		}
		all.Wait()
	})
}

// TestNoWorker: a missing sender is noticed after two minutes, and not before. A web process with an embedded worker is
// a sender. Time in which the process could not check does not count.
func TestNoWorker(t *testing.T) {
	each(t, func(w *world) {
		web := w.process(Web, set())
		run := func(d time.Duration, all ...*Service) {
			for range d / Every {
				w.tick(Every)
				w.beat(all...)
			}
		}
		none := func(want bool, what string) {
			w.Helper()
			got := !web.Finding().NoWorker.IsZero()
			assert.Equal(w, want, got, "%s: missed", what)
		}
		w.beat(web)
		run(Absence-Every, web)
		none(false, "just started")
		run(Every, web)
		none(true, "never seen")
		worker := w.process(Worker, set())
		w.beat(worker, web)
		none(false, "started")
		run(time.Hour, worker, web)
		none(false, "runs")
		seen := w.now()
		run(Absence, web)
		none(true, "killed")
		at := web.Finding().NoWorker
		assert.WithinDuration(w, seen, at, 0, "missed since")
		w.tick(time.Hour) // the database could not be reached, so no process could write
		w.beat(web)
		none(false, "after an outage")
		run(Absence, web)
		none(true, "some time after an outage")
		self := New(Options{DB: w.db, Now: w.now, Log: slog.New(slog.DiscardHandler), Role: Web, Sends: true, Settings: set()})
		run(Absence, self, web)
		none(false, "a web process works itself")
		log := w.log.String()
		assert.Equal(w, 3, strings.Count(log, "no worker is seen"), "the log")
		assert.Equal(w, 3, strings.Count(log, "a worker is seen again"), "the log")
		alive, last, err := Senders(w.ctx, w.db, w.now())
		require.NoError(w, err)
		assert.Equal(w, 1, alive)
		assert.WithinDuration(w, w.now(), last, 0)
	})
}

// TestFingerprints: fingerprints reveal no value and differ for different values and names.
func TestFingerprints(t *testing.T) {
	one, two := key(t, "1"), key(t, "2")
	a := Fingerprints(one, map[string]string{BaseURL: "x", FirmName: "x"})
	b := Fingerprints(two, map[string]string{BaseURL: "x", FirmName: "y"})
	assert.NotEqual(t, b[SecretKey], a[SecretKey])
	assert.Equal(t, b[BaseURL], a[BaseURL])
	assert.NotEqual(t, b[FirmName], a[FirmName])
	assert.NotEqual(t, a[FirmName], a[BaseURL])
	for _, v := range a {
		assert.Len(t, v, 64, "is no hash")
		assert.NotContains(t, v, "1111")
	}
}

func key(t *testing.T, c string) secret.Key {
	t.Helper()
	k, err := secret.NewKey([]byte(strings.Repeat(c, 32)))
	require.NoError(t, err)
	return k
}

// world is several processes on one database, at a time that only the test moves.
type world struct {
	*testing.T
	db  *store.DB
	ctx context.Context
	mu  sync.Mutex
	at  time.Time
	log lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func (w *world) now() time.Time       { w.mu.Lock(); defer w.mu.Unlock(); return w.at }
func (w *world) tick(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.at = w.at.Add(d) }

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(&world{T: t, db: db, ctx: context.Background(), at: start}) })
}

func (w *world) process(role Role, s Settings) *Service {
	w.Helper()
	p := New(Options{DB: w.db, Now: w.now, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Role: role, Settings: s})
	p.wait = time.Millisecond
	return p
}

func (w *world) beat(all ...*Service) {
	w.Helper()
	for _, p := range all {
		require.NoError(w, p.Beat(w.ctx))
	}
}

func (w *world) count(query string) (n int) {
	w.Helper()
	require.NoError(w, w.db.NewRaw("SELECT count(*) FROM "+query).Scan(w.ctx, &n))
	return n
}

// TestBeat: rows are written and deleted. A difference is logged once, and so is its end.
func TestBeat(t *testing.T) {
	each(t, func(w *world) {
		web, worker := w.process(Web, set()), w.process(Worker, set("SMTP_URL=B"))
		for range 2 {
			w.beat(web, worker)
		}
		assert.Equal(w, 2, w.count("process"), "rows")
		assert.Empty(w, web.Finding().String(), "at once")
		for range 13 {
			w.tick(Every)
			w.beat(web, worker)
		}
		f := web.Finding()
		assert.Equal(w, "SMTP_URL differs from 1 worker", f.String(), "web")
		assert.False(w, f.Foreign, "web")
		assert.Equal(w, "SMTP_URL differs from 1 web", worker.Finding().String(), "worker")
		n := strings.Count(w.log.String(), "level=WARN")
		assert.Equal(w, 2, n, "warnings")
		assert.Equal(w, 2, strings.Count(w.log.String(), "setting=SMTP_URL"))
		for range 7 { // the worker is silent
			w.tick(Every)
			w.beat(web)
		}
		n = w.count("process")
		assert.Equal(w, 1, n, "rows")
		assert.Empty(w, web.Finding().String())
		assert.Contains(w, w.log.String(), "agree on a setting again")
	})
}

// TestRun: a process writes its row when it starts and deletes it when it is stopped.
func TestRun(t *testing.T) {
	each(t, func(w *world) {
		ctx, stop := context.WithCancel(w.ctx)
		done := make(chan struct{})
		p := w.process(Worker, set())
		go func() { p.Run(ctx); close(done) }()
		await.True(w, "the row", func() bool { return w.count("process") == 1 })
		stop()
		<-done
		assert.Equal(w, 0, w.count("process"), "rows are left")
	})
}

// How long a process that may begin is waited for, and how long one is watched that must not.
const (
	begun  = time.Minute
	waited = 200 * time.Millisecond
)

func (w *world) begins(p *Service, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(w.ctx, within)
	defer cancel()
	return p.AwaitKey(ctx) == nil
}

// TestKey: the first web process stores its key. A worker with that key starts; one with another key waits until the
// web processes have changed to it. A web process replaces the key only when no process with the earlier key is left.
func TestKey(t *testing.T) {
	each(t, func(w *world) {
		begins := func(p *Service) bool { return w.begins(p, begun) }
		waits := func(p *Service) bool { return !w.begins(p, waited) }
		early := w.process(Worker, set())
		assert.True(w, waits(early), "a worker begins before anybody knows the key")
		w.beat(early)
		assert.True(w, waits(early), "a worker says which key there is")
		web := w.process(Web, set())
		w.beat(web)
		assert.True(w, begins(early), "the right key waits")
		assert.True(w, begins(web), "the right key waits")
		wrong, second := w.process(Worker, set("SECRET_KEY=B")), w.process(Web, set("SECRET_KEY=B"))
		w.beat(second, wrong)
		assert.True(w, waits(wrong), "a worker with another key begins, or says nothing")
		assert.Contains(w, w.log.String(), "level=ERROR", "a worker with another key begins, or says nothing")
		assert.Contains(w, w.log.String(), "SECRET_KEY", "a worker with another key begins, or says nothing")
		assert.True(w, begins(early), "a second web process has taken over")
		began := make(chan error, 1)
		go func() { began <- wrong.AwaitKey(w.ctx) }()
		w.tick(Life) // the first web process and the worker have ended
		w.beat(second)
		err := <-began
		assert.NoError(w, err)
		assert.True(w, waits(early), "the key before is still good")
		n := strings.Count(w.log.String(), "is neither the one that this database was used with")
		assert.Equal(w, 1, n, "told %d times", n)
		assert.Equal(w, 1, w.count("installation"), "rows")
	})
}

// TestFirstKey: if web processes with different keys start at once, exactly one of them stores its key.
func TestFirstKey(t *testing.T) {
	each(t, func(w *world) {
		var all sync.WaitGroup
		var webs []*Service
		for _, k := range []string{"A", "B", "C", "D"} {
			webs = append(webs, w.process(Web, set("SECRET_KEY="+k)))
		}
		for _, p := range webs {
			all.Go(func() {
				assert.NoError(w, p.Beat(w.ctx))
			})
		}
		all.Wait()
		w.beat(webs...)
		stored, err := installationKey(w.ctx, w.db)
		require.NoError(w, err)
		assert.NotEmpty(w, stored)
		assert.Equal(w, 1, w.count("installation"))
		for range 3 { // no other process takes it while the first one runs
			w.beat(webs...)
		}
		again, _ := installationKey(w.ctx, w.db)
		assert.Equal(w, stored, again, "has become")
	})
}

// TestTakeOver: if two processes find that nobody has the stored key any more, only one of them replaces it.
func TestTakeOver(t *testing.T) {
	each(t, func(w *world) {
		for _, c := range []struct {
			was, own string
			ok       bool
			is       string
		}{{"", "A", true, "A"}, {"", "B", false, "A"}, {"A", "B", true, "B"}, {"A", "C", false, "B"}} {
			ok, err := putInstallationKey(w.ctx, w.db, c.was, c.own, start)
			is, err2 := installationKey(w.ctx, w.db)
			require.NoError(w, err)
			require.NoError(w, err2)
			assert.Equal(w, c.ok, ok)
			assert.Equal(w, c.is, is)
		}
	})
}

// TestRotation: processes are replaced one by one. The old key is used for new things until every process has the new
// one. So no process meets anything that it cannot read, and no process is reported as different or foreign.
func TestRotation(t *testing.T) {
	each(t, func(w *world) {
		raw := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
		process := func(role Role, current byte, previous ...byte) (*Service, secret.Key) {
			var before [][]byte
			for _, p := range previous {
				before = append(before, raw(p))
			}
			key, err := secret.NewKey(raw(current), before...)
			require.NoError(w, err)
			s := New(Options{DB: w.db, Now: w.now, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Role: role, Key: key, Settings: Fingerprints(key, nil)})
			s.wait = time.Millisecond
			return s, key
		}
		oldWeb, oldKey := process(Web, 1)
		oldWorker, _ := process(Worker, 1)
		w.beat(oldWeb, oldWorker)
		newWeb, newKey := process(Web, 2, 1)
		newWorker, workerKey := process(Worker, 2, 1)
		w.beat(newWeb, newWorker)
		assert.True(w, w.begins(newWorker, begun), "a worker that knows the key waits")
		assert.True(w, w.begins(oldWorker, begun), "a worker that knows the key waits")
		for range 30 { // both run for five minutes
			w.tick(Every)
			w.beat(oldWeb, oldWorker, newWeb, newWorker)
		}
		for name, k := range map[string]secret.Key{"web": newKey, "worker": workerKey} {
			assert.Equal(w, oldKey.MAC("code", "x"), k.MAC("code", "x"), "%s: what it makes is not understood by the old processes", name)
		}
		for name, s := range map[string]*Service{"old web": oldWeb, "old worker": oldWorker, "new web": newWeb, "new worker": newWorker} {
			f := s.Finding()
			assert.Empty(w, f.String(), name)
			assert.False(w, f.Foreign, "%s", name)
		}
		for range 7 { // the old web process has ended, and the old worker still runs
			w.tick(Every)
			w.beat(oldWorker, newWeb, newWorker)
		}
		assert.Equal(w, oldKey.MAC("code", "x"), newKey.MAC("code", "x"), "the old worker is forgotten")
		assert.Contains(w, w.log.String(), "worker on ", "the old worker is forgotten")
		for range 8 {
			w.tick(Every)
			w.beat(newWeb, newWorker)
			// One process has the new key, and the other does not have it yet.
			assert.Empty(w, newWorker.Finding().String(), "while it changes")
		}
		assert.NotEqual(w, oldKey.MAC("code", "x"), newKey.MAC("code", "x"), "the new key is not in use")
		assert.Equal(w, workerKey.MAC("code", "x"), newKey.MAC("code", "x"), "the new key is not in use")
		assert.True(w, newKey.Is(oldKey.MAC("code", "x"), "code", "x"), "the old key is not understood")
		late, _ := process(Worker, 1)
		w.beat(late)
		assert.False(w, w.begins(late, waited), "a worker with the old key alone begins")
		assert.NotContains(w, w.log.String(), "level=WARN", "log")
		assert.Equal(w, 1, strings.Count(w.log.String(), "SECRET_KEY was changed"), "log")
	})
}
