package access

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/secret"
)

// Limits of the registration page, per access.
const (
	codeTries    = 5           // wrong tries lock a code
	codeTriesDay = 15          // wrong tries a day, whatever the code
	sendPause    = time.Minute // between two links or codes that the end user asks for
	sendsDay     = 5           // of them a day
)

// needsCode says whether registering takes the code as well as the link.
//
// It does whenever a mobile number is stored, until it is certain that no SMS can arrive: none of this generation is
// on its way or went out, and one failed because its number is none. Then the link alone suffices, as for an access
// without a mobile number, since a person can't be asked for what can't be sent. The price: who holds the mail and
// could make the gateway refuse the number would need no code. Whatever else keeps an SMS from arriving (the firm's key
// or credit, a gateway that is away, a telephone that was off) does not count: the code stays, and the page says what
// became of the SMS and offers to send a new one.
//
// late says that the last SMS could not be sent so far, or did not arrive: what the page is to say then.
func (s *Service) needsCode(ctx context.Context, r row) (needs, late bool, err error) {
	if r.Mobile == "" {
		return false, false, nil
	}
	messages, err := s.courier.OfAccesses(ctx, []uuid.UUID{r.ID})
	if err != nil {
		return false, false, err
	}
	under, refused := false, false
	for _, m := range messages[r.ID] {
		if m.Kind != courier.RegistrationCode || m.Generation != r.Generation {
			continue
		}
		switch m.State {
		case courier.Failed:
			refused = refused || m.AboutNumber()
			late = true
		case courier.Cancelled:
		case courier.HandedOver, courier.Delivered:
			under, late = true, false
		default:
			under = true
			late = m.Reason != ""
		}
	}
	return under || !refused, late, nil
}

// tryCode counts a try, in a tx of its own that stays whatever comes, and only then compares.
func (s *Service) tryCode(ctx context.Context, r row, code string) error {
	now := s.now()
	today, _ := day(now)
	var counted row
	var ok bool
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		counted, ok, err = countTry(ctx, tx, r.ID, r.Generation, today)
		return err
	})
	if err != nil {
		return err
	}
	if !ok {
		return s.whyNoTry(ctx, r, now)
	}
	right, err := codeInForce(ctx, s.db, r.ID, r.Generation, s.key.MACs("code", r.ID.String(), code), now)
	if err != nil {
		return err
	}
	if !right {
		if err := locked(counted, now); err != nil {
			return err
		}
		left := min(codeTries-counted.CodeTries, codeTriesDay-counted.CodeTriesDay)
		return merge(fault.At("code", "code.wrong").With("left", left))
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return codeRight(ctx, tx, r.ID, r.Generation, today, now)
	})
}

// whyNoTry names what kept a try from being counted.
func (s *Service) whyNoTry(ctx context.Context, r row, now time.Time) error {
	present, ok, err := accessByID(ctx, s.db, r.ID)
	if err != nil {
		return err
	}
	if !ok || present.Generation != r.Generation {
		return secret.ErrUnknownLink
	}
	if err := locked(present, now); err != nil {
		return err
	}
	return ErrCodeLocked // it was, a moment ago
}

// locked says whether the code of an access can't be tried any more, and until when.
func locked(r row, now time.Time) error {
	today, next := day(now)
	if r.CodeDay == today && r.CodeTriesDay >= codeTriesDay {
		return ErrCodeDay.After(next.Sub(now))
	}
	if r.CodeTries >= codeTries {
		return ErrCodeLocked.After(max(nextSend(r, now).Sub(now), 0))
	}
	return nil
}

// NewCode is Send a new code: it voids the codes before it and opens the lock of five tries, but not the one of the
// day. Where no code is needed it does nothing. Errors: those of package secret; TooMany ErrCodeWait (one a minute,
// five a day, links included).
func (s *Service) NewCode(ctx context.Context, token string, from account.Browser) error {
	r, _, err := s.look(ctx, token)
	if err != nil {
		return err
	}
	if needs, _, err := s.needsCode(ctx, r); err != nil || !needs {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.courier.CancelAccess(ctx, tx, r.ID, courier.SMS); err != nil {
			return err
		}
		now := s.now()
		taken, err := s.take(ctx, tx, r, now, ErrCodeWait)
		if err != nil {
			return err
		}
		if err := unlockCode(ctx, tx, r.ID); err != nil {
			return err
		}
		if err := voidCodes(ctx, tx, r.ID); err != nil {
			return err
		}
		if err := s.sendCode(ctx, tx, taken, now); err != nil {
			return err
		}
		return s.log(ctx, tx, guest(taken, from), audit.AccessCodeAsked, taken, nil)
	})
}

// take counts a link or code asked for, or returns wait with the time until the next.
func (s *Service) take(ctx context.Context, tx bun.IDB, r row, now time.Time, wait *fault.Error) (row, error) {
	today, _ := day(now)
	taken, ok, err := takeSend(ctx, tx, r.ID, r.Generation, today, now)
	if err != nil || ok {
		return taken, err
	}
	present, ok, err := accessByID(ctx, tx, r.ID)
	if err != nil {
		return row{}, err
	}
	if !ok || !present.access().pending() || present.Generation != r.Generation && !nextSend(present, now).After(now) {
		return row{}, secret.ErrUnknownLink
	}
	return row{}, wait.After(max(nextSend(present, now).Sub(now), time.Second))
}

// nextSend is when the end user may ask for the next link or code; zero: now.
func nextSend(r row, now time.Time) time.Time {
	today, tomorrow := day(now)
	if r.SendsOn == today && r.SendsDay >= sendsDay {
		return tomorrow
	}
	if r.SentAt == nil || r.SentAt.After(now) || !now.Before(r.SentAt.Add(sendPause)) {
		return time.Time{}
	}
	return r.SentAt.Add(sendPause)
}

// guest is an end user who has no account yet, as the log knows them.
func guest(r row, from account.Browser) audit.Actor {
	return audit.Actor{Name: r.access().Name(), Address: from.Address, RequestID: from.RequestID}
}

// day is the calendar day (UTC) on which tries and sends are counted, and when the next begins.
func day(now time.Time) (today string, next time.Time) {
	return now.Format(time.DateOnly), now.Truncate(24 * time.Hour).Add(24 * time.Hour)
}
