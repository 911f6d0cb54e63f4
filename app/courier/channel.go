package courier

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// everyNumber is how many different numbers in a row a gateway must refuse until the gateway itself is considered
// faulty: a wrong country setting or a closed account makes it answer 400 for every number. Before that, each refusal
// is believed, and the code for that number is waived. With the everyNumber-th refusal all of them are taken back.
const everyNumber = 3

// Trouble is a channel whose server refuses the firm's messages or can't be reached. It ends when the next message is
// accepted.
type Trouble struct {
	Channel Channel   `bun:"channel"`
	Since   time.Time `bun:"since"`
	LastAt  time.Time `bun:"last_at"` // of the last refusal
	Reason  string    `bun:"reason"`  // key of the last refusal's reason
	Status  string    `bun:"status"`  // the codes in the other side's answer, such as "402" or "550 5.7.1"; may be ""
	Waiting int       `bun:"-"`       // refused messages that will be tried again, at most waitingCap
}

// waitingCap is the largest value of Trouble.Waiting.
const waitingCap = 1000

// Troubles returns the channels that do not work at present. The caller must check whether the person may see them.
func (s *Service) Troubles(ctx context.Context) ([]Trouble, error) {
	list, err := troubles(ctx, s.db)
	for i := range list {
		if list[i].Waiting, err = countWaiting(ctx, s.db, list[i].Channel); err != nil {
			return nil, err
		}
	}
	return list, err
}

// CountTroubles returns how many channels do not work at present.
func (s *Service) CountTroubles(ctx context.Context) (int, error) { return countTroubles(ctx, s.db) }

// noteFailure records what a failed attempt says about its channel, inside the tx of the outcome. A refusal of the firm
// begins trouble, which the next accepted message ends. If it turns out that the gateway refuses every number, the
// verdict about this number is wrong: it is changed to a refusal of the firm, and earlier verdicts are taken back.
func (s *Service) noteFailure(ctx context.Context, tx bun.IDB, e *ending) error {
	f, m := e.outcome.failed, e.message
	if f.blame == ofRecipient && m.Channel == SMS {
		every, err := s.refusesEveryNumber(ctx, tx, m, e.at)
		if err != nil || !every {
			return err
		}
		f = refusal(reasonEveryNumber, f.detail)
		s.postpone(e, f)
	}
	if f.blame != ofFirm {
		return nil
	}
	return raise(ctx, tx, Trouble{Channel: m.Channel, Since: e.at, LastAt: e.at, Reason: f.reason, Status: statusOf(f.detail)})
}

// refusesEveryNumber records that the number of m was refused. If it is the everyNumber-th in a row, it takes back the
// earlier verdicts and returns true.
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

// takeBack queues a message again whose number was wrongly believed not to exist, and tells the features to forget
// that.
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
	again, err := reopen(ctx, tx, m, outcome{state: Queued, reason: reasonEveryNumber, detail: m.Detail, next: next})
	if err != nil || !again {
		return err
	}
	if err := st.keep(ctx, tx, Queued); err != nil {
		return err
	}
	m.State, m.Reason = Queued, reasonEveryNumber
	return s.tell(ctx, tx, m)
}

// comesBack handles the report that a message which was handed over failed because the firm is refused. The message is
// tried again, as if it had never been accepted.
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
		_, err = reopen(ctx, tx, m, outcome{state: Queued, reason: f.reason, detail: f.detail, next: next})
	case m.State == HandedOver:
		err = s.failReported(ctx, tx, m, outcome{state: Failed, reason: f.reason, detail: f.detail}, now)
	}
	return err // otherwise the message is already under way again, or settled
}
