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

// person is whose counters a try touches: those of an account, by whichever of its names it was called, or those of a
// login that nobody has. Both count alike, so nobody can tell which it was.
type person struct {
	account uuid.NullUUID
	name    string
}

// whose is the account that a login was found to mean, or the folded login where it means none.
func whose(a Account, login string) person {
	if a.ID == uuid.Nil {
		return person{name: "login " + login}
	}
	return person{account: uuid.NullUUID{UUID: a.ID, Valid: true}, name: "account " + a.ID.String()}
}

// slot is one counter that a try counts against.
type slot struct {
	subject string
	limit   limit
	account uuid.NullUUID // that it goes with, and whose new password settles it
}

// subject names a counter without saying who it is about. The kind stands in front for CleanUp, and for ordered: of the
// kinds that one tx takes one after the other, the later ones come later in the alphabet.
func (s *Service) subject(kind string, parts ...string) string {
	return kind + ":" + s.key.Lasting("throttle", append([]string{kind}, parts...)...)
}

func (s *Service) slotOf(kind string, l limit, who person, more ...string) slot {
	return slot{s.subject(kind, append([]string{who.name}, more...)...), l, who.account}
}

func (s *Service) slotAt(kind string, l limit, address string) slot {
	return slot{subject: s.subject(kind, network(address)), limit: l}
}

// network counts an IPv6 network of one subscriber (/64) as one address: he has 2^64 of them.
func network(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Unmap().Is6() {
		if net, err := ip.WithZone("").Prefix(64); err == nil {
			return net.String()
		}
	}
	return address
}

// tried is a try that was counted, or let through while a delay runs.
type tried struct {
	who   person
	from  Browser
	slots []slot
	wait  time.Duration // the delay that runs; 0: none
	known bool          // the account has signed in from this address before
}

// The tries that are compared although a delay runs, in 24 hours: by person and address, and by address.
const (
	sparePerson  = 50
	spareAddress = 300
)

// reserve counts a try to sign in before the password is looked at, so of any number of parallel guesses each counts.
// It returns TooMany "sign_in.slow_down" with RetryAfter (and placeholder seconds) while the delay of an earlier failure
// runs; such a try is not counted. What comes back goes to answer, and to settle when the password was right.
//
// Which counter stands for the account depends on where the try comes from, so that strangers keep nobody out:
//
//   - A known browser, one with the cookie of an earlier sign-in to this account, has a counter of its own and no other.
//     Nobody else can reach it, not even from the same address: whatever is guessed there, its owner gets in.
//   - At a known address, without the cookie, there is a counter for the account at this address, which strangers
//     elsewhere can't reach, and the address's own. A stranger at the same address can: nothing but the password tells the
//     two apart. So there some tries are compared although a delay runs, sparePerson a day: the right password gets in,
//     a wrong one hears of the delay. Whoever wants to keep a person out must use them up, each day and for each of the
//     person's addresses, and even then a browser that was used before, or a new password by mail, gets in.
//   - Anywhere else the account's counter and the address's count.
//
// The spare tries are compared whether the login exists and the address is known or not, or the time of the answer would
// tell; only at a known address a right password counts. What they cost is bounded by spareAddress.
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

// answer is what is said to a try whose password was right, or not.
func (t tried) answer(right bool) error {
	switch {
	case t.wait > 0 && (!right || !t.known):
		return slowDown(t.wait)
	case !right:
		return ErrSignIn
	}
	return nil
}

// known is the counter of a person at an address from which they have signed in before. That it is there makes the
// address known.
func (s *Service) known(who person, from Browser) slot {
	return s.slotOf("known", perAccount, who, network(from.Address))
}

// spend takes one of the spare tries, if there are any left.
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
		if now.Sub(t.UpdatedAt) >= forgetAfter { // it says when the first of them was
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

// settle takes a try back that was no guess: the counter of the account starts anew where the person is, that of the
// address loses what was counted (not more: who has an account must not be able to clear it), and the address is known
// from now on. A counter that the try was not counted by stays: the person's getting in must not help who guesses.
func (s *Service) settle(ctx context.Context, tx bun.IDB, t tried) error {
	if err := holdPerson(ctx, tx, t.who); err != nil {
		return err
	}
	for _, sl := range ordered(t.slots) { // the one of where the person is known comes last, in this order as well
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

// giveBack takes back a try that was not compared after all: there were too many at once. It must not fail the request
// once more, and its time is over.
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

// settleAll begins all counters of an account anew: it has a new password, and what was guessed was the old one.
// Browsers and addresses stay known.
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

// count adds a try to every slot and returns 0, or changes nothing and returns how long the longest delay still runs.
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

// ordered is the one order in which everybody takes counters, or two would wait for each other. The account comes before
// them all: see holdPerson.
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
	return folded, folded != "" && len(folded) <= 4*maxText && entry.IsText(folded, false)
}
