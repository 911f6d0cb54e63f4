package heartbeat

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/secret"
	"kontor/app/store"
)

// Options are the parameters of New. All are required, except Key if the process has only one key.
type Options struct {
	DB       *store.DB
	Now      store.Clock
	Log      *slog.Logger
	Role     Role
	Sends    bool // a web process with an embedded worker; a worker always sends
	Settings Settings
	Key      secret.Key // the key whose fingerprints are in Settings
	// Settled says that it does not matter in which value of a setting processes differ: the firm has set on its page what
	// holds in all of them. nil: of none.
	//exhaustruct:optional
	Settled func(setting string) bool
}

// Service manages the heartbeat of this process. It is safe for concurrent use.
type Service struct {
	o    Options
	own  Process
	wait time.Duration // interval of AwaitKey; tests shorten it

	keys []string // hashes of the keys that this process understands, the current key first

	// looked is when this process last checked, sent is when a process that sends messages was last alive.
	looked, sent time.Time

	mu      sync.Mutex
	finding Finding
	failed  bool
	mint    int       // index of the key that is used for new things
	told    time.Time // when tellWaiting last logged
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

// Finding returns the result of the last heartbeat.
func (s *Service) Finding() Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finding
}

// beatTime is the time limit for one heartbeat.
const beatTime = 5 * time.Second

// Run sends heartbeats until ctx ends. Then it deletes its row, so that others know at once that the process has
// stopped.
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

// Beat records that this process runs, deletes the rows of processes that do not, and compares it with the others. It
// logs what has changed since the last heartbeat.
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
	found := slices.DeleteFunc(Compare(s.own, all, now), func(d Difference) bool { return s.o.Settled != nil && s.o.Settled(d.Setting) })
	s.tell(Finding{Differences: found, Foreign: foreign, NoWorker: s.noWorker(all, now)})
	return nil
}

// noWorker returns Finding.NoWorker. Time in which this process did not check, because it was frozen or the database
// was down, does not count: the others could not write then either.
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

// tell stores a finding and logs how it differs from the previous one, with the names of the settings.
func (s *Service) tell(f Finding) {
	s.mu.Lock()
	before := s.finding
	s.finding = f
	s.mu.Unlock()
	if f.Foreign && !before.Foreign && s.own.Role == Web { // AwaitKey logs it for a worker
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
