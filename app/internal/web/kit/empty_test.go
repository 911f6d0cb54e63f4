package kit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEmptiness: the reason depends on the filter first, and then on what the viewer may see.
func TestEmptiness(t *testing.T) {
	for _, c := range []struct {
		narrowed, seesAll bool
		want              Emptiness
	}{
		{false, true, NothingYet}, {false, false, NothingVisible}, {true, true, NothingMatches}, {true, false, NothingMatches},
	} {
		assert.Equal(t, c.want, EmptinessOf(c.narrowed, c.seesAll), "narrowed %v, sees all %v", c.narrowed, c.seesAll)
	}
}
