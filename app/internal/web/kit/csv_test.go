package kit

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestFileName: no file name contains anything but a name.
func TestFileName(t *testing.T) {
	got := fileName("K-1/../ä\r\n\"x")
	assert.False(t, strings.ContainsAny(got, "/\r\n\"ä."), "%q", got)
}
