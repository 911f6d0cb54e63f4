package kit

import (
	"strings"
	"testing"
)

// TestCells: no cell is a formula, and no file name contains anything but a name.
func TestCells(t *testing.T) {
	for in, want := range map[string]string{"": "", "a=b": "a=b", "=1": "'=1", "+49": "'+49", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "Ä": "Ä"} {
		if got := plainCell(in); got != want {
			t.Errorf("plainCell(%q) = %q", in, got)
		}
	}
	if got := fileName("K-1/../ä\r\n\"x"); strings.ContainsAny(got, "/\r\n\"ä.") {
		t.Errorf("%q", got)
	}
}
