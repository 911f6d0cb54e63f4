package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/mail"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/lease"
	"kontor/app/logo"
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
	From                *mail.Address // of a mail
	Logo                *logo.Logo    // of a mail; nil: none
	Sender              string        // of an SMS, unless SMS_FROM is set
}

// try is an attempt that is being made.
type try struct {
	message Message
	attempt Attempt
	content Content
}

// beginning is an attempt that is about to begin.
type beginning struct {
	ticket  Ticket
	compose bool
	try     *try    // nil: no attempt is made
	verdict Verdict // why there is none
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

	b := &beginning{ticket: t, compose: true}
	err := s.beginnings.Do(ctx, b)
	var broken composeError
	if errors.As(err, &broken) {
		s.log.ErrorContext(ctx, "message not composed", "message", t.MessageID, "error", broken.error)
		b.compose = false
		if err = s.beginnings.Do(ctx, b); err == nil && b.try != nil {
			return s.finish(ctx, b.try, "", temporary(reasonInternal))
		}
	}
	if err != nil || b.try == nil {
		return b.verdict, err
	}
	held := b.try.message
	leased, release := lease.Keep(ctx, s.renew, func(ctx context.Context) (bool, error) { return s.renewLease(ctx, held) })
	defer release()
	provider, err := s.send(leased, b.try)
	return s.finish(ctx, b.try, provider, err)
}

// composeError is an error of a composer. The tx is rolled back with everything that the composer created, and the
// attempt counts as failed.
type composeError struct{ error }

// begin leases messages, composes them and records the attempts.
func (s *Service) begin(ctx context.Context, tx bun.Tx, all []*beginning) error {
	now := s.now()
	list := make([]Ticket, len(all))
	for i, b := range all {
		b.try, b.verdict, list[i] = nil, Verdict{}, b.ticket
	}
	leased, err := takeLeases(ctx, tx, list, now, now.Add(lease.Time))
	if err != nil {
		return err
	}
	refused, err := s.refusalsOf(ctx, tx, mailAddresses(leased))
	if err != nil {
		return err
	}
	var begun []*beginning
	for _, b := range all {
		m, got := leased[b.ticket.MessageID]
		r, suppressed := refused[m.Recipient]
		switch {
		case !got:
			b.verdict, err = s.decline(ctx, tx, b.ticket, now)
		case suppressed && m.Channel == Email:
			b.verdict, err = Verdict{Why: string(Suppressed)}, s.suppress(ctx, tx, m, r, now)
		default:
			b.try = &try{message: m}
			begun = append(begun, b)
		}
		if err != nil {
			return err
		}
	}
	if err := s.composeAll(ctx, tx, begun); err != nil {
		return err
	}
	return s.noteAttempts(ctx, tx, begun, now)
}

func mailAddresses(messages map[uuid.UUID]Message) (addresses []string) {
	for _, m := range messages {
		if m.Channel == Email {
			addresses = append(addresses, m.Recipient)
		}
	}
	return addresses
}

// composeAll makes the contents of the messages that are to be composed, kind by kind.
func (s *Service) composeAll(ctx context.Context, tx bun.IDB, all []*beginning) error {
	of := map[Kind][]*try{}
	for _, b := range all {
		if b.compose {
			of[b.try.message.Kind] = append(of[b.try.message.Kind], b.try)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		messages := make([]Message, len(of[kind]))
		for i, t := range of[kind] {
			messages[i] = t.message
		}
		contents, err := s.Compose(ctx, tx, messages)
		if err != nil {
			return composeError{err}
		}
		for i, t := range of[kind] {
			t.content = contents[i]
		}
	}
	return nil
}

// Compose makes the contents of messages of one kind in the same way as an attempt does. A content for another recipient
// than the message's is void: the address was corrected meanwhile.
func (s *Service) Compose(ctx context.Context, tx bun.IDB, messages []Message) ([]Content, error) {
	composer := s.composers[messages[0].Kind]
	if composer == nil {
		return nil, fmt.Errorf("no composer of %s", messages[0].Kind)
	}
	contents, err := composer(ctx, tx, messages)
	if err != nil {
		return nil, err
	}
	for i, m := range messages {
		if c := &contents[i]; !c.Void && c.To != m.Recipient {
			s.log.WarnContext(ctx, "message void: the recipient has changed", "message", m.ID)
			c.Void = true
		}
	}
	return contents, nil
}

// noteAttempts records the attempts of messages that are still needed, and cancels the others.
func (s *Service) noteAttempts(ctx context.Context, tx bun.IDB, all []*beginning, now time.Time) (err error) {
	var attempts []Attempt
	for _, b := range all {
		if m := b.try.message; b.try.content.Void {
			b.try, b.verdict = nil, Verdict{Why: "void"}
			if err := unlease(ctx, tx, m, now); err != nil {
				return err
			}
			continue
		}
		if b.try.attempt, err = newAttempt(ctx, tx, b.try.message, now); err != nil {
			return err
		}
		attempts = append(attempts, b.try.attempt)
	}
	return insertAttempts(ctx, tx, attempts...)
}

// newAttempt numbers an attempt. It does not store it.
func newAttempt(ctx context.Context, tx bun.IDB, m Message, now time.Time) (a Attempt, err error) {
	a = Attempt{MessageID: m.ID, Number: m.Attempts, StartedAt: now}
	if a.ID, err = uuid.NewV7(); err != nil || m.Run == 1 {
		return a, err
	}
	last, err := lastNumber(ctx, tx, m.ID)
	a.Number = last + 1
	return a, err
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
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
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
	w := s.writes()
	l, err := w.render(at.message.Channel, c)
	if err != nil {
		s.log.ErrorContext(ctx, "message not rendered", "message", at.message.ID, "kind", at.message.Kind, "error", err)
		return "", temporary(reasonInternal)
	}
	l.ID, l.MessageID, l.Channel = at.message.ID, s.messageID(at.message), at.message.Channel
	l.From, l.Logo, l.Sender = w.from, w.logo, w.sender
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
	provider string // the id that the other side gave the message
	err      error  // of sending; nil: accepted
	at       time.Time
	stall    stall
	outcome  outcome
}

// finish records how an attempt ended. It tries several times, also while the process stops, because a message whose
// outcome is lost is sent twice.
func (s *Service) finish(ctx context.Context, t *try, provider string, sendErr error) (Verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	e := &ending{try: *t, provider: plain(provider), err: sendErr}
	var err error
	for i := range finishTries {
		if err = s.endings.Do(ctx, e); err == nil {
			return s.verdict(e), nil
		}
		level := slog.LevelError
		if store.Outage(err) != nil { // the store logs it, once
			level = slog.LevelDebug
		}
		s.log.Log(ctx, level, "outcome not noted", "message", t.message.ID, "try", i+1, "error", err)
		select {
		case <-time.After(time.Duration(i+1) * 100 * time.Millisecond):
		case <-ctx.Done():
			return Verdict{}, err
		}
	}
	return Verdict{}, err
}

// verdict counts and logs an attempt that is recorded, and says what the queue does now.
func (s *Service) verdict(e *ending) Verdict {
	m, a, out := e.message, e.attempt, e.outcome
	s.noteAttempt(Attempted{m.Channel, a.Outcome})
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "message attempt", slog.String("message", m.ID.String()),
		slog.String("kind", string(m.Kind)), slog.String("channel", string(m.Channel)), slog.Int("attempt", a.Number),
		slog.String("outcome", string(a.Outcome)), slog.String("reason", a.Reason))
	if out.state == Queued {
		return Verdict{Retry: true, After: max(out.next.Sub(e.at), 0), Why: a.Reason, Refused: out.failed != nil && out.failed.blame == ofFirm}
	}
	return Verdict{Why: string(out.state)}
}

// end records how attempts ended: first those that the other side accepted, all at once, then the others.
func (s *Service) end(ctx context.Context, tx bun.Tx, all []*ending) error {
	now := s.now()
	var again []uuid.UUID
	for _, e := range all {
		if e.message.Attempts > 1 {
			again = append(again, e.message.ID)
		}
	}
	stalls, err := loadStalls(ctx, tx, again)
	if err != nil {
		return err
	}
	var taken, others []*ending
	for _, e := range all {
		e.at, e.stall = now, stalls[e.message.ID]
		s.judge(e)
		if e.outcome.state == HandedOver {
			taken = append(taken, e)
		} else {
			others = append(others, e)
		}
	}
	if err := s.endAccepted(ctx, tx, taken, now); err != nil {
		return err
	}
	for _, e := range others {
		if err := s.endFailed(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) endAccepted(ctx context.Context, tx bun.Tx, all []*ending, now time.Time) error {
	if len(all) == 0 {
		return nil
	}
	of := make(map[uuid.UUID]*ending, len(all))
	var attempts []uuid.UUID
	var messages []accepted
	work := map[Channel]bool{}
	for _, e := range all {
		of[e.message.ID], work[e.message.Channel] = e, true
		attempts = append(attempts, e.attempt.ID)
		messages = append(messages, accepted{e.message.ID, e.message.Run, e.provider})
	}
	for _, c := range []Channel{Email, SMS} {
		if !work[c] {
			continue
		}
		if err := channelWorks(ctx, tx, c); err != nil {
			return err
		}
	}
	if err := closeAccepted(ctx, tx, attempts, now); err != nil {
		return err
	}
	unsettled, err := handOver(ctx, tx, messages, now)
	if err != nil {
		return err
	}
	for _, id := range unsettled { // the others were cancelled meanwhile, as their rows say
		if err := s.askLater(ctx, tx, of[id].message, of[id].provider, now); err != nil {
			return err
		}
		if err := s.follow(ctx, tx, of[id]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) endFailed(ctx context.Context, tx bun.Tx, e *ending) (err error) {
	if err := s.noteFailure(ctx, tx, e); err != nil {
		return err
	}
	if err := closeAttempt(ctx, tx, e.attempt); err != nil {
		return err
	}
	var kept bool
	if e.outcome.state == Failed {
		kept, err = fail(ctx, tx, e.message, e.outcome, e.at)
	} else {
		kept, err = queueAgain(ctx, tx, e.message, e.outcome)
	}
	if err != nil || !kept {
		return err // not kept: the message was cancelled or taken over meanwhile, as its row says
	}
	return s.follow(ctx, tx, e)
}

// follow does what follows from the new state of a message.
func (s *Service) follow(ctx context.Context, tx bun.Tx, e *ending) error {
	m, out := e.message, e.outcome
	if err := e.stall.keep(ctx, tx, out.state); err != nil {
		return err
	}
	m.State, m.Reason, m.Detail, m.ProviderID = out.state, out.reason, out.detail, e.provider
	if m.State == Failed || m.State == HandedOver && m.Run > 1 {
		if err := s.tell(ctx, tx, m); err != nil {
			return err
		}
	}
	if out.forGood {
		return s.noteRefusal(ctx, tx, m, e.at)
	}
	return nil
}

// judge sets the result of the attempt and decides what happens to the message.
func (s *Service) judge(e *ending) {
	a := &e.attempt
	a.EndedAt, a.NextAt = &e.at, nil
	if e.err == nil {
		a.Outcome = Accepted
		e.outcome = outcome{state: HandedOver}
		return
	}
	var f *failure
	if !errors.As(e.err, &f) {
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
