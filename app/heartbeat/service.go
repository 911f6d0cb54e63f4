package heartbeat

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/secret"
	"kontor/app/store"
)

// Options are what a Service is made of; all of them are needed, but Key where the process has one key only.
type Options struct {
	DB       *store.DB
	Now      store.Clock
	Log      *slog.Logger
	Role     Role
	Sends    bool // a web process that works itself; a worker sends anyway
	Settings Settings
	Key      secret.Key // whose fingerprints stand in Settings
}

// Service is this process among the others. It is safe for concurrent use.
type Service struct {
	o    Options
	own  Process
	wait time.Duration // between looks of AwaitKey; tests shorten it

	keys []string // hashes of the keys that this process understands, the current one first

	// when this process looked last, and when somebody who sends messages was alive last
	looked, sent time.Time

	mu      sync.Mutex
	finding Finding
	failed  bool
	mint    int       // which of keys new things are made under
	told    time.Time // when it was said last who keeps the old key in use
}

// New makes the service. It writes nothing yet.
func New(o Options) *Service {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	settings := maps.Clone(o.Settings)
	if o.Sends {
		settings[sends] = "yes"
	}
	return &Service{o: o, wait: time.Second, keys: o.Settings.keys(), own: Process{
		ID: uuid.Must(uuid.NewV7()), Role: o.Role, Host: host, Version: Version(), Settings: settings, StartedAt: o.Now(),
	}}
}

// Version is the commit the program was built from.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// Finding is what the last beat found.
func (s *Service) Finding() Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finding
}

// beatTime bounds a beat.
const beatTime = 5 * time.Second

// Run beats until ctx ends, then takes the row away: a process that was asked to stop is gone at once.
func (s *Service) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatTime)
			defer cancel()
			if err := remove(bounded, s.o.DB, s.own.ID); err != nil {
				s.o.Log.Warn("the heartbeat's row stays until it is too old", "error", err)
			}
			return
		case <-timer.C:
		}
		bounded, cancel := context.WithTimeout(ctx, beatTime)
		s.noteFailure(s.Beat(bounded))
		cancel()
		timer.Reset(Every)
	}
}

func (s *Service) noteFailure(err error) {
	s.mu.Lock()
	was := s.failed
	s.failed = err != nil
	s.mu.Unlock()
	switch {
	case err != nil && !was && !errors.Is(err, context.Canceled):
		s.o.Log.Warn("the heartbeat can't be written", "error", err)
	case err == nil && was:
		s.o.Log.Info("the heartbeat is written again")
	}
}

// Beat says that this process runs, forgets those that don't, and compares it with the others. What has changed since the
// last beat is logged.
func (s *Service) Beat(ctx context.Context) error {
	now := s.o.Now()
	s.own.SeenAt = now
	s.own.Settings = maps.Clone(s.own.Settings)
	s.own.Settings[SecretKey] = s.keys[s.minting()]
	var all []Process
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if err := put(ctx, tx, s.own); err != nil {
			return err
		}
		if err := sweep(ctx, tx, now.Add(-Life)); err != nil {
			return err
		}
		all, err = processes(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	foreign, err := s.keepKey(ctx, all, now)
	if err != nil {
		return err
	}
	s.tell(Finding{Differences: Compare(s.own, all, now), Foreign: foreign, NoWorker: s.noWorker(all, now)})
	return nil
}

// noWorker is Finding.NoWorker. What happened while this process did not look, since it was frozen or the database was away,
// counts for nothing: the others could not write then either.
func (s *Service) noWorker(all []Process, now time.Time) time.Time {
	if now.Sub(s.looked) > Life/2 {
		s.sent = now
	}
	s.looked = now
	for _, p := range all {
		if p.sends() && p.SeenAt.After(s.sent) {
			s.sent = p.SeenAt
		}
	}
	if now.Sub(s.sent) < Absence {
		return time.Time{}
	}
	return s.sent
}

// tell keeps a finding and logs how it differs from the one before, by the names of settings.
func (s *Service) tell(f Finding) {
	s.mu.Lock()
	before := s.finding
	s.finding = f
	s.mu.Unlock()
	if f.Foreign && !before.Foreign && s.own.Role == Web { // a worker says so while it waits
		s.o.Log.Error("SECRET_KEY is not the installation's, nor is that one in SECRET_KEY_PREVIOUS: this process is not ready while others run with the installation's")
	}
	if !f.NoWorker.IsZero() && before.NoWorker.IsZero() {
		s.o.Log.Warn("no worker is seen: messages wait in the outbox", "last", f.NoWorker)
	}
	if f.NoWorker.IsZero() && !before.NoWorker.IsZero() {
		s.o.Log.Info("a worker is seen again")
	}
	for _, d := range f.Differences {
		if !contains(before.Differences, d) {
			s.o.Log.Warn("processes differ in a setting", "setting", d.Setting, "web", d.Web, "workers", d.Workers, "hosts", d.Hosts)
		}
	}
	for _, d := range before.Differences {
		if !mentions(f.Differences, d.Setting) {
			s.o.Log.Info("processes agree on a setting again", "setting", d.Setting)
		}
	}
}

func contains(list []Difference, d Difference) bool {
	for _, x := range list {
		if x.Setting == d.Setting && x.Web == d.Web && x.Workers == d.Workers {
			return true
		}
	}
	return false
}

func mentions(list []Difference, setting string) bool {
	for _, x := range list {
		if x.Setting == setting {
			return true
		}
	}
	return false
}
