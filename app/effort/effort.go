// Package effort says how many of a great many cases a test tries. All of them, but where the race detector watches, since
// everything takes several times as long then: there a sample, as the same cases are tried without it. With
// KONTOR_TEST_FULL=1 all are tried there, too.
package effort

import (
	"hash/fnv"
	"os"
	"testing"
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
