package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Options are what a Service is made of; all of them are needed.
type Options struct {
	DB       *store.DB
	Now      store.Clock
	Log      *slog.Logger
	Role     Role
	Settings Settings
}

// Service is this process among the others. It is safe for concurrent use.
type Service struct {
	o    Options
	own  Process
	wait time.Duration // between looks of AwaitKey; tests shorten it

	mu      sync.Mutex
	finding Finding
	failed  bool
}

// New makes the service. It writes nothing yet.
func New(o Options) *Service {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Service{o: o, wait: time.Second, own: Process{
		ID: uuid.Must(uuid.NewV7()), Role: o.Role, Host: host, Version: version(), Settings: o.Settings, StartedAt: o.Now(),
	}}
}

// version is the commit the program was built from.
func version() string {
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
	if s.own.Role == Web {
		if err := s.keepKey(ctx, all, now); err != nil {
			return err
		}
	}
	s.tell(Compare(s.own, all, now))
	return nil
}

// tell keeps a finding and logs how it differs from the one before, by the names of settings.
func (s *Service) tell(f Finding) {
	s.mu.Lock()
	before := s.finding
	s.finding = f
	s.mu.Unlock()
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

// --- the key ------------------------------------------------------------------------------------------------------

// keepKey stores which SECRET_KEY the installation has: the first web process's. With another one, a process takes over
// when nobody is alive any more who has the stored one, as after the key was changed; until then it is the odd one.
func (s *Service) keepKey(ctx context.Context, all []Process, now time.Time) error {
	own := s.own.Settings[SecretKey]
	stored, err := installationKey(ctx, s.o.DB)
	if err != nil || stored == own {
		return err
	}
	for _, p := range all {
		if stored != "" && p.ID != s.own.ID && p.alive(now) && p.Settings[SecretKey] == stored {
			return nil
		}
	}
	ok, err := putInstallationKey(ctx, s.o.DB, stored, own, now)
	if err == nil && ok && stored != "" {
		s.o.Log.Warn("SECRET_KEY is another one than before: links that were sent, and sessions, are no longer good")
	}
	return err
}

// remindEvery is how often a worker that waits for its key says so.
const remindEvery = time.Minute

// AwaitKey returns when this process's SECRET_KEY is the installation's. With another one a worker would send links that
// don't work, so it waits, taking no tasks, and says what for; it goes on by itself when the web processes have the key.
// It returns the error of ctx.
func (s *Service) AwaitKey(ctx context.Context) error {
	ticker := time.NewTicker(s.wait)
	defer ticker.Stop()
	var told time.Time
	for {
		stored, err := installationKey(ctx, s.o.DB)
		if err == nil && stored == s.own.Settings[SecretKey] {
			return nil
		}
		if now := s.o.Now(); ctx.Err() == nil && now.Sub(told) >= remindEvery {
			told = now
			switch {
			case err != nil:
				s.o.Log.Warn("waiting to learn which SECRET_KEY this installation has", "error", err)
			case stored == "":
				s.o.Log.Info("waiting for a web process to start with this SECRET_KEY")
			default:
				s.o.Log.Error("SECRET_KEY is not the one of this installation's web processes: this worker takes no tasks until it is")
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the key: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}
