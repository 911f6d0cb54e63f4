// Package lease keeps a lease while work runs under it.
package lease

import (
	"context"
	"time"
)

// Time is how long after the last renewal somebody else may take the work over. Every is how often a lease is renewed.
const (
	Time  = 20 * time.Second
	Every = 5 * time.Second
)

// renewTimeout limits one renewal, renewTries the number of renewals in a row that may fail. With Every, the work is given up
// after 17 s at the latest, which is before others may take it over.
const (
	renewTimeout = 2 * time.Second
	renewTries   = 3
)

// Keep calls renew at this interval until release is called. The context that it returns ends when the lease is lost:
// renew says that it is no longer kept, or several renewals in a row have failed.
func Keep(ctx context.Context, every time.Duration, renew func(ctx context.Context) (kept bool, err error)) (leased context.Context, release func()) {
	leased, end := context.WithCancel(ctx)
	go func() {
		defer end()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for failed := 0; failed < renewTries; {
			select {
			case <-leased.Done():
				return
			case <-tick.C:
			}
			kept, err := once(leased, renew)
			switch {
			case err != nil:
				failed++
			case !kept:
				return
			default:
				failed = 0
			}
		}
	}()
	return leased, end
}

func once(ctx context.Context, renew func(ctx context.Context) (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	return renew(ctx)
}
