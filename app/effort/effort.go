// Package effort says how many of a great many cases a test tries. All of them, but where the race detector watches, since
// everything takes several times as long then: there a sample, as the same cases are tried without it. With
// KONTOR_TEST_FULL=1 all are tried there, too.
package effort

import (
	"hash/fnv"
	"os"
	"strconv"
	"testing"
	"time"
)

// Full says that somebody has the time for all that can be tried.
var Full = os.Getenv("KONTOR_TEST_FULL") != ""

var taken = watched && !Full

// Of is how many are tried: all, or few where a sample is taken.
func Of(all, few int) int {
	if taken {
		return few
	}
	return all
}

// Every is the step through cases in their order: 1, or n where a sample is taken.
func Every(n int) int { return Of(1, n) }

// Chosen says whether a test is among the sample of one in n. That goes by its name, so it is the same in every run.
func Chosen(tb testing.TB, n uint32) bool {
	tb.Helper()
	if !taken {
		return true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(tb.Name()))
	return h.Sum32()%n == 0
}

// Seed is where the choice of a random sample begins: what KONTOR_TEST_SEED says, or another one in every run. The log of
// the test says which, so that what it finds can be found again.
func Seed(tb testing.TB) uint64 {
	tb.Helper()
	seed := uint64(time.Now().UnixNano()) % 1_000_000
	if set := os.Getenv("KONTOR_TEST_SEED"); set != "" {
		var err error
		if seed, err = strconv.ParseUint(set, 10, 64); err != nil {
			tb.Fatalf("KONTOR_TEST_SEED takes a number: %v", err)
		}
	}
	tb.Logf("KONTOR_TEST_SEED=%d", seed)
	return seed
}
