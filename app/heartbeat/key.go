package heartbeat

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// The installation has one SECRET_KEY at a time; its hash is stored. A process that has this key, as its current or as
// a previous key, uses it for everything it creates. A web process stores its current key as the new one as soon as
// every process that is alive understands that key. So the key can be changed by replacing one process after the other,
// and no process ever refuses what another one has created.

// keepKey follows the stored key, or changes it. If a web process has neither the stored key nor had it before, it
// replaces the stored key as soon as no process is alive that has it. Until then it is foreign.
func (s *Service) keepKey(ctx context.Context, all []Process, now time.Time) (foreign bool, err error) {
	stored, err := installationKey(ctx, s.o.DB)
	if err != nil {
		return false, err
	}
	at := slices.Index(s.keys, stored)
	foreign = at < 0 && stored != ""
	if at >= 0 {
		s.mintWith(at)
	}
	if at == 0 || s.own.Role != Web {
		return foreign, nil
	}
	waiting := s.lacking(all, s.keys[0], now)
	if at < 0 {
		waiting = s.having(all, stored, now)
	}
	if len(waiting) > 0 {
		if at > 0 {
			s.tellWaiting(waiting, now)
		}
		return foreign, nil
	}
	ok, err := putInstallationKey(ctx, s.o.DB, stored, s.keys[0], now)
	switch {
	case err != nil:
		return foreign, err
	case !ok: // another process has changed it, perhaps to the same key
		return s.keepKey(ctx, all, now)
	}
	s.mintWith(0)
	switch {
	case at > 0:
		s.o.Log.Info("SECRET_KEY was changed: new links, codes and forms are made under the new one, those of before are understood as long as it stands in SECRET_KEY_PREVIOUS")
	case stored != "":
		s.o.Log.Warn("SECRET_KEY is neither the one that this database was used with before, nor is that one in SECRET_KEY_PREVIOUS: " +
			"links and codes that were sent are no longer good, and what was sealed can't be read. " +
			"If the database was restored from a backup, put the key of that time into SECRET_KEY_PREVIOUS and start again")
	}
	return false, nil
}

// lacking returns the roles and hosts of other processes that are alive and do not understand a key.
func (s *Service) lacking(all []Process, key string, now time.Time) (hosts []string) {
	for _, p := range all {
		if p.ID != s.own.ID && p.alive(now) && p.Settings[SecretKey] != "" && !slices.Contains(p.Settings.keys(), key) {
			hosts = append(hosts, string(p.Role)+" on "+p.Host)
		}
	}
	return hosts
}

// having returns those that understand it.
func (s *Service) having(all []Process, key string, now time.Time) (hosts []string) {
	for _, p := range all {
		if key != "" && p.ID != s.own.ID && p.alive(now) && slices.Contains(p.Settings.keys(), key) {
			hosts = append(hosts, string(p.Role)+" on "+p.Host)
		}
	}
	return hosts
}

func (s *Service) minting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mint
}

func (s *Service) mintWith(at int) {
	s.mu.Lock()
	s.mint = at
	s.mu.Unlock()
	s.o.Key.MintWith(at)
}

// tellWaiting logs once a minute which processes prevent the change of the key.
func (s *Service) tellWaiting(who []string, now time.Time) {
	s.mu.Lock()
	tell := now.Sub(s.told) >= remindEvery
	if tell {
		s.told = now
	}
	s.mu.Unlock()
	if tell {
		s.o.Log.Info("new links and codes are made under the key in SECRET_KEY_PREVIOUS until every process has the new one", "without", who)
	}
}

// remindEvery is the interval of log messages while something waits for the key.
const remindEvery = time.Minute

// AwaitKey returns when this process's SECRET_KEY, or one of its previous keys, is the installation's. With another key
// a worker would send links that don't work. So it waits, takes no tasks, and logs what it waits for. It continues when
// the web processes have the key. Error: that of ctx.
func (s *Service) AwaitKey(ctx context.Context) error {
	ticker := time.NewTicker(s.wait)
	defer ticker.Stop()
	var told time.Time
	for {
		stored, err := installationKey(ctx, s.o.DB)
		if at := slices.Index(s.keys, stored); err == nil && at >= 0 {
			s.mintWith(at)
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
