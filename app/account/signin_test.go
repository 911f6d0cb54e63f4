package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/await"
	"kontor/app/secret"
	"kontor/policies"
)

// TestSignIn: every reason for a failed sign-in gets the same answer.
func TestSignIn(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg", policies.Auditor, policies.UserAdministrator)
		w.must(w.UpdateOwn(w.ctx, caller(anna), Own{Name: "Anna Berg", Username: "Änna", Shortcuts: true}))
		otto := w.specialist("Otto Off")
		w.must(w.Deactivate(w.ctx, w.admin(), otto.ID))
		_, err := w.AddSpecialist(w.ctx, w.admin(), SpecialistForm{Name: "Neu Ling", Email: "neu@firm.example"})
		w.must(err)
		w.endUser("Eva Ende")
		_, pending, _ := w.endUser("Pia Pending")
		w.exec("UPDATE access SET registered_at = NULL WHERE id = ?", pending)
		_, off, _ := w.endUser("Ole Off")
		w.exec("UPDATE access SET deactivated_at = registered_at WHERE id = ?", off)
		_, _, leaving := w.endUser("Lea Leaving")
		w.exec("UPDATE customer SET deleting = TRUE WHERE id = ?", leaving)

		for name, c := range map[string]struct {
			login, password string
			want            error
		}{
			"by e-mail":               {"anna.berg@firm.example", good, nil},
			"by e-mail, shouted":      {" ANNA.BERG@FIRM.EXAMPLE ", good, nil},
			"by username":             {"änna", good, nil},
			"end user":                {"eva.ende@customer.example", good, nil},
			"wrong password":          {"anna.berg@firm.example", better, ErrSignIn},
			"case of the password":    {"anna.berg@firm.example", strings.ToLower(good), ErrSignIn},
			"no password":             {"anna.berg@firm.example", "", ErrSignIn},
			"unknown":                 {"nobody@firm.example", good, ErrSignIn},
			"nothing":                 {"", "", ErrSignIn},
			"deactivated":             {"otto.off@firm.example", good, ErrSignIn},
			"no password yet":         {"neu@firm.example", "", ErrSignIn},
			"not registered":          {"pia.pending@customer.example", good, ErrSignIn},
			"access deactivated":      {"ole.off@customer.example", good, ErrSignIn},
			"customer being deleted":  {"lea.leaving@customer.example", good, ErrSignIn},
			"NUL":                     {"anna.berg@firm.example\x00", good, ErrSignIn},
			"no text":                 {"\xff\xfe", good, ErrSignIn},
			"a megabyte":              {strings.Repeat("x", 1<<20), strings.Repeat("y", 1<<20), ErrSignIn},
			"a pattern":               {"%", good, ErrSignIn},
			"SQL":                     {"' OR 1=1 --", good, ErrSignIn},
			"the hash as a password":  {"anna.berg@firm.example", anna.PasswordHash, ErrSignIn},
			"password, trailing byte": {"anna.berg@firm.example", good + "\x00", ErrSignIn},
		} {
			w.wait(forgetAfter) // the failures of the cases before
			a, token, err := w.SignIn(w.ctx, c.login, c.password, Browser{Address: name})
			w.want(name, err, c.want)
			if c.want != nil && (token != "" || a.ID != uuid.Nil) {
				w.Errorf("%s: refused, but %v, %q", name, a, token)
			}
			if c.want == nil && !w.alive(token) {
				w.Errorf("%s: no session", name)
			}
		}
		signed, err := w.Authenticate(w.ctx, w.signIn("änna", good))
		w.must(err)
		want := "user_administrator, auditor"
		assert.Equal(w, want, joinRoles(signed.Roles), "signed in as")
		assert.Equal(w, "Anna Berg", signed.Account.Name)
		require.NotNil(w, signed.Account.LastSignInAt)
		assert.WithinDuration(w, w.now(), *signed.Account.LastSignInAt, 0)
		assert.Equal(w, office.Address, signed.Session.Address)
		w.wantLogged(audit.AccountSignedIn, 5)
	})
}

// TestSignInSession (S15, S11): each sign-in opens a new session, and its stored form cannot be used to sign in.
func TestSignInSession(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		one, two := w.signIn("anna.berg@firm.example", good), w.signIn("anna.berg@firm.example", good)
		assert.NotEqual(w, two, one, "tokens")
		assert.Len(w, one, tokenLength)
		assert.Equal(w, 0, w.count("session WHERE id_hash IN (?, ?)", one, two), "a token is stored as it is")
		assert.False(w, w.alive(secret.HashToken(one)), "a stored hash is good as a cookie")
		w.must(w.SignOut(w.ctx, one, office))
		w.must(w.SignOut(w.ctx, one, office))
		assert.False(w, w.alive(one), "signing out ended the wrong session")
		assert.True(w, w.alive(two), "signing out ended the wrong session")
	})
}

// TestNewCost: a sign-in replaces a hash that was made with another cost.
func TestNewCost(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		w.hasher = newHasher(argon2id.Params{Memory: 128, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
		w.signIn(anna.Email, good)
		after, err := findAccount(w.ctx, w.db, anna.ID)
		w.must(err)
		assert.Contains(w, after.PasswordHash, "m=128,", "hash")
		assert.Equal(w, anna.Version, after.Version)
		w.signIn(anna.Email, good)
	})
}

// TestGuessing (S20): the delay grows for the account and for the address, ends, and never locks anybody out for good.
func TestGuessing(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		for _, login := range []string{"anna.berg@firm.example", "nobody@firm.example"} { // the answers are the same
			var waits []time.Duration
			for i := range 18 {
				from := Browser{Address: "198.51.100." + string(rune('a'+i))} // a new address each time
				guess := func() error { _, _, err := w.SignIn(w.ctx, login, "guess", from); return err }
				w.want("a guess", guess(), ErrSignIn)
				var next time.Time
				w.must(w.db.NewRaw("SELECT next_at FROM sign_in_throttle WHERE subject = ?", w.slotOf("account", perAccount, w.person(login)).subject).Scan(w.ctx, &next))
				wait := max(0, next.Sub(w.now()))
				waits = append(waits, wait)
				if wait > 0 {
					w.wait(wait - time.Second)
					// A delayed attempt does not count as a failure.
					assert.Equal(w, time.Second, slow(guess()), "one second early: wait")
					w.wait(time.Second)
				}
			}
			s := time.Second
			want := []time.Duration{0, 0, 0, 0, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 512 * s, 900 * s, 900 * s, 900 * s, 900 * s}
			for i := range want {
				assert.Equal(w, want[i], waits[i], "%s, after %d failures: wait", login, i+1)
			}
		}
		w.signIn("anna.berg@firm.example", good) // the delay is over
		for range 4 {
			_, _, err := w.SignIn(w.ctx, "anna.berg@firm.example", "guess", Browser{Address: "203.0.113.9"})
			w.want("after the success the counter starts anew", err, ErrSignIn)
		}
	})
}

// TestGuessingElsewhere: a stranger's guesses do not slow down the owner at an address where they have signed in
// before. After one day without failures the guesses no longer count anywhere.
func TestGuessingElsewhere(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		const login = "anna.berg@firm.example"
		w.signIn(login, good)
		stranger := Browser{Address: "203.0.113.9"}
		guess := func(from Browser) error { _, _, err := w.SignIn(w.ctx, login, "guess", from); return err }
		for range 5 {
			w.want("a guess", guess(stranger), ErrSignIn)
		}
		assert.NotEqualValues(w, 0, slow(guess(stranger)), "the stranger is not slowed down")
		assert.NotEqualValues(w, 0, slow(guess(Browser{Address: "203.0.113.10"})), "the stranger is not slowed down")
		w.signIn(login, good)
		assert.NotEqualValues(w, 0, slow(guess(stranger)), "the owner's success has helped the stranger")
		for range 5 {
			w.want("at the known address", guess(office), ErrSignIn)
		}
		assert.NotEqualValues(w, 0, slow(guess(office)), "the known address may guess for ever")
		w.wait(forgetAfter)
		w.want("a day later", guess(stranger), ErrSignIn)
		w.signIn(login, good)
	})
}

// TestProcessesApart: the clocks of two processes differ a little. Signing in at one process and then at the other does
// not count as guessing.
func TestProcessesApart(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		w.specialist("Ben Bau")
		for _, login := range []string{"anna.berg@firm.example", "ben.bau@firm.example", "anna.berg@firm.example"} {
			w.signIn(login, good)
			w.wait(-40 * time.Millisecond)
		}
		_, _, err := w.SignIn(w.ctx, "anna.berg@firm.example", better, office)
		w.want("a wrong password", err, ErrSignIn)
		w.wait(-40 * time.Millisecond)
		w.signIn("anna.berg@firm.example", good)
	})
}

// TestGuessingMany: an address that tries many accounts is slowed down, and a right sign-in to an own account in
// between does not reset that.
func TestGuessingMany(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		from := Browser{Address: "2001:db8:1:2::1"}
		tries := 0
		for ; tries < 100; tries++ {
			if tries == 10 {
				_, _, err := w.SignIn(w.ctx, "anna.berg@firm.example", good, from)
				w.must(err)
			}
			_, _, err := w.SignIn(w.ctx, "victim"+string(rune('a'+tries))+"@firm.example", "guess", Browser{Address: "2001:db8:1:2::" + string(rune('1'+tries%9))})
			if slow(err) > 0 {
				break
			}
			w.want("a guess", err, ErrSignIn)
		}
		assert.Equal(w, perAddress.free+1, tries, "slowed down after %d tries from one network", tries)
		_, _, err := w.SignIn(w.ctx, "victim@firm.example", "guess", Browser{Address: "2001:db8:1:3::1"})
		assert.Zero(w, slow(err), "another network is slowed down as well")
	})
}

// TestParallelGuessing: of a hundred concurrent guesses no more are compared than of sequential ones.
func TestParallelGuessing(t *testing.T) {
	each(t, func(w *world) {
		w.specialist("Anna Berg")
		var compared, slowed atomic.Int32
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				_, _, err := w.SignIn(w.ctx, "anna.berg@firm.example", "guess", Browser{Address: "a" + string(rune('a'+i))})
				switch {
				case errors.Is(err, ErrSignIn):
					compared.Add(1)
				case slow(err) > 0:
					slowed.Add(1)
				default:
					w.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		assert.Equal(w, int32(perAccount.free+1), compared.Load(), "compared")
		assert.EqualValues(w, 95, slowed.Load(), "slowed down")
	})
}

// TestSameWork: an unknown login causes the same hashing as a wrong password, and so does everybody who may not sign
// in.
func TestSameWork(t *testing.T) {
	each(t, func(w *world) {
		otto := w.specialist("Otto Off")
		w.must(w.Deactivate(w.ctx, w.admin(), otto.ID))
		w.specialist("Anna Berg")
		for _, login := range []string{"anna.berg@firm.example", "nobody", otto.Email, "\x00"} {
			leave1, _ := w.hasher.enter(w.ctx)
			leave2, _ := w.hasher.enter(w.ctx)
			ctx, cancel := context.WithCancel(w.ctx)
			answer := make(chan error, 1)
			go func() {
				_, _, err := w.SignIn(ctx, login, "guess", office)
				answer <- err
			}()
			await.True(w.T, login+" to queue for the hasher", func() bool { return len(w.hasher.queue) == 3 })
			cancel()
			w.want(login, <-answer, errBusy)
			leave1()
			leave2()
		}
	})
}

func TestVerify(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		_, off, _ := w.endUser("Ole Off")
		w.exec("UPDATE access SET deactivated_at = registered_at WHERE id = ?", off)
		ole, _, err := w.ByEmail(w.ctx, w.db, "ole.off@customer.example")
		w.must(err)
		w.want("right", w.Verify(w.ctx, anna.ID, good, office), nil)
		w.want("right, without a role", w.Verify(w.ctx, ole.ID, good, office), nil)
		w.want("wrong", w.Verify(w.ctx, anna.ID, better, office), ErrSignIn)
		w.want("nobody", w.Verify(w.ctx, uuid.Must(uuid.NewV7()), good, office), ErrSignIn)
		for range 4 {
			w.want("wrong", w.Verify(w.ctx, anna.ID, better, office), ErrSignIn)
		}
		assert.NotEqualValues(w, 0, slow(w.Verify(w.ctx, anna.ID, better, office)), "guessing here is not slowed down")
		w.must(w.Deactivate(w.ctx, w.admin(), anna.ID))
		w.want("deactivated", w.Verify(w.ctx, anna.ID, good, Browser{Address: "x"}), ErrSignIn)
	})
}

func TestOpenSession(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		open := func(id uuid.UUID) (token string, err error) {
			err = w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
				token, err = w.OpenSession(ctx, tx, id, Browser{Address: "::1", Agent: "a\x00b\r\nc\xff" + strings.Repeat("ä", 500)})
				return err
			})
			return token, err
		}
		token, err := open(anna.ID)
		w.must(err)
		assert.True(w, w.alive(token), "no session")
		w.must(w.Deactivate(w.ctx, w.admin(), anna.ID))
		_, err = open(anna.ID)
		w.want("deactivated", err, ErrSignIn)
		_, err = open(uuid.Must(uuid.NewV7()))
		w.want("nobody", err, ErrSignIn)
	})
}
