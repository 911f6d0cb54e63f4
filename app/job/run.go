package job

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/lease"
	"kontor/app/store"
)

const (
	// The pause after a failure doubles from firstPause to longestPause.
	firstPause   = 5 * time.Second
	longestPause = 5 * time.Minute
	// outagePause is the pause while the database can't be used.
	outagePause = 5 * time.Second
	// noteTimeout bounds the write that releases a job after its run was asked to end.
	noteTimeout = 5 * time.Second
)

// Outcome is what the queue does after Run.
type Outcome struct {
	Again  bool          // if false, the job is over or deleted
	After  time.Duration // with Again
	Why    string        // with Again: the reason, for the operators of the queue; nothing personal
	Failed bool          // a chunk failed; if false, the job only waits
}

// Values of Outcome.Why besides the Reasons.
const (
	whyBusy     = "busy"
	whyEarly    = "early"
	whyStopped  = "stopped"
	whyUnknown  = "unknown_job"
	whyDatabase = "database"
)

// Run works on a job, chunk by chunk, until the job is over, a chunk fails, the job is cancelled or taken over, or stop
// is closed (nil: never). No other worker works on it meanwhile. When ctx ends, the chunk in progress is abandoned.
// Then, and after stop, the job is due again at once. The error is that of the chunk or of the database, and is logged
// already. Outcome is valid even with an error.
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

// Finish works on the open jobs of a kind, each as far as possible, even if it waits for its next try. It skips jobs on
// which another worker works.
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

// decline says what to do with a job that can't be taken now.
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
		return again(min(j.LeaseUntil.Sub(now), lease.Time), whyBusy), nil
	case j.NextAt != nil:
		return again(j.NextAt.Sub(now), whyEarly), nil
	}
	return again(0, whyBusy), nil // released in the meantime
}

// work works on a job that was taken, until the run ends.
func (s *Service) work(ctx context.Context, j Job, stop <-chan struct{}) (Outcome, error) {
	handler, known := s.handlers[j.Kind]
	if !known { // a kind of a newer version, which runs in parallel
		return again(longestPause, whyUnknown), s.giveBack(ctx, j, s.now().Add(longestPause))
	}
	held := j // each chunk reloads j
	leased, release := lease.Keep(ctx, s.renew, func(ctx context.Context) (bool, error) { return s.prolong(ctx, held) })
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

// note records a chunk. over says that the run ends with it.
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

// unnoted returns the outcome if the database fails: the job can be taken again when its lease ends. Outages are not
// logged here because the store logs them.
func (s *Service) unnoted(id uuid.UUID, err error) (Outcome, error) {
	if store.Outage(err) == nil && !errors.Is(err, context.Canceled) {
		s.log.Error("a job could not be looked up or noted", "job", id, "error", err)
	}
	return again(outagePause, whyDatabase), err
}

// leave releases a job because its worker is to stop.
func (s *Service) leave(ctx context.Context, j Job, why error) (Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	return again(0, whyStopped), errors.Join(why, s.giveBack(ctx, j, s.now()))
}

// stumble records that a chunk failed. If the database can't be used, the job is not the cause and nothing can be
// recorded: the job can be taken again when its lease ends. A reason from the step (Because, GiveUp) has precedence,
// since the error may come from another database.
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

// step does one chunk. A panic counts as a failure.
func step(ctx context.Context, h Handler, j Job) (p Progress, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = Because(Panicked, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	return h.Step(ctx, j)
}
