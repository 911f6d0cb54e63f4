package main

import (
	"context"
	"time"
)

// clock tells the time and waits. Tests inject one.
type clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// systemClock is the clock of this machine.
type systemClock struct{}

// Now implements clock.
func (systemClock) Now() time.Time { return time.Now() }

// After implements clock.
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// schedule is a number of requests at a constant rate.
type schedule struct {
	rate     float64 // requests a second
	duration time.Duration
}

// count is how many requests there are.
func (s schedule) count() int { return int(s.rate * s.duration.Seconds()) }

// due is when the n-th request begins, counted from 0 and from the start.
func (s schedule) due(n int) time.Duration {
	return time.Duration(float64(n) / s.rate * float64(time.Second))
}

// pace calls begin for each request when it is due, and returns after the last one or when ctx ends. begin must return at
// once. If it does not, or if the machine is busy, the requests that are late begin at once, so that the rate stays the
// same; due tells begin the time that was planned.
func (s schedule) pace(ctx context.Context, c clock, begin func(n int, due time.Time)) {
	start := c.Now()
	for n := range s.count() {
		due := start.Add(s.due(n))
		if wait := due.Sub(c.Now()); wait > 0 {
			select {
			case <-c.After(wait):
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		begin(n, due)
	}
}
