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

// Limits of the registration page, for each access.
const (
	codeTries    = 5           // wrong codes that lock a code
	codeTriesDay = 15          // wrong codes per day, for all codes together
	sendPause    = time.Minute // between two links or codes that the end user requests
	sendsDay     = 5           // links and codes per day that the end user can request
)

// needsCode says whether registering requires the code as well as the link.
//
// The code is required whenever a mobile number is stored, until it is certain that no SMS can arrive: no SMS of this
// generation was sent or is still queued, and one failed because its number is invalid. Then the link alone is enough,
// as for an access without a mobile number, because a person cannot enter a code that cannot be sent. The disadvantage:
// somebody who has the mail and can make the gateway refuse the number needs no code. Other reasons why an SMS does not
// arrive (the firm's key or credit, a gateway that is down, a phone that is off) do not count: the code stays required,
// and the page shows what happened to the SMS and offers to send a new one.
//
// late says that the last SMS could not be sent so far, or did not arrive. The page then says so.
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

// tryCode counts an attempt in a tx of its own, which is committed before the code is compared.
func (s *Service) tryCode(ctx context.Context, r row, code string) error {
	now := s.now()
	var counted row
	var ok bool
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		counted, ok, err = countTry(ctx, tx, r, now)
		return err
	})
	if err != nil {
		return err
	}
	if !ok {
		return s.whyNoTry(ctx, r, now)
	}
	right, err := codeInForce(ctx, s.db, r, s.key.MACs("code", r.ID.String(), code), now)
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
		return codeRight(ctx, tx, r, now)
	})
}

// whyNoTry returns the reason why an attempt was not counted.
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
	return ErrCodeLocked // it was locked when the attempt should have been counted
}

// locked returns the error that says until when the code of an access cannot be tried, nil if it can.
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

// NewCode is the action Send a new code. It voids earlier codes and removes the lock after five wrong codes, but not
// the daily lock. It does nothing if no code is required. Errors: those of package secret; TooMany ErrCodeWait (one per
// minute, five per day, links included).
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
		return s.audit.Write(ctx, tx, guest(taken, from), taken.record(audit.AccessCodeAsked, nil))
	})
}

// take counts a requested link or code. If it is too early, take returns the error wait with the time until the next
// one.
func (s *Service) take(ctx context.Context, tx bun.IDB, r row, now time.Time, wait *fault.Error) (row, error) {
	taken, ok, err := takeSend(ctx, tx, r, now)
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

// nextSend returns when the end user may request the next link or code; the zero time means now.
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

// guest returns an end user who has no account yet as an actor for the log.
func guest(r row, from account.Browser) audit.Actor {
	return audit.Actor{Name: r.access().Name(), Address: from.Address, RequestID: from.RequestID}
}

// day returns the calendar day (UTC) for which attempts and sends are counted, and when the next day begins.
func day(now time.Time) (today string, next time.Time) {
	return now.Format(time.DateOnly), now.Truncate(24 * time.Hour).Add(24 * time.Hour)
}
