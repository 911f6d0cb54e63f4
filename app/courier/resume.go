package courier

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

const (
	// probeEvery is how often a channel in trouble is probed, so that the end of an outage is noticed within a minute.
	probeEvery = 45 * time.Second
	// longestProbe bounds the pause between probes if only a message can show whether the channel works. The pause
	// reaches it after ten hours of trouble.
	longestProbe = 5 * time.Minute
	// probeShare determines that pause: it is the age of the outage divided by probeShare.
	probeShare = 120
	// resumeEvery and resumeBatch determine how fast all workers together release the waiting messages when their
	// channel works again: 3,000 a minute, which is less than a mail server or gateway accepts in normal times.
	resumeEvery = 2 * time.Second
	resumeBatch = 100
	// settle is the shortest wait of a refused message, so that the queue has put its task back by then.
	settle = 5 * time.Second
	// firstDoubt is how long a message waits that was released because its channel works, and was refused nevertheless.
	// The wait doubles each time: other messages are accepted, so this message may be the cause.
	firstDoubt = time.Minute
	// probeTimeout bounds a probe that sends no message.
	probeTimeout = 20 * time.Second
)

// RetryChannelsEvery is how often RetryChannels should be called.
const RetryChannelsEvery = resumeEvery

// RetryChannels handles the channels that are or were in trouble. A channel in trouble is probed from time to time:
// first whether the other side can be reached, then with one message. When a channel works again, whichever message
// shows it, all messages that it has refused are released, a batch at a time. All state is in the database, so any
// worker can continue, and several workers together do no more than one. The error is the database's.
func (s *Service) RetryChannels(ctx context.Context) error {
	var wait sync.WaitGroup
	errs := make([]error, len(channels))
	for i, c := range channels {
		wait.Go(func() { errs[i] = s.retryChannel(ctx, c) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

var channels = [...]Channel{Email, SMS}

func (s *Service) retryChannel(ctx context.Context, c Channel) error {
	t, troubled, err := troubleOf(ctx, s.db, c)
	if err != nil {
		return err
	}
	if troubled {
		return s.find(ctx, t)
	}
	if some, err := anyStalled(ctx, s.db, c); err != nil || !some {
		return err
	}
	return s.resume(ctx, c)
}

// resume releases the messages that have waited longest for their channel.
func (s *Service) resume(ctx context.Context, c Channel) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.now()
		mine, err := turn{c, toResume}.take(ctx, tx, now, now.Add(resumeEvery))
		if err != nil || !mine {
			return err
		}
		ids, err := longestStalled(ctx, waiting(s.db, tx, c, now), resumeBatch)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return forgetSettled(ctx, tx, c)
		}
		if err := letGo(ctx, tx, ids, now); err != nil {
			return err
		}
		store.AfterCommit(ctx, s.nudge)
		return resumed(ctx, tx, ids)
	})
}

// find finds out whether a channel in trouble works again.
func (s *Service) find(ctx context.Context, t Trouble) error {
	now := s.now()
	if now.Before(t.Since.Add(probeEvery)) {
		return nil // until then the messages' own tries are as frequent
	}
	mine, err := turn{t.Channel, toProbe}.take(ctx, s.db, now, now.Add(probePause(t, now)))
	if err != nil || !mine {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, min(s.attempt, probeTimeout))
	defer cancel()
	err = s.transports[t.Channel].probe(bounded)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was we who had no time
	}
	var f *failure
	if errors.As(err, &f) {
		return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			return noteAway(ctx, tx, Trouble{Channel: t.Channel, LastAt: s.now(), Reason: f.reason, Status: statusOf(plain(f.detail))})
		})
	}
	return s.probeWith(ctx, t)
}

// probeWith releases one message, since the other side can be reached. It uses a message that may have arrived already
// only if the other side could not be reached at the last probe.
func (s *Service) probeWith(ctx context.Context, t Trouble) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.now()
		wasAway, err := notAway(ctx, tx, t.Channel)
		if err != nil {
			return err
		}
		id, found, err := leastTried(ctx, waiting(s.db, tx, t.Channel, now), wasAway)
		if err != nil {
			return err
		}
		if found {
			store.AfterCommit(ctx, s.nudge)
			return letGo(ctx, tx, id, now)
		}
		some, err := anyStalled(ctx, tx, t.Channel)
		if err != nil || some || !ofNetwork(t.Reason) {
			return err
		}
		return channelWorks(ctx, tx, t.Channel) // the other side can be reached again, and no message waits that could show it
	})
}

// probePause returns the pause until a channel is probed again.
func probePause(t Trouble, now time.Time) time.Duration {
	if ofNetwork(t.Reason) {
		return probeEvery // no message is needed for the probe
	}
	return min(max(now.Sub(t.Since)/probeShare, probeEvery), longestProbe)
}

// ofNetwork says whether a reason means that the other side could not be reached.
func ofNetwork(reason string) bool {
	switch reason {
	case reasonUnreachable, reasonTimeout, reasonConnectionLost, reasonTLS, reasonCertificate, reasonCertificateOld, reasonCertificateName:
		return true
	}
	return false
}

// refused records an attempt that the channel refused, and sets the time from which on the message may be released.
func (st *stall) refused(m Message, f *failure, now time.Time) {
	st.MessageID, st.Channel = m.ID, m.Channel
	st.Tries++
	st.Step++
	st.Unsure = !f.answered()
	wait := settle
	if st.Resumed > 0 {
		wait = longPause
		if !st.Unsure {
			wait = min(firstDoubt<<min(st.Resumed-1, 10), longPause)
		}
	}
	at := now.Add(max(wait, min(f.after, longestAsked)))
	st.ResumeAt, st.changed = &at, true
}

// passed records an attempt that failed for a reason of the message itself: it no longer waits for its channel.
func (st *stall) passed() {
	if st.ResumeAt != nil || st.Step > 0 {
		st.ResumeAt, st.Step, st.changed = nil, 0, true
	}
}
