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

	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

var start = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

// set is settings, each of which is A unless it is said otherwise: "BASE_URL=B".
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

// TestCompare: who differs from whom, from when on, and which web process steps back.
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
		ready  bool
	}{
		"alone":         {process{Web, old, 0, set()}, nil, "", true},
		"all alike":     {process{Web, old, 0, set()}, []process{{Web, old, 0, set()}, {Worker, young, 0, set()}}, "", true},
		"one worker":    {process{Web, old, 0, set()}, []process{{Worker, old, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 worker", true},
		"newer than it": {process{Web, young, 0, set()}, []process{{Worker, old, 0, set("SECRET_KEY=B")}, {Worker, old, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 2 worker", true},
		"several settings": {process{Web, old, 0, set()}, []process{{Worker, old, 0, set("SMTP_URL=B", "MAILBOX=B", "SMS_URL=B", "FIRM_NAME=B", "BASE_URL=B")}},
			"BASE_URL differs from 1 worker; SMTP_URL differs from 1 worker; SMS_URL differs from 1 worker; MAILBOX differs from 1 worker; FIRM_NAME differs from 1 worker", true},
		"a rollout, seen from the old":      {process{Web, old, 0, set()}, []process{{Web, new, 0, set("SECRET_KEY=B")}}, "", true},
		"a rollout, seen from the new":      {process{Web, new, 0, set()}, []process{{Web, old, 0, set("SECRET_KEY=B")}}, "", true},
		"exactly as long as a rollout":      {process{Web, old, 0, set()}, []process{{Web, Grace, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 web", true},
		"one that has gone":                 {process{Web, old, 0, set()}, []process{{Web, old, Life, set("SECRET_KEY=B")}}, "", true},
		"one that is about to have gone":    {process{Web, old, 0, set()}, []process{{Worker, old, Life - 1, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 worker", true},
		"a version that does not say":       {process{Web, old, 0, set()}, []process{{Web, old, 0, Settings{SecretKey: "A"}}}, "", true},
		"two web, this one is older":        {process{Web, old, 0, set()}, []process{{Web, young, 0, set("BASE_URL=B")}}, "BASE_URL differs from 1 web", true},
		"two web, this one is newer":        {process{Web, young, 0, set()}, []process{{Web, old, 0, set("BASE_URL=B")}}, "BASE_URL differs from 1 web, and this process is the odd one", false},
		"not for so long":                   {process{Web, Patience - 1, 0, set()}, []process{{Web, old, 0, set("BASE_URL=B")}}, "BASE_URL differs from 1 web", true},
		"the others not for so long":        {process{Web, old, 0, set()}, []process{{Web, Patience - 1, 0, set("BASE_URL=B")}, {Web, Patience - 1, 0, set("BASE_URL=B")}}, "BASE_URL differs from 2 web", true},
		"outvoted, though older":            {process{Web, old, 0, set()}, []process{{Web, young, 0, set("SECRET_KEY=B")}, {Web, young, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 2 web, and this process is the odd one", false},
		"most agree with this one":          {process{Web, young, 0, set()}, []process{{Web, young, 0, set()}, {Web, old, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 web", true},
		"workers have no vote":              {process{Web, old, 0, set()}, []process{{Web, young, 0, set("SECRET_KEY=B")}, {Worker, young, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 web and 1 worker", true},
		"a worker never steps back":         {process{Worker, young, 0, set()}, []process{{Web, old, 0, set("SECRET_KEY=B")}}, "SECRET_KEY differs from 1 web", true},
		"nobody steps back for a firm name": {process{Web, young, 0, set()}, []process{{Web, old, 0, set("FIRM_NAME=B")}, {Web, old, 0, set("FIRM_NAME=B")}}, "FIRM_NAME differs from 2 web", true},
	} {
		make := func(p process) Process {
			return Process{ID: uuid.Must(uuid.NewV7()), Role: p.role, Settings: p.settings, StartedAt: start.Add(-p.started), SeenAt: start.Add(-p.seen)}
		}
		own := make(c.own)
		all := []Process{own}
		for _, o := range c.others {
			all = append(all, make(o))
		}
		f := Compare(own, all, start)
		if f.String() != c.want || f.Ready() != c.ready {
			t.Errorf("%s: %q, ready %v; want %q, %v", name, f, f.Ready(), c.want, c.ready)
		}
		// Of those that differ in a grave setting somebody always serves.
		if !f.Ready() {
			served := false
			for _, p := range all {
				served = served || p.Role == Web && Compare(p, all, start).Ready()
			}
			if !served {
				t.Errorf("%s: nobody serves any more", name)
			}
		}
	}
}

// TestEvenSplit: two web processes that started at the very same moment don't both step back.
func TestEvenSplit(t *testing.T) {
	a := Process{ID: uuid.Must(uuid.NewV7()), Role: Web, Settings: set(), StartedAt: start.Add(-time.Hour), SeenAt: start}
	b := a
	b.ID, b.Settings = uuid.Must(uuid.NewV7()), set("SECRET_KEY=B")
	all := []Process{a, b}
	if Compare(a, all, start).Ready() == Compare(b, all, start).Ready() {
		t.Error("both serve, or neither")
	}
}

// TestFingerprints reveal no value and tell values apart, names included.
func TestFingerprints(t *testing.T) {
	one, two := key(t, "1"), key(t, "2")
	a := Fingerprints(one, map[string]string{BaseURL: "x", FirmName: "x"})
	b := Fingerprints(two, map[string]string{BaseURL: "x", FirmName: "y"})
	if a[SecretKey] == b[SecretKey] || a[BaseURL] != b[BaseURL] || a[FirmName] == b[FirmName] || a[BaseURL] == a[FirmName] {
		t.Errorf("%v\n%v", a, b)
	}
	for _, v := range a {
		if len(v) != 64 || strings.Contains(v, "1111") {
			t.Errorf("%q is no hash", v)
		}
	}
}

func key(t *testing.T, c string) secret.Key {
	t.Helper()
	k, err := secret.NewKey([]byte(strings.Repeat(c, 32)))
	if err != nil {
		t.Fatal(err)
	}
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
		if err := p.Beat(w.ctx); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) count(query string) (n int) {
	w.Helper()
	if err := w.db.NewRaw("SELECT count(*) FROM "+query).Scan(w.ctx, &n); err != nil {
		w.Fatal(err)
	}
	return n
}

// TestBeat: rows are written and swept, a difference is told once, and its end.
func TestBeat(t *testing.T) {
	each(t, func(w *world) {
		web, worker := w.process(Web, set()), w.process(Worker, set("SMTP_URL=B"))
		for range 2 {
			w.beat(web, worker)
		}
		if n := w.count("process"); n != 2 {
			w.Errorf("%d rows", n)
		}
		if f := web.Finding(); f.String() != "" {
			w.Errorf("at once: %s", f)
		}
		for range 13 {
			w.tick(Every)
			w.beat(web, worker)
		}
		if f := web.Finding(); f.String() != "SMTP_URL differs from 1 worker" || !f.Ready() {
			w.Errorf("web: %s", f)
		}
		if f := worker.Finding(); f.String() != "SMTP_URL differs from 1 web" {
			w.Errorf("worker: %s", f)
		}
		if n := strings.Count(w.log.String(), "level=WARN"); n != 2 || strings.Count(w.log.String(), "setting=SMTP_URL") != 2 {
			w.Errorf("%d warnings, want one of each process:\n%s", n, w.log.String())
		}
		for range 7 { // the worker is silent
			w.tick(Every)
			w.beat(web)
		}
		if n := w.count("process"); n != 1 || web.Finding().String() != "" || !strings.Contains(w.log.String(), "agree on a setting again") {
			w.Errorf("%d rows, %s:\n%s", n, web.Finding(), w.log.String())
		}
	})
}

// TestRun: a process writes its row when it starts and takes it away when it is asked to stop.
func TestRun(t *testing.T) {
	each(t, func(w *world) {
		ctx, stop := context.WithCancel(w.ctx)
		done := make(chan struct{})
		p := w.process(Worker, set())
		go func() { p.Run(ctx); close(done) }()
		for end := time.Now().Add(10 * time.Second); w.count("process") != 1; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				w.Fatal("no row")
			}
		}
		stop()
		<-done
		if n := w.count("process"); n != 0 {
			w.Errorf("%d rows are left", n)
		}
	})
}

// TestKey: the first web process says which key there is; a worker with it begins, one with another waits until the web
// processes have changed to it; a web process takes over only when nobody is left with the key before.
func TestKey(t *testing.T) {
	each(t, func(w *world) {
		waits := func(p *Service) bool {
			ctx, cancel := context.WithTimeout(w.ctx, 20*time.Millisecond)
			defer cancel()
			return p.AwaitKey(ctx) != nil
		}
		early := w.process(Worker, set())
		if !waits(early) {
			w.Error("a worker begins before anybody knows the key")
		}
		w.beat(early)
		if !waits(early) {
			w.Error("a worker says which key there is")
		}
		web := w.process(Web, set())
		w.beat(web)
		if waits(early) || waits(web) {
			w.Error("the right key waits")
		}
		wrong, second := w.process(Worker, set("SECRET_KEY=B")), w.process(Web, set("SECRET_KEY=B"))
		w.beat(second, wrong)
		if !waits(wrong) || !strings.Contains(w.log.String(), "level=ERROR") || !strings.Contains(w.log.String(), "SECRET_KEY") {
			w.Errorf("a worker with another key begins, or says nothing:\n%s", w.log.String())
		}
		if waits(early) {
			w.Error("a second web process has taken over")
		}
		began := make(chan error, 1)
		go func() { began <- wrong.AwaitKey(w.ctx) }()
		w.tick(Life) // the first web process and the worker have gone
		w.beat(second)
		if err := <-began; err != nil {
			w.Error(err)
		}
		if !waits(early) {
			w.Error("the key before is still good")
		}
		if n := strings.Count(w.log.String(), "another one than before"); n != 1 {
			w.Errorf("told %d times", n)
		}
		if n := w.count("installation"); n != 1 {
			w.Errorf("%d rows", n)
		}
	})
}

// TestFirstKey: of web processes that start at once, with different keys, one is the first.
func TestFirstKey(t *testing.T) {
	each(t, func(w *world) {
		var all sync.WaitGroup
		var webs []*Service
		for _, k := range []string{"A", "B", "C", "D"} {
			webs = append(webs, w.process(Web, set("SECRET_KEY="+k)))
		}
		for _, p := range webs {
			all.Go(func() {
				if err := p.Beat(w.ctx); err != nil {
					w.Error(err)
				}
			})
		}
		all.Wait()
		w.beat(webs...)
		stored, err := installationKey(w.ctx, w.db)
		if err != nil || stored == "" || w.count("installation") != 1 {
			w.Errorf("%q, %v", stored, err)
		}
		for range 3 { // and nobody takes it from the first while it lives
			w.beat(webs...)
		}
		if again, _ := installationKey(w.ctx, w.db); again != stored {
			w.Errorf("%q has become %q", stored, again)
		}
	})
}

// TestTakeOver: of two processes that found the same key gone, one takes over.
func TestTakeOver(t *testing.T) {
	each(t, func(w *world) {
		for _, c := range []struct {
			was, own string
			ok       bool
			is       string
		}{{"", "A", true, "A"}, {"", "B", false, "A"}, {"A", "B", true, "B"}, {"A", "C", false, "B"}} {
			ok, err := putInstallationKey(w.ctx, w.db, c.was, c.own, start)
			is, err2 := installationKey(w.ctx, w.db)
			if err != nil || err2 != nil || ok != c.ok || is != c.is {
				w.Errorf("%+v: %v, %v, %q, %v", c, ok, err, is, err2)
			}
		}
	})
}
