package kit

import (
	"testing"
)

// TestEmptiness: the reason depends on the filter first, and then on what the viewer may see.
func TestEmptiness(t *testing.T) {
	for _, c := range []struct {
		narrowed, seesAll bool
		want              Emptiness
	}{
		{false, true, NothingYet}, {false, false, NothingVisible}, {true, true, NothingMatches}, {true, false, NothingMatches},
	} {
		if got := EmptinessOf(c.narrowed, c.seesAll); got != c.want {
			t.Errorf("narrowed %v, sees all %v: %q, want %q", c.narrowed, c.seesAll, got, c.want)
		}
	}
}
