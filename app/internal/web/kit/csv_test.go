package kit

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCells: no cell is a formula, and no file name contains anything but a name.
func TestCells(t *testing.T) {
	for in, want := range map[string]string{"": "", "a=b": "a=b", "=1": "'=1", "+49": "'+49", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "Ä": "Ä"} {
		assert.Equal(t, want, plainCell(in), "plainCell(%q)", in)
	}
	got := fileName("K-1/../ä\r\n\"x")
	assert.False(t, strings.ContainsAny(got, "/\r\n\"ä."), "%q", got)
}
