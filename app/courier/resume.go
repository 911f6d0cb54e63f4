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
	// probeEvery is how often a way that is in trouble is tried, so that the end of an outage is noticed within a minute.
	probeEvery = 45 * time.Second
	// longestProbe bounds it where only a message can tell: what was refused for ten hours is asked every 5 minutes.
	longestProbe = 5 * time.Minute
	// probeShare is the part of an outage's age that lies between two such tries.
	probeShare = 120
	// resumeEvery and resumeBatch are the pace at which messages that waited are let go once their way works again, by all
	// workers together: 3,000 a minute, which is less than a mail server or gateway takes in normal times.
	resumeEvery = 2 * time.Second
	resumeBatch = 100
	// settle is what a refused message waits at least, so that the queue has put its task back by then.
	settle = 5 * time.Second
	// firstDoubt is how long a message waits that was let go because its way worked, and was refused nevertheless; it
	// doubles each time, since others are taken and the message may be to blame.
	firstDoubt = time.Minute
	// probeTimeout bounds a probe that is no message.
	probeTimeout = 20 * time.Second
)

// RetryChannelsEvery is how often RetryChannels wants to be called.
const RetryChannelsEvery = resumeEvery

// RetryChannels looks after the ways that were in trouble. One that is in trouble still is tried every now and then: first whether
// anybody is there, then with one message. When a way works again, whichever message found out, all messages that it had
// not taken are let go, some at a time. What is known about it stands in the database, so that any worker goes on, and
// several together do no more than one. Its error is the database's.
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

// resume lets go of the messages that have waited longest for a way that works.
func (s *Service) resume(ctx context.Context, c Channel) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.now()
		mine, err := takeTurn(ctx, tx, c, turnToResume, now, now.Add(resumeEvery))
		if err != nil || !mine {
			return err
		}
		ids, err := stalledNow(ctx, s.db, tx, c, now, resumeBatch)
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

// find finds out whether a way that is in trouble works again.
func (s *Service) find(ctx context.Context, t Trouble) error {
	now := s.now()
	if now.Before(t.Since.Add(probeEvery)) {
		return nil // the first tries of the schedule are as close together
	}
	mine, err := takeTurn(ctx, s.db, t.Channel, turnToProbe, now, now.Add(probePause(t, now)))
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

// probeWith lets one message go, since somebody answers. One that may have arrived already is taken only if nobody had
// answered the last time.
func (s *Service) probeWith(ctx context.Context, t Trouble) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.now()
		wasAway, err := notAway(ctx, tx, t.Channel)
		if err != nil {
			return err
		}
		id, found, err := leastTried(ctx, s.db, tx, t.Channel, now, wasAway)
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
		return channelWorks(ctx, tx, t.Channel) // nobody was there, now somebody is, and no message waits to say so
	})
}

// probePause is how long a way is left alone after it was tried.
func probePause(t Trouble, now time.Time) time.Duration {
	if ofNetwork(t.Reason) {
		return probeEvery // no message is needed to find out
	}
	return min(max(now.Sub(t.Since)/probeShare, probeEvery), longestProbe)
}

// ofNetwork says whether a reason means that nobody was there to say anything.
func ofNetwork(reason string) bool {
	switch reason {
	case reasonUnreachable, reasonTimeout, reasonConnectionLost, reasonTLS, reasonCertificate, reasonCertificateOld, reasonCertificateName:
		return true
	}
	return false
}

// refused counts an attempt that the way did not take, and says from when on the message may be let go.
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

// passed notes an attempt that failed for a reason of its own: the message does not wait for its way any more.
func (st *stall) passed() {
	if st.ResumeAt != nil || st.Step > 0 {
		st.ResumeAt, st.Step, st.changed = nil, 0, true
	}
}
