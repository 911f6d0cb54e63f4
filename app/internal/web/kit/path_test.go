package kit

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzLocalPath: wherever a browser goes with the result, it stays on this site (S42, S35).
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/a?b=c#d", "//evil", `/\evil`, "/\t/evil", "https://evil", "javascript:1", "/%2f/evil", "/..//evil", "", "/\x00", "/;//@evil"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://kontor.example/login")
	f.Fuzz(func(t *testing.T, next string) {
		got := LocalPath(next, "/home")
		if got != "/home" && got != next {
			t.Fatalf("%q became %q", next, got)
		}
		// Browsers drop these characters before they read an address (WHATWG URL).
		read := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(got)
		require.True(t, strings.HasPrefix(read, "/"), "%q leads away", got)
		require.False(t, strings.HasPrefix(read, "//"), "%q leads away", got)
		if u, err := base.Parse(got); err == nil && u.Host != base.Host {
			t.Fatalf("%q leads to %s", got, u.Host)
		}
	})
}
