package account

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/app/store"
)

// limit says how the delay grows: free tries cost nothing, the next makes the one after it wait for first, and each
// further one for twice as long, up to most. So nobody is locked out for good.
type limit struct {
	free        int
	first, most time.Duration
}

// The limits. A person mistypes a few times; behind one address there may be a whole office.
var (
	perAccount    = limit{free: 4, first: time.Second, most: 15 * time.Minute}
	perAddress    = limit{free: 19, first: time.Second, most: 15 * time.Minute}
	mailsAddress  = limit{free: 9, first: time.Second, most: 15 * time.Minute} // forgotten passwords asked for
	mailsToPerson = limit{free: 0, first: time.Minute, most: time.Hour}        // and sent
)

// noDelay is when a delay ended that never began. It is long past on the clock of every process: what one calls now,
// another, a few milliseconds behind, would take for a delay that still runs.
var noDelay = time.Unix(0, 0).UTC()

// forgetAfter is how long after the last failure it is forgotten.
const forgetAfter = 24 * time.Hour

// until is when the delay after this many failures ends.
func (l limit) until(failures int, now time.Time) time.Time {
	if d := l.delay(failures); d > 0 {
		return now.Add(d)
	}
	return noDelay
}

// delay after this many failures.
func (l limit) delay(failures int) time.Duration {
	if failures <= l.free {
		return 0
	}
	d := l.first
	for range failures - l.free - 1 {
		if d *= 2; d >= l.most {
			return l.most
		}
	}
	return d
}

// slot is one counter that a try counts against.
type slot struct {
	subject string
	limit   limit
}

// subject names a counter without saying who it is about. The kind stands in front for CleanUp.
func (s *Service) subject(kind string, parts ...string) string {
	return kind + ":" + s.key.MAC("throttle", append([]string{kind}, parts...)...)
}

// subjectAddress counts an IPv6 network of one subscriber (/64) as one address: he has 2^64 of them.
func (s *Service) subjectAddress(kind, address string) string {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Unmap().Is6() {
		if net, err := ip.WithZone("").Prefix(64); err == nil {
			address = net.String()
		}
	}
	return s.subject(kind, address)
}

// known is the counter of a login at an address from which it has signed in before. It stands in for the account's
// counter there, so that a stranger's guessing elsewhere does not keep the owner out.
func (s *Service) known(login string, from Browser) string {
	return s.subject("known", login, from.Address)
}

// reserve counts a try to sign in before the password is looked at, so of any number of parallel guesses each counts.
// It returns TooMany "sign_in.slow_down" with RetryAfter (and placeholder seconds) while the delay of an earlier
// failure runs; such a try is not counted. The tried slots go to settle when the password was right.
func (s *Service) reserve(ctx context.Context, login string, from Browser) (tried []slot, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		own := s.known(login, from)
		there, err := hasThrottle(ctx, tx, own)
		if err != nil {
			return err
		}
		if !there {
			own = s.subject("account", login)
		}
		tried = []slot{{own, perAccount}, {s.subjectAddress("address", from.Address), perAddress}}
		wait, err := s.count(ctx, tx, tried)
		if err != nil {
			return err
		}
		return slowDown(wait)
	})
	return tried, err
}

// settle takes a try back that was no guess: the counter of the account starts anew, that of the address loses what
// was counted (not more: who has an account must not be able to clear it), and the address is known from now on.
func (s *Service) settle(ctx context.Context, tx bun.IDB, tried []slot, login string, from Browser) error {
	for _, t := range ordered(tried) { // the one of where the person is known comes last, in this order as well
		var err error
		if strings.HasPrefix(t.subject, "address:") {
			err = giveBackThrottle(ctx, tx, t.subject)
		} else {
			err = deleteThrottle(ctx, tx, t.subject)
		}
		if err != nil {
			return err
		}
	}
	return putThrottle(ctx, tx, throttle{Subject: s.known(login, from), NextAt: noDelay, UpdatedAt: s.now()})
}

// count adds a try to every slot and returns 0, or changes nothing and returns how long the longest delay still runs.
func (s *Service) count(ctx context.Context, tx bun.IDB, slots []slot) (wait time.Duration, err error) {
	now := s.now()
	var rows []throttle
	for _, sl := range ordered(slots) {
		t, err := lockThrottle(ctx, tx, sl.subject, now)
		if err != nil {
			return 0, err
		}
		wait = max(wait, t.NextAt.Sub(now))
		if now.Sub(t.UpdatedAt) >= forgetAfter {
			t.Failures = 0
		}
		t.Failures++
		t.NextAt, t.UpdatedAt = sl.limit.until(t.Failures, now), now
		rows = append(rows, t)
	}
	if wait > 0 {
		return wait, nil
	}
	for _, t := range rows {
		if err := putThrottle(ctx, tx, t); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// ordered is the one order in which everybody takes counters, or two would wait for each other.
func ordered(slots []slot) []slot {
	return slices.SortedFunc(slices.Values(slots), func(a, b slot) int { return strings.Compare(a.subject, b.subject) })
}

// slowDown is nil for no wait at all.
func slowDown(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	wait = (wait + time.Second - 1).Truncate(time.Second)
	return fault.New(fault.TooMany, "sign_in.slow_down").With("seconds", int(wait/time.Second)).After(wait)
}

// foldLogin is the form in which logins are compared; ok is false for what no login can be and no database takes.
func foldLogin(login string) (folded string, ok bool) {
	folded = store.FoldEmail(login)
	return folded, folded != "" && len(folded) <= 4*maxText && !hasControl(folded)
}
