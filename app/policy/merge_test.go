package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestMerge: the text gets what somebody else changed. Nothing that I typed is removed, and what I removed stays
// removed.
func TestMerge(t *testing.T) {
	for name, c := range map[string]struct{ base, mine, theirs, want string }{
		"nobody changed it":             {"a\nb\n", "a\nb\n", "a\nb\n", "a\nb\n"},
		"only I":                        {"a\nb\n", "a\nm\nb\n", "a\nb\n", "a\nm\nb\n"},
		"only they, an addition":        {"a\nb\n", "a\nb\n", "a\nt\nb\n", "a\nt\nb\n"},
		"only they, a removal":          {"a\nb\nc\n", "a\nb\nc\n", "a\nc\n", "a\nc\n"},
		"both add":                      {"a\nb\n", "a\nb\nm\n", "a\nt\nb\n", "a\nt\nb\nm\n"},
		"both add the same":             {"a\n", "a\nx\n", "a\nx\n", "a\nx\n"},
		"I took out, they added":        {"a\nb\n", "b\n", "a\nb\nt\n", "b\nt\n"},
		"they took out what I replaced": {"a\nb\n", "a\nB\n", "a\n", "a\nB\n"},
		"all of it is mine":             {"a\nb\n", "# mine\n", "a\nt\nb\n", "t\n# mine\n"},
		"line ends of a browser":        {"a\nb\n", "a\r\nm\r\nb\r\n", "a\nb\nt\n", "a\nm\nb\nt\n"},
	} {
		assert.Equal(t, c.want, Merge(c.base, c.mine, c.theirs), name)
	}
}
