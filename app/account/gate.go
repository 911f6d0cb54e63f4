package account

import (
	"context"
	"sync"
)

// gate limits how many sign-in attempts run at a time for each person and for each address. Further attempts wait. An
// attempt counts as a failure from before its password is compared until the password proves right. Without the gate,
// many people of one office who sign in at once would look like somebody who guesses passwords. Each process has its
// own gate. The limits are so low that a few processes together stay below the number of failures at which delays
// begin, and not lower than the number of passwords that are compared at a time.
type gate struct {
	mu      sync.Mutex
	lanes   map[string]*lane
	waiting int
}

// lane holds the attempts of one person or from one address.
type lane struct {
	places chan struct{}
	users  int // attempts that have a place or wait for one
}

const (
	perPersonAtOnce  = 2
	perAddressAtOnce = 6
	// gateQueue is how many attempts may wait at once.
	gateQueue = 500
)

func newGate() *gate { return &gate{lanes: map[string]*lane{}} }

// enter waits for a place; leave releases it. Error: Unavailable "busy" when too many wait, or when ctx ends first.
//
// A browser that claims to be known has a lane of its own, so other waiting attempts do not delay it. A false claim
// gains no additional attempts, see reserve.
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
