package account

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
			assert.Equal(w, "wrong", w.guess(login, "guess", at(i)), "guess %d", i+1)
		}
		for i, login := range []string{email, username} {
			assert.Equal(w, "later", w.guess(login, "guess", at(10+i)), "as %s", login)
		}
		assert.Equal(w, "wrong", w.guess("nobody", "guess", at(20)), "somebody else")
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
				case errors.Is(err, errBusy): // the comparison was tried
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
			assert.Equal(w, sequences[0], s, "answers")
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
		require.Equal(w, "later", w.guess(email, good, office), "the attack does not reach the address")
		for _, login := range []string{email, username} {
			assert.Equal(w, "in", w.guess(login, good, own), "as %s", login)
		}
		for name, known := range map[string]string{
			"made up": secret.NewToken(), "its hash": secret.HashToken(own.Known), "short": own.Known[:42], "no text": "\x00\xff",
		} {
			assert.Equal(w, "later", w.guess(email, good, Browser{Address: office.Address, Known: known}), "a token that is %s", name)
		}
		assert.Equal(w, "later", w.guess(ben, good, own), "Anna's browser is known to Ben")

		shared := w.remembered(ben, own) // Ben signs in with the same browser
		assert.Equal(w, "later", w.guess(email, good, Browser{Address: office.Address, Known: own.Known}))
		for i := range 5 { // and signing in himself does not help him guess hers
			assert.Equal(w, "wrong", w.guess(email, "guess", shared), "guess %d", i+1)
			assert.Equal(w, "in", w.guess(ben, good, shared), "Ben")
			shared = w.remembered(ben, shared)
		}
		assert.Equal(w, "later", w.guess(email, good, shared), "guessing on a known browser is not slowed down")
		w.wait(KnownFor)
		w.must(w.CleanUp(w.ctx))
		n := w.count("known_browser") + w.count("sign_in_throttle")
		assert.Equal(w, 0, n, "rows are kept for ever")
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
		assert.Equal(w, knownMost, w.count("known_browser"), "are known")
		id, err := w.knownBrowser(w.ctx, w.db, w.person(email), first)
		require.NoError(w, err, "the first is still known")
		assert.True(w, id.IsNil(), "the first is still known")
		token, err := w.Remember(w.ctx, "nobody", office)
		assert.NoError(w, err, "nobody's browser")
		assert.Empty(w, token, "nobody's browser")
		assert.Equal(w, 0, w.count("known_browser WHERE token_hash = ?", first.Known), "a token is stored as it is")
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
				require.NotEqual(w, "in", w.guess(email, "guess", office))
			}
		}
		attack(perAccount.free + 1 + sparePerson - 1)
		assert.Equal(w, "in", w.guess(email, good, office), "at the known address")
		attack(perAccount.free + 1)
		assert.Equal(w, "later", w.guess(email, good, office), "when the spare tries are used up")
		assert.Equal(w, "in", w.guess(email, good, at(1)), "elsewhere, where nobody guesses")
		for i := range perAccount.free + 1 {
			w.guess(email, "guess", at(10+i))
		}
		assert.Equal(w, "later", w.guess(email, good, at(20)), "at an address that is not known a delay can be passed")
		w.wait(forgetAfter)
		attack(perAccount.free + 2)
		assert.Equal(w, "in", w.guess(email, good, office), "the next day")
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
					assert.Equal(w, "in", w.guess(email, good, own), "%s: the owner", c.name)
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
			assert.Equal(w, c.meeting, n, "%s: guesses a day", c.name)
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
		assert.Equal(w, spareAddress, compared, "compared")
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
				require.Equal(w, "later", w.guess(email, good, from), "%s: the attack did not work", name)
			}
		}
		check := func(password string) {
			w.Helper()
			for name, from := range map[string]Browser{"known browser": own, "home": home} {
				assert.Equal(w, "in", w.guess(username, password, from), name)
			}
		}
		attack()
		w.must(w.ForgotPassword(w.ctx, username, home))
		_, token := w.send()
		_, err = w.SetPassword(w.ctx, token, better, better, home)
		w.must(err)
		check(better)
		// At the office, the attacker has used up the attempts of the address. The browser that opened the link is known.
		w.must(w.ForgotPassword(w.ctx, username, own))

		w.exec("DELETE FROM sign_in_throttle")
		for range 5 {
			w.guess(email, "guess", own)
			w.guess(email, "guess", at(300))
		}
		// Guesses at the sign-in do not delay somebody who is signed in.
		_, err = w.ChangePassword(w.ctx, caller(anna), PasswordForm{better, good, good}, "")
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
		assert.NotEqualValues(w, 0, slow(w.ForgotPassword(w.ctx, email, office)), "the address is not slowed down")
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
			_, err := w.ChangePassword(w.ctx, caller(anna), PasswordForm{"guess", better, better}, "")
			w.wantForm("a guess", err, "current_password password.wrong")
		}
		_, err := w.ChangePassword(w.ctx, caller(anna), PasswordForm{good, better, better}, "")
		assert.NotEqualValues(w, 0, slow(err), "not slowed down")
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
		assert.EqualValues(w, 300, in.Load(), "of 300")
		w.fillQueue()
		for range perAccount.free + 5 {
			_, _, err := w.SignIn(w.ctx, anna.Email, good, office)
			w.want("with a full queue", err, errBusy)
		}
		w.emptyQueue()
		assert.Equal(w, "in", w.guess(anna.Email, good, office), "tries that were not compared count")
	})
}
