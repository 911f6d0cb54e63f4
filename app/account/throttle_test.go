package account

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kontor/app/secret"
)

// guess tries a password and returns the result: "in", "wrong" or "later".
func (w *world) guess(login, password string, from Browser) string {
	w.Helper()
	_, _, err := w.SignIn(w.ctx, login, password, from)
	switch {
	case err == nil:
		return "in"
	case errors.Is(err, ErrSignIn):
		return "wrong"
	case slow(err) > 0:
		return "later"
	}
	w.Fatal(err)
	return ""
}

// remembered returns a browser that the login has signed in with.
func (w *world) remembered(login string, from Browser) Browser {
	w.Helper()
	token, err := w.Remember(w.ctx, login, from)
	w.must(err)
	from.Known = token
	return from
}

// fillQueue fills the queue for hashing completely.
func (w *world) fillQueue() {
	for range hashesQueued {
		w.hasher.queue <- struct{}{}
	}
}

func (w *world) emptyQueue() {
	for range hashesQueued {
		<-w.hasher.queue
	}
}

// annas returns two logins of one account.
func (w *world) annas() (email, username string) {
	w.Helper()
	anna := w.specialist("Anna Berg")
	w.must(w.UpdateOwn(w.ctx, caller(anna), Own{Name: "Anna Berg", Username: "anna", Shortcuts: true}))
	return anna.Email, "anna"
}

// at returns a browser with a different address for each number.
func at(i int) Browser { return Browser{Address: fmt.Sprintf("198.51.%d.%d", i/250, i%250+1)} }

// TestOneCounter: using the username in addition to the e-mail address, in any spelling, allows no more guesses.
func TestOneCounter(t *testing.T) {
	each(t, func(w *world) {
		email, username := w.annas()
		for i, login := range []string{email, username, " ANNA ", "Anna.Berg@Firm.example", username} {
			if got := w.guess(login, "guess", at(i)); got != "wrong" {
				w.Errorf("guess %d: %s", i+1, got)
			}
		}
		for i, login := range []string{email, username} {
			if got := w.guess(login, "guess", at(10+i)); got != "later" {
				w.Errorf("as %s: %s", login, got)
			}
		}
		if got := w.guess("nobody", "guess", at(20)); got != "wrong" {
			w.Errorf("somebody else: %s", got)
		}
	})
}

// TestExistenceDoesNotShow: an unknown login gets the same answers as an existing one at every attempt, and is compared
// at the same attempts. That is also true while a delay runs, and at a known address.
func TestExistenceDoesNotShow(t *testing.T) {
	each(t, func(w *world) {
		w.annas()
		var sequences []string
		for i, login := range []string{"anna", "anna.berg@firm.example", "nobody", "nobody@firm.example"} {
			w.wait(2 * forgetAfter)
			if i == 1 && w.guess(login, good, at(i)) != "in" { // one of the addresses is known
				w.Fatal("not in")
			}
			s := ""
			for range sparePerson + 10 {
				w.fillQueue()
				_, _, err := w.SignIn(w.ctx, login, "guess", at(i))
				w.emptyQueue()
				switch {
				case errors.Is(err, errBusy): // it wanted to compare
					s += "c"
				case slow(err) > 0:
					s += "-"
				default:
					w.Fatal(err)
				}
				s += w.guess(login, "guess", at(i))[:1]
			}
			sequences = append(sequences, s)
		}
		for _, s := range sequences[1:] {
			if s != sequences[0] {
				w.Errorf("answers\n%s\n%s", s, sequences[0])
			}
		}
	})
}

// TestKnownBrowser: however much strangers guess at any address, a known browser lets its owner sign in at once. It is
// known only to the people who have signed in with it, and guesses from it are slowed down as anywhere else.
func TestKnownBrowser(t *testing.T) {
	each(t, func(w *world) {
		email, username := w.annas()
		w.specialist("Ben Bau")
		const ben = "ben.bau@firm.example"
		own := w.remembered(email, office)
		for i := range 80 { // at the same address, of the same account and of others
			w.guess(email, "guess", office)
			w.guess(fmt.Sprintf("victim%d", i), "guess", office)
		}
		if got := w.guess(email, good, office); got != "later" {
			w.Fatalf("the attack does not reach the address: %s", got)
		}
		for _, login := range []string{email, username} {
			if got := w.guess(login, good, own); got != "in" {
				w.Errorf("as %s: %s", login, got)
			}
		}
		for name, known := range map[string]string{
			"made up": secret.NewToken(), "its hash": secret.HashToken(own.Known), "short": own.Known[:42], "no text": "\x00\xff",
		} {
			if got := w.guess(email, good, Browser{Address: office.Address, Known: known}); got != "later" {
				w.Errorf("a token that is %s: %s", name, got)
			}
		}
		if got := w.guess(ben, good, own); got != "later" {
			w.Errorf("Anna's browser is known to Ben: %s", got)
		}

		shared := w.remembered(ben, own) // Ben signs in with the same browser
		if got := w.guess(email, good, Browser{Address: office.Address, Known: own.Known}); got != "later" {
			w.Errorf("the token of before: %s", got)
		}
		for i := range 5 { // and signing in himself does not help him guess hers
			if got := w.guess(email, "guess", shared); got != "wrong" {
				w.Errorf("guess %d: %s", i+1, got)
			}
			if got := w.guess(ben, good, shared); got != "in" {
				w.Errorf("Ben: %s", got)
			}
			shared = w.remembered(ben, shared)
		}
		if got := w.guess(email, good, shared); got != "later" {
			w.Errorf("guessing on a known browser is not slowed down: %s", got)
		}
		w.wait(KnownFor)
		w.must(w.CleanUp(w.ctx))
		if n := w.count("known_browser") + w.count("sign_in_throttle"); n != 0 {
			w.Errorf("%d rows are kept for ever", n)
		}
	})
}

// TestKnownBrowsersAreFew: an account remembers only the twenty most recent browsers.
func TestKnownBrowsersAreFew(t *testing.T) {
	each(t, func(w *world) {
		email, _ := w.annas()
		first := w.remembered(email, office)
		for range knownMost {
			w.wait(time.Second)
			w.remembered(email, office)
		}
		if n := w.count("known_browser"); n != knownMost {
			w.Errorf("%d are known", n)
		}
		if id, err := w.knownBrowser(w.ctx, w.db, w.person(email), first); err != nil || !id.IsNil() {
			w.Errorf("the first is still known, %v", err)
		}
		if token, err := w.Remember(w.ctx, "nobody", office); token != "" || err != nil {
			w.Errorf("nobody's browser: %q, %v", token, err)
		}
		if n := w.count("known_browser WHERE token_hash = ?", first.Known); n != 0 {
			w.Error("a token is stored as it is")
		}
	})
}

// TestKnownAddressShared: at an address where the person has signed in before, without the cookie, the right password
// signs in although somebody else guesses there, as long as the day's spare attempts last. A wrong password gets the
// same answer whether it was compared or not. Anywhere else a delay applies to every attempt.
func TestKnownAddressShared(t *testing.T) {
	each(t, func(w *world) {
		email, _ := w.annas()
		w.signIn(email, good)
		attack := func(n int) {
			for range n {
				if got := w.guess(email, "guess", office); got == "in" {
					w.Fatal(got)
				}
			}
		}
		attack(perAccount.free + 1 + sparePerson - 1)
		if got := w.guess(email, good, office); got != "in" {
			w.Errorf("at the known address: %s", got)
		}
		attack(perAccount.free + 1)
		if got := w.guess(email, good, office); got != "later" {
			w.Errorf("when the spare tries are used up: %s", got)
		}
		if got := w.guess(email, good, at(1)); got != "in" {
			w.Errorf("elsewhere, where nobody guesses: %s", got)
		}
		for i := range perAccount.free + 1 {
			w.guess(email, "guess", at(10+i))
		}
		if got := w.guess(email, good, at(20)); got != "later" {
			w.Errorf("at an address that is not known a delay can be passed: %s", got)
		}
		w.wait(forgetAfter)
		attack(perAccount.free + 2)
		if got := w.guess(email, good, office); got != "in" {
			w.Errorf("the next day: %s", got)
		}
	})
}

// TestGuessesADay: how many passwords of one account an attacker can have compared in 24 hours. Only attempts that
// could sign in count, not those at unknown addresses that are compared only to hide whether the login exists.
func TestGuessesADay(t *testing.T) {
	each(t, func(w *world) {
		const most = 109 // 14 until the delay is 15 minutes, then one each time
		for _, c := range []struct {
			name    string
			from    func(i int) Browser
			meeting int // guesses that can be right
		}{
			{"from one address", func(int) Browser { return Browser{Address: "203.0.113.1"} }, most},
			{"from ever new addresses, while the owner signs in with a known browser", at, most},
			{"from the owner's address", func(int) Browser { return office }, most + sparePerson},
		} {
			w.wait(10 * forgetAfter)
			w.exec("DELETE FROM account")
			w.exec("DELETE FROM sign_in_throttle")
			email, username := w.annas()
			w.signIn(email, good)
			own := w.remembered(email, office)
			end, nextOwn, n := w.now().Add(24*time.Hour), w.now(), 0
			for i := 0; w.now().Before(end); i++ {
				if !w.now().Before(nextOwn) {
					if got := w.guess(email, good, own); got != "in" {
						w.Errorf("%s: the owner: %s", c.name, got)
					}
					nextOwn = nextOwn.Add(time.Hour)
				}
				from := c.from(i)
				try, err := w.reserve(w.ctx, w.person([]string{email, username}[i%2]), from)
				if err == nil {
					err = try.answer(true)
				}
				switch wait := slow(err); {
				case err == nil:
					n++
				case wait == 0:
					w.Fatal(err)
				default:
					w.wait(wait)
				}
			}
			if n != c.meeting {
				w.Errorf("%s: %d guesses a day, want %d", c.name, n, c.meeting)
			}
		}
	})
}

// TestSpareTriesOfAnAddress: the number of attempts that are compared although a delay runs is limited per day and
// address, whichever logins are used.
func TestSpareTriesOfAnAddress(t *testing.T) {
	each(t, func(w *world) {
		from := Browser{Address: "203.0.113.1"}
		for i := range perAddress.free + 1 {
			w.guess(fmt.Sprint("x", i), "guess", from)
		}
		compared := 0
		for i := range spareAddress + 20 {
			if _, err := w.reserve(w.ctx, w.person(fmt.Sprint("y", i)), from); err == nil {
				compared++
			}
		}
		if compared != spareAddress {
			w.Errorf("%d compared, want %d", compared, spareAddress)
		}
	})
}

// TestNewPasswordSettles: after a new password, set by link or by the person, guesses of the old one delay the person
// nowhere.
func TestNewPasswordSettles(t *testing.T) {
	each(t, func(w *world) {
		email, username := w.annas()
		anna, _, err := w.ByEmail(w.ctx, w.db, email)
		w.must(err)
		w.signIn(email, good)
		own := w.remembered(email, office)
		home := Browser{Address: "203.0.113.7"}
		attack := func() {
			for i := range 80 {
				w.guess([]string{email, username}[i%2], "guess", office)
				w.guess(username, "guess", own)
				w.guess(email, "guess", at(i))
			}
			for name, from := range map[string]Browser{"office": office, "known browser": own, "home": home} {
				if got := w.guess(email, good, from); got != "later" {
					w.Fatalf("%s: the attack did not work: %s", name, got)
				}
			}
		}
		check := func(password string) {
			w.Helper()
			for name, from := range map[string]Browser{"known browser": own, "home": home} {
				if got := w.guess(username, password, from); got != "in" {
					w.Errorf("%s: %s", name, got)
				}
			}
		}
		attack()
		w.must(w.ForgotPassword(w.ctx, username, home))
		_, token := w.send()
		_, err = w.SetPassword(w.ctx, token, better, better, home)
		w.must(err)
		check(better)
		// at the office the attacker has used up the address itself: the browser that the link was opened with is known
		w.must(w.ForgotPassword(w.ctx, username, own))

		w.exec("DELETE FROM sign_in_throttle")
		for range 5 {
			w.guess(email, "guess", own)
			w.guess(email, "guess", at(300))
		}
		// who is signed in is not delayed by what is guessed at the door
		_, err = w.ChangePassword(w.ctx, caller(anna), better, good, good, "")
		w.must(err)
		check(good)
	})
}

// TestForgottenBehindTheOffice: an attacker who keeps requesting mails from the office's address does not prevent a
// known browser there from requesting one. A person gets one mail, whichever of their logins is used.
func TestForgottenBehindTheOffice(t *testing.T) {
	each(t, func(w *world) {
		email, username := w.annas()
		own := w.remembered(email, office)
		for i := range mailsAddress.free + 1 {
			w.must(w.ForgotPassword(w.ctx, fmt.Sprint("nobody", i), office))
		}
		if slow(w.ForgotPassword(w.ctx, email, office)) == 0 {
			w.Error("the address is not slowed down")
		}
		w.must(w.ForgotPassword(w.ctx, email, own))
		w.must(w.ForgotPassword(w.ctx, username, own))
		w.wantMails("reset_password " + email)
	})
}

// TestOwnPasswordIsGuessed: guesses of the current password are slowed down for a signed-in session as well.
func TestOwnPasswordIsGuessed(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		for range perAccount.free + 1 {
			_, err := w.ChangePassword(w.ctx, caller(anna), "guess", better, better, "")
			w.wantForm("a guess", err, "current_password password.wrong")
		}
		if _, err := w.ChangePassword(w.ctx, caller(anna), good, better, better, ""); slow(err) == 0 {
			w.Error("not slowed down")
		}
	})
}

// TestManyAtOnce: many people of one office who sign in at once wait and get in. If too many wait, the others get an
// error at once, and an attempt that was not compared does not count.
func TestManyAtOnce(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		var in atomic.Int32
		var wait sync.WaitGroup
		for range 300 {
			wait.Go(func() {
				if ok, _, err := w.hasher.verify(w.ctx, good, anna.PasswordHash); err == nil && ok {
					in.Add(1)
				}
			})
		}
		wait.Wait()
		if in.Load() != 300 {
			w.Errorf("%d of 300", in.Load())
		}
		w.fillQueue()
		for range perAccount.free + 5 {
			_, _, err := w.SignIn(w.ctx, anna.Email, good, office)
			w.want("with a full queue", err, errBusy)
		}
		w.emptyQueue()
		if got := w.guess(anna.Email, good, office); got != "in" {
			w.Errorf("tries that were not compared count: %s", got)
		}
	})
}
