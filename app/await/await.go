// Package await waits, in tests, for what something else brings about.
package await

import (
	"testing"
	"time"
)

// limit is as long as a person would wait.
const limit = time.Minute

// True waits until cond holds, for a minute at most; then it ends the test and names what.
func True(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	if !Within(limit, cond) {
		tb.Fatalf("waited in vain for: %s", what)
	}
}

// Within waits until cond holds, and says whether it did in time.
func Within(limit time.Duration, cond func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
