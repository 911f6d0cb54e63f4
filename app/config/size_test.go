package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for written, want := range map[string]int64{
		"64MB": 64 << 20, "64mb": 64 << 20, " 2 GB ": 2 << 30, "512KB": 512 << 10, "1TB": 1 << 40, "64": 64 << 20, "0KB": 0, "8388607TB": 8388607 << 40, "007MB": 7 << 20,
	} {
		got, err := parseSize(written)
		require.NoError(t, err, "%q", written)
		assert.Equal(t, want, got, "%q", written)
	}
	for _, written := range []string{"", "MB", "-1MB", "+1MB", "1.5GB", "1,5GB", "1B", "1MiB", "1 M B", "1MBMB", "0x10MB", "8388608TB", "9223372036854775808", "9999999999999999999999GB", "1_000MB", "١MB", "much"} {
		_, err := parseSize(written)
		assert.Error(t, err, "%q", written)
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("64 MB")
	f.Add("8388608TB")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseSize(s)
		assert.False(t, err == nil && n < 0, "%q is %d", s, n)
	})
}
