package job

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
)

const (
	// leaseTime is how long after the last sign of life of a worker another may take its job over.
	leaseTime = 20 * time.Second
	// defaultRenew is how often a worker gives a sign of life, renewTimeout how long that may take, renewTries how many in a
	// row may fail before it gives up: after 17 s, which is before others may take over.
	defaultRenew = 5 * time.Second
	renewTimeout = 2 * time.Second
	renewTries   = 3
	// The pause after a failure doubles from firstPause to longestPause.
	firstPause   = 5 * time.Second
	longestPause = 5 * time.Minute
	// outagePause is the one while the database can't be used.
	outagePause = 5 * time.Second
	// noteTimeout bounds what is noted after a run was asked to end.
	noteTimeout = 5 * time.Second
)

// Outcome is what the queue does after Run.
type Outcome struct {
	Again  bool          // else the job is over, or gone
	After  time.Duration // with Again
	Why    string        // with Again, for who operates the queue; nothing personal
	Failed bool          // a chunk failed; else it only waits
}

// What an Outcome says besides a Reason.
const (
	whyBusy     = "busy"
	whyEarly    = "early"
	whyStopped  = "stopped"
	whyUnknown  = "unknown_job"
	whyDatabase = "database"
)

// Run works on a job, chunk by chunk, until it is over, a chunk fails, it was cancelled or taken over, or stop is closed
// (nil: never). Nobody else works on it meanwhile. When ctx ends, what was begun is left, and the job is due at once, as it
// is after stop. The error is that of the chunk, or the database's, and is in the log; Outcome holds with an error, too.
func (s *Service) Run(ctx context.Context, id uuid.UUID, stop <-chan struct{}) (Outcome, error) {
	j, got, err := s.take(ctx, id, false)
	switch {
	case err != nil:
		return s.unnoted(id, err)
	case !got:
		return s.decline(ctx, id)
	}
	return s.work(ctx, j, stop)
}

// Finish works on the open jobs of a kind, as far as they come, however long they were to wait for their next try. Those
// that somebody works on are left to them.
func (s *Service) Finish(ctx context.Context, k Kind) (finished int, err error) {
	ids, err := s.openOf(ctx, k)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		j, got, err := s.take(ctx, id, true)
		if err != nil {
			return finished, err
		}
		if !got {
			continue
		}
		outcome, err := s.work(ctx, j, nil)
		if err != nil {
			return finished, err
		}
		if !outcome.Again {
			finished++
		}
	}
	return finished, nil
}

func again(after time.Duration, why string) Outcome {
	return Outcome{Again: true, After: max(after, 0), Why: why}
}

// decline says what is to be done with a job that can't be taken now.
func (s *Service) decline(ctx context.Context, id uuid.UUID) (Outcome, error) {
	j, err := s.byID(ctx, id)
	now := s.now()
	switch {
	case errors.Is(err, ErrNotFound):
		return Outcome{}, nil
	case err != nil:
		return s.unnoted(id, err)
	case j.FinishedAt != nil:
		return Outcome{}, nil
	case j.LeaseUntil != nil:
		return again(min(j.LeaseUntil.Sub(now), leaseTime), whyBusy), nil
	case j.NextAt != nil:
		return again(j.NextAt.Sub(now), whyEarly), nil
	}
	return again(0, whyBusy), nil // given back in between
}

// work works on a job that was taken.
func (s *Service) work(ctx context.Context, j Job, stop <-chan struct{}) (Outcome, error) {
	handler, known := s.handlers[j.Kind]
	if !known { // a newer version's, which is running beside this one
		return again(longestPause, whyUnknown), s.giveBack(ctx, j, s.now().Add(longestPause))
	}
	leased, release := s.keepLease(ctx, j)
	defer release()
	for {
		p, err := step(leased, handler, j)
		switch {
		case ctx.Err() != nil:
			return s.leave(ctx, j, ctx.Err())
		case leased.Err() != nil:
			return s.decline(ctx, j.ID)
		case err != nil:
			return s.stumble(ctx, j, err)
		}
		over, outcome, err := s.note(ctx, &j, p)
		switch {
		case ctx.Err() != nil && err != nil:
			return s.leave(ctx, j, ctx.Err())
		case over:
			return outcome, err
		}
		select {
		case <-stop:
			return s.leave(ctx, j, nil)
		default:
		}
	}
}

// note notes a chunk. over says that the run ends with it.
func (s *Service) note(ctx context.Context, j *Job, p Progress) (over bool, _ Outcome, err error) {
	if p.Finished {
		done, err := s.finish(ctx, *j, p)
		if done {
			return true, Outcome{}, nil
		}
		if err != nil {
			outcome, err := s.unnoted(j.ID, err)
			return true, outcome, err
		}
	}
	kept, err := s.advance(ctx, j, p)
	switch {
	case err != nil:
		outcome, err := s.unnoted(j.ID, err)
		return true, outcome, err
	case !kept:
		outcome, err := s.decline(ctx, j.ID)
		return true, outcome, err
	case p.Pause > 0:
		return true, again(p.Pause, whyEarly), s.giveBack(ctx, *j, s.now().Add(p.Pause))
	}
	return false, Outcome{}, nil
}

// unnoted is the outcome when the database fails: the job is taken again when its lease is over. An outage is the store's
// to log.
func (s *Service) unnoted(id uuid.UUID, err error) (Outcome, error) {
	if store.Outage(err) == nil && !errors.Is(err, context.Canceled) {
		s.log.Error("a job could not be looked up or noted", "job", id, "error", err)
	}
	return again(outagePause, whyDatabase), err
}

// leave gives a job back between two chunks, since whoever works on it is to stop.
func (s *Service) leave(ctx context.Context, j Job, why error) (Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	return again(0, whyStopped), errors.Join(why, s.giveBack(ctx, j, s.now()))
}

// stumble notes that a chunk failed. While the database can't be used that is no fault of the job, and nothing can be
// noted: it is taken again when its lease is over. A step that says why it failed knows better, since there are other
// databases.
func (s *Service) stumble(ctx context.Context, j Job, err error) (Outcome, error) {
	reason := Internal
	var f failure
	if errors.As(err, &f) {
		reason = f.reason
	} else if store.Outage(err) != nil {
		return again(outagePause, whyDatabase), err
	}
	if f.giveUp {
		s.log.Error("a job failed", "job", j.ID, "kind", j.Kind, "error", err)
		return Outcome{}, errors.Join(err, s.fail(ctx, j, reason))
	}
	pause := pauseAfter(j.Attempts + 1)
	s.log.Error("a job failed and will run again", "job", j.ID, "kind", j.Kind, "attempts", j.Attempts+1, "after", pause, "error", err)
	return Outcome{Again: true, After: pause, Why: string(reason), Failed: true}, errors.Join(err, s.postpone(ctx, j, reason, s.now().Add(pause)))
}

func pauseAfter(attempts int) time.Duration {
	pause := firstPause
	for range attempts - 1 {
		if pause *= 2; pause >= longestPause {
			return longestPause
		}
	}
	return pause
}

// step works on a chunk; a panic is a failure like another.
func step(ctx context.Context, h Handler, j Job) (p Progress, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = Because(Panicked, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	return h.Step(ctx, j)
}

// keepLease renews a job's lease until release is called. leased ends when the lease is lost: the job was cancelled, or
// taken over, or the database can't be asked for too long.
func (s *Service) keepLease(ctx context.Context, j Job) (leased context.Context, release func()) {
	leased, end := context.WithCancel(ctx)
	go func() {
		defer end()
		tick := time.NewTicker(s.renew)
		defer tick.Stop()
		for failed := 0; failed < renewTries; {
			select {
			case <-leased.Done():
				return
			case <-tick.C:
			}
			kept, err := s.renewLease(leased, j)
			switch {
			case err != nil:
				failed++
			case !kept:
				return
			default:
				failed = 0
			}
		}
	}()
	return leased, end
}

func (s *Service) renewLease(ctx context.Context, j Job) (kept bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	return s.prolong(ctx, j)
}
