package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"kontor/app/effort"

	"github.com/alexedwards/argon2id"
)

// TestBurst: any number of people with the right password, or one of them again and again, sign in at once from one address,
// known or not, and nobody is told to slow down.
func TestBurst(t *testing.T) {
	each(t, func(w *world) {
		// it takes long enough that others begin meanwhile
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
			if said["<nil>"] != n {
				w.Errorf("%s: %v", what, said)
			}
		}
		burst("everybody", len(people), func(i int) string { return people[i].Email })
		burst("one", effort.Of(40, 12), func(int) string { return people[0].Email })
		burst("one again", effort.Of(40, 12), func(int) string { return people[0].Email })
	})
}

// TestGate: places are given back, waiting ends with the time, a browser that is known waits for nobody else.
func TestGate(t *testing.T) {
	g := newGate()
	anna, from := person{name: "anna"}, Browser{Address: "192.0.2.7"}
	var leaves []func()
	for range perPersonAtOnce {
		leave, err := g.enter(context.Background(), anna, from)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	ended, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := g.enter(ended, anna, from); !errors.Is(err, errBusy) {
		t.Errorf("a third at once: %v", err)
	}
	leave, err := g.enter(context.Background(), anna, Browser{Address: from.Address, Known: "token"})
	if err != nil {
		t.Fatal(err)
	}
	leave()
	for _, leave := range leaves {
		leave()
	}
	if len(g.lanes) != 0 || g.waiting != 0 {
		t.Errorf("%d lanes, %d wait", len(g.lanes), g.waiting)
	}
	g.waiting = gateQueue
	if _, err := g.enter(context.Background(), anna, from); !errors.Is(err, errBusy) {
		t.Errorf("one too many: %v", err)
	}
}
