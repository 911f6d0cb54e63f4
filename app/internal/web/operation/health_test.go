package operation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 40 * time.Second: "40 s", 2*time.Minute - 1: "119 s", 2 * time.Minute: "2 min", 119 * time.Minute: "119 min",
		2 * time.Hour: "2 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 days",
	} {
		assert.Equal(t, want, roughly(d), "%v", d)
	}
}
