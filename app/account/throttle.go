package account

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/store"
)

// limit defines how the delay grows. The first free failures cause no delay. The next one delays the following attempt
// by first, and each further one doubles the delay, up to most. So nobody is locked out for ever.
type limit struct {
	free        int
	first, most time.Duration
}

// The limits: a person may mistype a few times, and a whole office may share one address.
var (
	perAccount    = limit{free: 4, first: time.Second, most: 15 * time.Minute}
	perAddress    = limit{free: 19, first: time.Second, most: 15 * time.Minute}
	mailsAddress  = limit{free: 9, first: time.Second, most: 15 * time.Minute} // requests for a forgotten password
	mailsToPerson = limit{free: 0, first: time.Minute, most: time.Hour}        // mails sent for such requests
)

// noDelay is the end of a delay when there is none. It is far in the past, because the clocks of processes differ: a
// process whose clock is a few milliseconds behind would take another's present time for the end of a running delay.
var noDelay = time.Unix(0, 0).UTC()

// forgetAfter is how long failures count after the last one.
const forgetAfter = 24 * time.Hour

// until returns when the delay after this many failures ends.
func (l limit) until(failures int, now time.Time) time.Time {
	if d := l.delay(failures); d > 0 {
		return now.Add(d)
	}
	return noDelay
}

// delay returns the delay after this many failures.
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

// person identifies whose counters an attempt changes: those of an account, whichever of its names was used, or those
// of a login that nobody has. Both count in the same way, so nobody can find out whether a login exists.
type person struct {
	account uuid.NullUUID
	name    string
}

// whose returns the person for an account that was found, or for the folded login if there is no account.
func whose(a Account, login string) person {
	if a.ID == uuid.Nil {
		return person{name: "login " + login}
	}
	return person{account: uuid.NullUUID{UUID: a.ID, Valid: true}, name: "account " + a.ID.String()}
}

// slot is one counter that an attempt counts in.
type slot struct {
	subject string
	limit   limit
	account uuid.NullUUID // its account; a new password of the account resets the counter
}

// subject returns the name of a counter, which does not reveal whom it is about. It begins with the kind, for CleanUp
// and for ordered: if one tx locks counters in several steps, the kinds of later steps come later in the alphabet.
func (s *Service) subject(kind string, parts ...string) string {
	return kind + ":" + s.key.Lasting("throttle", append([]string{kind}, parts...)...)
}

func (s *Service) slotOf(kind string, l limit, who person, more ...string) slot {
	return slot{s.subject(kind, append([]string{who.name}, more...)...), l, who.account}
}

func (s *Service) slotAt(kind string, l limit, address string) slot {
	return slot{subject: s.subject(kind, network(address)), limit: l}
}

// network returns the /64 network of an IPv6 address, because one subscriber has all its 2^64 addresses. It returns an
// IPv4 address unchanged.
func network(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Unmap().Is6() {
		if net, err := ip.WithZone("").Prefix(64); err == nil {
			return net.String()
		}
	}
	return address
}

// tried is an attempt that was counted, or that was admitted although a delay runs.
type tried struct {
	who   person
	from  Browser
	slots []slot
	wait  time.Duration // the running delay; 0 if none
	known bool          // the account has signed in from this address before
}

// sparePerson and spareAddress limit how many passwords are compared in 24 hours although a delay runs: for each person
// at an address, and for each address.
const (
	sparePerson  = 50
	spareAddress = 300
)

// reserve counts an attempt to sign in before the password is compared, so parallel guesses all count. While a delay
// after an earlier failure runs, it returns TooMany "sign_in.slow_down" with RetryAfter (and placeholder seconds) and
// does not count the attempt. The result is for answer and, if the password was right, for settle.
//
// Which counters are used depends on where the attempt comes from, so that strangers cannot lock a person out:
//
//   - A known browser has the cookie of an earlier sign-in to this account. It has a counter of its own and uses no
//     other. Nobody else can increase that counter, not even from the same address, so guesses by others never keep its
//     owner out.
//   - At a known address, without the cookie, two counters are used: one for the account at this address, which
//     strangers elsewhere cannot increase, and the counter of the address. A stranger at the same address can increase
//     both; only the password distinguishes the two people. So sparePerson passwords a day are compared there although
//     a delay runs: the right password signs in, a wrong one gets the answer that a delay runs. To lock a person out,
//     an attacker must use up these attempts every day and at each of the person's addresses. Even then the person can
//     sign in with a known browser, or set a new password by mail.
//   - Anywhere else the counter of the account and the counter of the address are used.
//
// The spare attempts are compared even if the login does not exist or the address is not known; otherwise the time of
// the answer would reveal it. But only at a known address the right password then signs in. spareAddress limits their
// cost.
func (s *Service) reserve(ctx context.Context, who person, from Browser) (t tried, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		t = tried{who: who, from: from}
		if err := holdPerson(ctx, tx, who); err != nil {
			return err
		}
		browser, err := s.knownBrowser(ctx, tx, who, from)
		if err != nil {
			return err
		}
		own := s.known(who, from)
		if t.known, err = hasThrottle(ctx, tx, own.subject); err != nil {
			return err
		}
		switch {
		case browser != uuid.Nil:
			t.slots = []slot{s.slotOf("browser", perAccount, who, browser.String())}
		case t.known:
			t.slots = []slot{own, s.slotAt("address", perAddress, from.Address)}
		default:
			t.slots = []slot{s.slotOf("account", perAccount, who), s.slotAt("address", perAddress, from.Address)}
		}
		if t.wait, err = s.count(ctx, tx, t.slots); err != nil || t.wait == 0 {
			return err
		}
		t.slots = nil
		spare := false
		if browser == uuid.Nil {
			spare, err = s.spend(ctx, tx, who, from)
		}
		if err == nil && !spare {
			err = slowDown(t.wait)
		}
		return err
	})
	return t, err
}

// answer returns the error for an attempt, depending on whether the password was right.
func (t tried) answer(right bool) error {
	switch {
	case t.wait > 0 && (!right || !t.known):
		return slowDown(t.wait)
	case !right:
		return ErrSignIn
	}
	return nil
}

// known returns the counter of a person at an address. If it exists, the person has signed in from that address before.
func (s *Service) known(who person, from Browser) slot {
	return s.slotOf("known", perAccount, who, network(from.Address))
}

// spend uses one of the spare attempts. It returns false if none is left.
func (s *Service) spend(ctx context.Context, tx bun.IDB, who person, from Browser) (bool, error) {
	now := s.now()
	var rows []throttle
	for _, budget := range []struct {
		slot
		most int
	}{
		{s.slotOf("spare", limit{}, who, network(from.Address)), sparePerson},
		{s.slotAt("spareat", limit{}, from.Address), spareAddress},
	} {
		t, err := lockThrottle(ctx, tx, budget.slot, now)
		if err != nil {
			return false, err
		}
		if now.Sub(t.UpdatedAt) >= forgetAfter { // UpdatedAt is the time of the first of these attempts
			t.Failures, t.UpdatedAt = 0, now
		}
		if t.Failures++; t.Failures > budget.most {
			return false, nil
		}
		rows = append(rows, t)
	}
	for _, t := range rows {
		if err := putThrottle(ctx, tx, t); err != nil {
			return false, err
		}
	}
	return true, nil
}

// settle undoes the counting of an attempt with the right password. It resets the counter of the account, takes this
// one attempt off the counter of the address, and makes the address known. It does not reset the counter of the
// address, because otherwise somebody with an account could clear it. Counters that the attempt did not count in stay,
// so a person's sign-in does not help somebody who guesses elsewhere.
func (s *Service) settle(ctx context.Context, tx bun.IDB, t tried) error {
	if err := holdPerson(ctx, tx, t.who); err != nil {
		return err
	}
	for _, sl := range ordered(t.slots) { // "known" comes last in this order, too
		var err error
		if isOf(sl, "address") {
			err = giveBackThrottle(ctx, tx, sl.subject)
		} else {
			err = deleteThrottle(ctx, tx, sl.subject)
		}
		if err != nil {
			return err
		}
	}
	return s.knowAddress(ctx, tx, t.who, t.from)
}

func (s *Service) knowAddress(ctx context.Context, tx bun.IDB, who person, from Browser) error {
	return keepThrottle(ctx, tx, throttle{
		Subject: s.known(who, from).subject, NextAt: noDelay, UpdatedAt: s.now(), AccountID: who.account,
	})
}

// giveBack undoes the counting of an attempt whose password was not compared, because there were too many at once. It
// ignores errors, since the request fails anyway, and uses a deadline of its own, since the request's time is over.
func (s *Service) giveBack(ctx context.Context, t tried) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	_ = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, sl := range ordered(t.slots) {
			if err := giveBackThrottle(ctx, tx, sl.subject); err != nil {
				return err
			}
		}
		return nil
	})
}

const giveBackTime = 5 * time.Second

// settleAll resets all counters of an account: it has a new password, and the failures were guesses of the old one.
// Known browsers and addresses stay known.
func (s *Service) settleAll(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	rows, err := throttlesOf(ctx, tx, id)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b throttle) int { return strings.Compare(a.Subject, b.Subject) })
	for _, t := range rows {
		if strings.HasPrefix(t.Subject, "known:") {
			t.Failures, t.NextAt = 0, noDelay
			err = putThrottle(ctx, tx, t)
		} else {
			err = deleteThrottle(ctx, tx, t.Subject)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count counts an attempt in every slot and returns 0. If a delay runs, it changes nothing and returns how long the
// longest delay still runs.
func (s *Service) count(ctx context.Context, tx bun.IDB, slots []slot) (wait time.Duration, err error) {
	now := s.now()
	var rows []throttle
	for _, sl := range ordered(slots) {
		t, err := lockThrottle(ctx, tx, sl, now)
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

func isOf(sl slot, kind string) bool { return strings.HasPrefix(sl.subject, kind+":") }

// ordered returns the slots in the order in which every tx locks them, to avoid deadlocks. The account is locked before
// all of them: see holdPerson.
func ordered(slots []slot) []slot {
	return slices.SortedFunc(slices.Values(slots), func(a, b slot) int { return strings.Compare(a.subject, b.subject) })
}

// slowDown returns the error for a delay, nil if wait is not positive.
func slowDown(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	wait = (wait + time.Second - 1).Truncate(time.Second)
	return fault.New(fault.TooMany, "sign_in.slow_down").With("seconds", int(wait/time.Second)).After(wait)
}

// foldLogin returns the form in which logins are compared. ok is false for text that cannot be a login or that
// databases refuse.
func foldLogin(login string) (folded string, ok bool) {
	folded = store.FoldEmail(login)
	return folded, folded != "" && len(folded) <= 4*maxText && entry.IsText(folded, false)
}
