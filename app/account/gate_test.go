package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/await"
	"kontor/app/effort"
)

// TestBurst: many people with the right password, or one of them many times, sign in at once from one address, known or
// not. Nobody is told to slow down.
func TestBurst(t *testing.T) {
	each(t, func(w *world) {
		// A hash takes long enough for other sign-ins to begin meanwhile.
		w.hasher = newHasher(argon2id.Params{Memory: 8 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32})
		var people []Account
		for i := range effort.Of(30, 10) {
			people = append(people, w.specialist(fmt.Sprintf("Person %d", i)))
		}
		burst := func(what string, n int, login func(i int) string) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			said := map[string]int{}
			for i := range n {
				wg.Go(func() {
					_, _, err := w.SignIn(w.ctx, login(i), good, office)
					mu.Lock()
					defer mu.Unlock()
					said[fmt.Sprint(err)]++
				})
			}
			wg.Wait()
			assert.Equal(w, n, said["<nil>"], what)
		}
		burst("everybody", len(people), func(i int) string { return people[i].Email })
		burst("one", effort.Of(40, 12), func(int) string { return people[0].Email })
		burst("one again", effort.Of(40, 12), func(int) string { return people[0].Email })
	})
}

// TestNobodyWaitsForEachOther: a tx that counts an attempt while another tx holds the account waits for it without
// locking a counter that the other may need. Otherwise PostgreSQL would abort one of the two because of the deadlock.
func TestNobodyWaitsForEachOther(t *testing.T) {
	each(t, func(w *world) {
		if !w.db.IsPostgres() {
			return // one tx at a time
		}
		a := w.specialist("Anna")
		w.signIn(a.Email, good)
		w.must(w.wrongOwn(a)) // from now on there is such a counter
		who := whose(a, "")
		try, err := w.reserve(w.ctx, who, office)
		w.must(err)
		counts := map[string]func() error{
			"a try":              func() error { _, err := w.reserve(w.ctx, who, office); return err },
			"a password":         func() error { return w.Verify(w.ctx, a.ID, good, office) },
			"one's own password": func() error { return w.wrongOwn(a) },
			"a right password": func() error {
				return w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error { return w.settle(ctx, tx, try) })
			},
			"a forgotten one": func() error { return w.ForgotPassword(w.ctx, a.Email, office) },
		}
		holds := map[string]func(ctx context.Context, tx bun.Tx) error{
			"signing in":     func(ctx context.Context, tx bun.Tx) error { return w.settle(ctx, tx, try) },
			"a new password": func(ctx context.Context, tx bun.Tx) error { return w.settleAll(ctx, tx, a.ID) },
			"a known address": func(ctx context.Context, tx bun.Tx) error {
				return w.knowAddress(ctx, tx, who, office)
			},
		}
		for counting, count := range counts {
			for holding, hold := range holds {
				done := make(chan error, 1)
				err := w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
					if _, err := lockAccount(ctx, tx, a.ID); err != nil {
						return err
					}
					go func() { done <- count() }()
					await.True(t, counting+" waits for the account", func() bool {
						var waiting int
						err := w.db.NewRaw(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(w.ctx, &waiting)
						return err == nil && waiting > 0
					})
					// No lock should be waited for. This timeout ends before PostgreSQL looks for a deadlock.
					if _, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = '500ms'"); err != nil {
						return err
					}
					return hold(ctx, tx)
				})
				assert.NoError(t, err, "%s while %s is under way", counting, holding)
				w.must(<-done)
			}
		}
	})
}

// wrongOwn enters a wrong password as the signed-in person.
func (w *world) wrongOwn(a Account) error {
	if err := w.verifyOwn(w.ctx, a, "wrong", office); !errors.Is(err, ErrSignIn) {
		return fmt.Errorf("a wrong password: %w", err)
	}
	return nil
}

// TestGate: places are released, waiting ends with the request's time, and a known browser does not wait for others.
func TestGate(t *testing.T) {
	g := newGate()
	anna, from := person{name: "anna"}, Browser{Address: "192.0.2.7"}
	var leaves []func()
	for range perPersonAtOnce {
		leave, err := g.enter(context.Background(), anna, from)
		require.NoError(t, err)
		leaves = append(leaves, leave)
	}
	ended, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := g.enter(ended, anna, from)
	assert.ErrorIs(t, err, errBusy, "a third at once")
	leave, err := g.enter(context.Background(), anna, Browser{Address: from.Address, Known: "token"})
	require.NoError(t, err)
	leave()
	for _, leave := range leaves {
		leave()
	}
	assert.Empty(t, g.lanes, "lanes")
	assert.Equal(t, 0, g.waiting, "callers that wait")
	g.waiting = gateQueue
	_, err = g.enter(context.Background(), anna, from)
	assert.ErrorIs(t, err, errBusy, "one too many")
}
