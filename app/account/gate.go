package account

import (
	"context"
	"sync"
)

// gate lets a few tries to sign in through at a time, by person and by address, and has the others wait. A try counts from
// before its password is compared until it was right: without the gate an office that signs in at once would be taken
// for somebody who guesses. Each process has its own; the numbers are so small that a few processes together stay below
// what a delay begins at, and no smaller than how many passwords are compared at a time.
type gate struct {
	mu      sync.Mutex
	lanes   map[string]*lane
	waiting int
}

// lane is the tries of one person, or from one address.
type lane struct {
	places chan struct{}
	users  int // who are in it or wait for it
}

const (
	perPersonAtOnce  = 2
	perAddressAtOnce = 6
	// gateQueue is how many may wait at once.
	gateQueue = 500
)

func newGate() *gate { return &gate{lanes: map[string]*lane{}} }

// enter waits for a place. leave gives it back. Error: Unavailable "busy" when too many wait, or ctx ends first.
//
// A browser that says it is known has a lane of its own: nobody else's waiting holds it up. One that says so and is not gets
// no more tries by it, see reserve.
func (g *gate) enter(ctx context.Context, who person, from Browser) (leave func(), err error) {
	first, err := g.take(ctx, "person "+who.name+" "+from.Known, perPersonAtOnce)
	if err != nil || from.Known != "" {
		return first, err
	}
	second, err := g.take(ctx, "address "+network(from.Address), perAddressAtOnce)
	if err != nil {
		first()
		return nil, err
	}
	return func() { second(); first() }, nil
}

func (g *gate) take(ctx context.Context, name string, places int) (leave func(), err error) {
	g.mu.Lock()
	if g.waiting >= gateQueue {
		g.mu.Unlock()
		return nil, errBusy
	}
	l := g.lanes[name]
	if l == nil {
		l = &lane{places: make(chan struct{}, places)}
		g.lanes[name] = l
	}
	l.users++
	g.waiting++
	g.mu.Unlock()
	drop := func() {
		g.mu.Lock()
		if l.users--; l.users == 0 {
			delete(g.lanes, name)
		}
		g.mu.Unlock()
	}
	stop := func() { g.mu.Lock(); g.waiting--; g.mu.Unlock() }
	select {
	case l.places <- struct{}{}:
		stop()
		return func() { <-l.places; drop() }, nil
	case <-ctx.Done():
		stop()
		drop()
		return nil, errBusy
	}
}
