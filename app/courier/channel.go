package courier

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// everyNumber is how many different numbers a gateway refuses, one after the other and without taking any in between,
// until it is the gateway that is not believed: a wrong country setting or an account that was shut makes it say 400 to
// all of them. Until then each is believed, and its code waived; with this one they are all taken back.
const everyNumber = 3

// Trouble is a way that does not take what the firm sends. It is over with the next message that is taken.
type Trouble struct {
	Channel Channel   `bun:"channel"`
	Since   time.Time `bun:"since"`
	LastAt  time.Time `bun:"last_at"` // of the last refusal
	Reason  string    `bun:"reason"`  // key of the last refusal's reason
	Status  string    `bun:"status"`  // what the other side said in numbers, such as "402" or "550 5.7.1"; may be ""
	Waiting int       `bun:"-"`       // messages that were refused and are tried again, at most WaitingCap
}

// WaitingCap is where Trouble.Waiting ends.
const WaitingCap = 1000

// Troubles are the ways that don't work just now. Who may know that is the caller's to decide.
func (s *Service) Troubles(ctx context.Context) ([]Trouble, error) {
	list, err := troubles(ctx, s.db)
	for i := range list {
		if list[i].Waiting, err = countWaiting(ctx, s.db, list[i].Channel); err != nil {
			return nil, err
		}
	}
	return list, err
}

// CountTroubles is how many ways don't work just now.
func (s *Service) CountTroubles(ctx context.Context) (int, error) { return countTroubles(ctx, s.db) }

// noteChannel notes what an attempt says about its way, inside the tx of the outcome: a message that was taken ends
// all trouble, a refusal of the firm begins it. A verdict about a number that turns out to be one about every number is
// no verdict: a and out become those of a refusal of the firm, and what was believed before is taken back.
func (s *Service) noteChannel(ctx context.Context, tx bun.IDB, m Message, a *Attempt, out *outcome, now time.Time, st *stall) error {
	f := out.failed
	if f == nil {
		return channelWorks(ctx, tx, m.Channel)
	}
	if f.blame == ofRecipient && m.Channel == SMS {
		every, err := s.refusesEveryNumber(ctx, tx, m, now)
		if err != nil || !every {
			return err
		}
		f = refusal(reasonEveryNumber, f.detail)
		*out = s.postponed(m, a, f, now, st)
	}
	if f.blame != ofFirm {
		return nil
	}
	return raise(ctx, tx, Trouble{Channel: m.Channel, Since: now, LastAt: now, Reason: f.reason, Status: statusOf(f.detail)})
}

// refusesEveryNumber notes that the number of m was refused. With the everyNumber-th in a row it takes back those that
// were believed before.
func (s *Service) refusesEveryNumber(ctx context.Context, tx bun.IDB, m Message, now time.Time) (bool, error) {
	refused, err := noteRefused(ctx, tx, m, now)
	if err != nil {
		return false, err
	}
	numbers := map[string]bool{}
	for _, r := range refused {
		numbers[r.Recipient] = true
	}
	if len(numbers) < everyNumber {
		return false, nil
	}
	for _, r := range refused {
		if err := s.takeBack(ctx, tx, r, now); err != nil {
			return false, err
		}
	}
	return true, nil
}

// takeBack queues a message again whose number was believed to be none, and has the features forget that.
func (s *Service) takeBack(ctx context.Context, tx bun.IDB, m Message, now time.Time) error {
	if !m.AboutNumber() {
		return nil
	}
	var st stall
	f := refusal(reasonEveryNumber, "")
	st.refused(m, f, now)
	next, ok := nextTry(now, s.schedule.pause(m.Channel, m.Attempts, f), m.ExpiresAt)
	if !ok {
		if err := renameFailure(ctx, tx, m, reasonExpired); err != nil {
			return err
		}
		m.Reason = reasonExpired
		return s.tell(ctx, tx, m)
	}
	again, err := reopen(ctx, tx, m, Failed, reasonEveryNumber, m.Detail, next)
	if err != nil || !again {
		return err
	}
	if err := st.keep(ctx, tx, Queued); err != nil {
		return err
	}
	m.State, m.Reason = Queued, reasonEveryNumber
	return s.tell(ctx, tx, m)
}

// comesBack is what becomes of a message that was handed over and comes back because the firm is refused: it is tried
// again, as if it had never been taken.
func (s *Service) comesBack(ctx context.Context, tx bun.IDB, m Message, f *failure, now time.Time) error {
	newer, err := newerExists(ctx, tx, m)
	if err != nil {
		return err
	}
	a := Attempt{MessageID: m.ID, StartedAt: now, EndedAt: &now, Outcome: Temporary, Reason: f.reason, Detail: f.detail}
	next, ok := nextTry(now, s.schedule.pause(m.Channel, m.Attempts, f), m.ExpiresAt)
	again := m.State == HandedOver && !newer && ok
	if again {
		a.NextAt = &next
	}
	if repeated, err := s.noteReport(ctx, tx, m, a); err != nil || repeated {
		return err
	}
	if err := raise(ctx, tx, Trouble{Channel: m.Channel, Since: now, LastAt: now, Reason: f.reason, Status: statusOf(f.detail)}); err != nil {
		return err
	}
	switch {
	case again:
		_, err = reopen(ctx, tx, m, HandedOver, f.reason, f.detail, next)
	case m.State == HandedOver:
		err = s.failReported(ctx, tx, m, f.reason, f.detail, false, now)
	}
	return err // else it is under way again already, or at an end
}
