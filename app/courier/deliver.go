package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/lease"
	"kontor/app/store"
)

// Verdict is what the queue does with a task after Deliver.
type Verdict struct {
	Retry bool          // if false, the task is done, whatever became of the message
	After time.Duration // with Retry
	Why   string        // for the queue's page; nothing personal
	// Refused says that an attempt failed because the other side refuses the firm's messages or can't be reached.
	// Without it, Retry only waits: the time has not come, another attempt runs, or an attempt failed for a reason that
	// concerns this message alone and may pass by itself, such as greylisting or a stop of this process.
	Refused bool
}

// transport sends the rendered messages of a channel. Its errors are of type *failure. send must return soon after ctx
// ends.
type transport interface {
	send(ctx context.Context, l rendered) (providerID string, err error)
	// probe checks whether the other side can be reached and would accept messages, without sending one. It can't find
	// out what the other side would answer to a message.
	probe(ctx context.Context) error
	close() error
}

// rendered is a message ready to be sent. It is never stored, except encrypted in the mailbox.
type rendered struct {
	ID                  uuid.UUID
	MessageID           string // of a mail, without angle brackets
	Token               string // identifies the message in reports about it
	Channel             Channel
	To, ToName          string
	Subject, Text, HTML string
	At                  time.Time
}

// try is an attempt that is being made.
type try struct {
	message Message
	attempt Attempt
	content Content
}

const (
	// busyPause is the longest time after which a task checks again whether another process's attempt has ended.
	busyPause = 15 * time.Second
	// finishTimeout bounds the tx that records an outcome. This tx goes on when the process is asked to stop.
	finishTimeout = 15 * time.Second
	finishTries   = 3
)

// Deliver makes one attempt to send a message, if it is due and no other attempt is running. It returns an error only
// if the database fails; the queue then tries again soon. Everything else that can happen is in the Verdict and in the
// message's row.
//
// Messages are sent at least once. If the process dies or the database is lost after the other side has accepted the
// message, but before that is recorded, the message is sent again after its lease, with the same Message-ID.
func (s *Service) Deliver(ctx context.Context, t Ticket) (Verdict, error) {
	if _, busy := s.underway.LoadOrStore(t.MessageID, struct{}{}); busy {
		return Verdict{Retry: true, After: busyPause, Why: "busy"}, nil
	}
	defer s.underway.Delete(t.MessageID)

	at, verdict, err := s.begin(ctx, t, true)
	var broken composeError
	if errors.As(err, &broken) {
		s.log.ErrorContext(ctx, "message not composed", "message", t.MessageID, "error", broken.error)
		if at, verdict, err = s.begin(ctx, t, false); err == nil && at != nil {
			return s.finish(ctx, at, "", temporary(reasonInternal))
		}
	}
	if err != nil || at == nil {
		return verdict, err
	}
	held := at.message
	leased, release := lease.Keep(ctx, s.renew, func(ctx context.Context) (bool, error) { return s.renewLease(ctx, held) })
	defer release()
	provider, err := s.send(leased, at)
	return s.finish(ctx, at, provider, err)
}

// composeError is an error of a composer. The tx is rolled back with everything that the composer created, and the
// attempt counts as failed.
type composeError struct{ error }

// begin leases the message, composes it and records the attempt, in one tx. If the returned try is nil, the verdict
// says why.
func (s *Service) begin(ctx context.Context, t Ticket, compose bool) (at *try, v Verdict, err error) {
	err = s.db.InSharedTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		at, v = nil, Verdict{}
		now := s.now()
		m, got, err := takeLease(ctx, tx, t, now, now.Add(lease.Time))
		if err != nil {
			return err
		}
		if !got {
			v, err = s.decline(ctx, tx, t, now)
			return err
		}
		if suppressed, err := s.suppress(ctx, tx, m, now); err != nil || suppressed {
			v = Verdict{Why: string(Suppressed)}
			return err
		}
		a := &try{message: m}
		if compose {
			if a.content, err = s.Compose(ctx, tx, m); err != nil {
				return composeError{err}
			}
			if a.content.Void {
				v = Verdict{Why: "void"}
				return unlease(ctx, tx, m, now)
			}
		}
		if err := noteStart(ctx, tx, a, now); err != nil {
			return err
		}
		at = a
		return nil
	})
	if err != nil {
		return nil, Verdict{}, err
	}
	return at, v, nil
}

// Compose makes the content of a message in the same way as an attempt does. If the content is for another recipient
// than the message, it is void: the address was corrected meanwhile.
func (s *Service) Compose(ctx context.Context, tx bun.IDB, m Message) (Content, error) {
	composer := s.composers[m.Kind]
	if composer == nil {
		return Content{}, fmt.Errorf("no composer of %s", m.Kind)
	}
	c, err := composer(ctx, tx, m)
	if err != nil || c.Void {
		return c, err
	}
	if c.To != m.Recipient {
		s.log.WarnContext(ctx, "message void: the recipient has changed", "message", m.ID)
		c.Void = true
	}
	return c, nil
}

func noteStart(ctx context.Context, tx bun.IDB, at *try, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	number := at.message.Attempts
	if at.message.Run > 1 {
		if number, err = lastNumber(ctx, tx, at.message.ID); err != nil {
			return err
		}
		number++
	}
	at.attempt = Attempt{ID: id, MessageID: at.message.ID, Number: number, StartedAt: now}
	return insertAttempt(ctx, tx, &at.attempt)
}

// decline says why a message can't be leased. It settles the message if it has expired.
func (s *Service) decline(ctx context.Context, tx bun.IDB, t Ticket, now time.Time) (Verdict, error) {
	m, err := loadMessage(ctx, tx, t.MessageID)
	switch {
	case store.IsNoRows(err):
		return Verdict{Why: "gone"}, nil
	case err != nil:
		return Verdict{}, err
	case m.Run != t.Run:
		return Verdict{Why: "superseded"}, nil
	case m.State != Queued && m.State != Sending:
		return Verdict{Why: string(m.State)}, nil
	case m.State == Sending && m.LeaseUntil != nil && now.Before(*m.LeaseUntil):
		left := m.LeaseUntil.Sub(now) + time.Second
		return Verdict{Retry: true, After: min(left, busyPause), Why: "busy"}, nil
	case now.Before(m.ExpiresAt) && m.NextAt != nil && now.Before(*m.NextAt):
		return Verdict{Retry: true, After: m.NextAt.Sub(now), Why: "early"}, nil
	case now.Before(m.ExpiresAt):
		return Verdict{Retry: true, After: time.Second, Why: "busy"}, nil // changed between two statements
	}
	done, err := expire(ctx, tx, m, now)
	if err != nil || !done {
		return Verdict{Retry: !done, After: busyPause, Why: "busy"}, err
	}
	m.State, m.Reason, m.SettledAt = Failed, reasonExpired, &now
	return Verdict{Why: reasonExpired}, s.tell(ctx, tx, m)
}

// renewLease prolongs an attempt's lease. kept is false when the message was cancelled or taken over.
func (s *Service) renewLease(ctx context.Context, m Message) (kept bool, err error) {
	err = s.db.InSharedTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		kept, err = prolong(ctx, tx, m, s.now().Add(lease.Time))
		return err
	})
	return kept, err
}

// send renders the message and hands it to the transport, in bounded time.
func (s *Service) send(stopped context.Context, at *try) (providerID string, err error) {
	ctx, cancel := context.WithTimeout(stopped, s.attempt)
	defer cancel()
	c := at.content
	l, err := s.renderer.render(at.message.Channel, c)
	if err != nil {
		s.log.ErrorContext(ctx, "message not rendered", "message", at.message.ID, "kind", at.message.Kind, "error", err)
		return "", temporary(reasonInternal)
	}
	l.ID, l.MessageID, l.Channel = at.message.ID, s.messageID(at.message), at.message.Channel
	l.Token = tokenOf(s.key, l.ID)
	l.To, l.ToName, l.At = c.To, oneLine(c.ToName), at.attempt.StartedAt
	provider, err := s.transports[l.Channel].send(ctx, l)
	var f *failure
	if errors.As(err, &f) && f.reason == reasonTimeout && stopped.Err() != nil {
		f.blame, f.reason = ofMoment, reasonInterrupted // this process stopped the attempt; the other side was not too slow
	}
	return provider, err
}

// outcome is what an attempt, a report or a cancellation means for its message.
type outcome struct {
	state   State
	reason  string
	detail  string    // the other side's answer, as it is stored
	next    time.Time // with Queued: when to try again
	forGood bool      // with Failed: the address does not exist (isForGood)
	failed  *failure  // of an attempt; nil: accepted
}

// ending is an attempt that has ended, while this is being recorded.
type ending struct {
	try
	at      time.Time
	stall   stall
	outcome outcome
}

// finish records how an attempt ended. It tries several times, also while the process stops, because a message whose
// outcome is lost is sent twice.
func (s *Service) finish(ctx context.Context, at *try, provider string, sendErr error) (v Verdict, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	for i := range finishTries {
		if v, err = s.note(ctx, at, provider, sendErr); err == nil {
			return v, nil
		}
		level := slog.LevelError
		if store.Outage(err) != nil { // the store logs it, once
			level = slog.LevelDebug
		}
		s.log.Log(ctx, level, "outcome not noted", "message", at.message.ID, "try", i+1, "error", err)
		select {
		case <-time.After(time.Duration(i+1) * 100 * time.Millisecond):
		case <-ctx.Done():
			return v, err
		}
	}
	return v, err
}

func (s *Service) note(ctx context.Context, at *try, provider string, sendErr error) (v Verdict, err error) {
	now := s.now()
	provider = plain(provider)
	var e ending
	err = s.db.InSharedTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		e = ending{try: *at, at: now}
		m := e.message
		if m.Attempts > 1 {
			if e.stall, err = loadStall(ctx, tx, m.ID); err != nil {
				return err
			}
		}
		s.judge(&e, sendErr)
		if err := s.noteChannel(ctx, tx, &e); err != nil {
			return err
		}
		if err := closeAttempt(ctx, tx, e.attempt); err != nil {
			return err
		}
		out := e.outcome
		var kept bool
		var err error
		switch out.state {
		case HandedOver:
			if kept, err = handOver(ctx, tx, m, provider, now); err == nil && kept {
				err = s.askLater(ctx, tx, m, provider, now)
			}
		case Failed:
			kept, err = fail(ctx, tx, m, out, now)
		default:
			kept, err = queueAgain(ctx, tx, m, out)
		}
		if err != nil || !kept {
			return err // not kept: the message was cancelled or taken over meanwhile, as its row says
		}
		if err := e.stall.keep(ctx, tx, out.state); err != nil {
			return err
		}
		m.State, m.Reason, m.Detail, m.ProviderID = out.state, out.reason, out.detail, provider
		if m.State == Failed || m.State == HandedOver && m.Run > 1 {
			if err := s.tell(ctx, tx, m); err != nil {
				return err
			}
		}
		if out.forGood {
			return s.noteRefusal(ctx, tx, m, now)
		}
		return nil
	})
	if err != nil {
		return Verdict{}, err
	}
	m, a, out := e.message, e.attempt, e.outcome
	s.noteAttempt(Attempted{m.Channel, a.Outcome})
	s.log.LogAttrs(ctx, slog.LevelInfo, "message attempt", slog.String("message", m.ID.String()),
		slog.String("kind", string(m.Kind)), slog.String("channel", string(m.Channel)), slog.Int("attempt", a.Number),
		slog.String("outcome", string(a.Outcome)), slog.String("reason", a.Reason))
	if out.state == Queued {
		return Verdict{Retry: true, After: max(out.next.Sub(now), 0), Why: a.Reason, Refused: out.failed != nil && out.failed.blame == ofFirm}, nil
	}
	return Verdict{Why: string(out.state)}, nil
}

// judge sets the result of the attempt and decides what happens to the message.
func (s *Service) judge(e *ending, sendErr error) {
	a := &e.attempt
	a.EndedAt = &e.at
	if sendErr == nil {
		a.Outcome = Accepted
		e.outcome = outcome{state: HandedOver}
		return
	}
	var f *failure
	if !errors.As(sendErr, &f) {
		f = temporary(reasonInternal)
	}
	a.Detail = plain(f.detail, e.content.secrets()...)
	if f.blame == ofRecipient {
		a.Outcome, a.Reason = Permanent, f.reason
		e.outcome = outcome{
			state: Failed, reason: f.reason, detail: a.Detail, forGood: isForGood(e.message.Channel, f.reason, ""), failed: f,
		}
		return
	}
	s.postpone(e, f)
}

// postpone sets the result of an attempt after which the message is tried again, unless it expires before that.
func (s *Service) postpone(e *ending, f *failure) {
	m, a := e.message, &e.attempt
	a.Outcome, a.Reason = Temporary, f.reason
	step := m.Attempts - e.stall.Tries
	if f.blame == ofFirm {
		e.stall.refused(m, f, e.at)
		step = e.stall.Step
	} else {
		e.stall.passed()
	}
	next, ok := nextTry(e.at, s.schedule.pause(m.Channel, step, f), m.ExpiresAt)
	if !ok {
		e.outcome = outcome{state: Failed, reason: reasonExpired, detail: a.Detail, failed: f}
		return
	}
	a.NextAt = &next
	e.outcome = outcome{state: Queued, reason: f.reason, detail: a.Detail, next: next, failed: f}
}
