package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBaseURL(t *testing.T) {
	for written, want := range map[string]string{
		"https://kontor.example": "https://kontor.example", "https://kontor.example/": "https://kontor.example", "https://kontor.example:443": "https://kontor.example",
		"https://kontor.example:443/": "https://kontor.example", "http://kontor.example:80": "http://kontor.example", "http://kontor.example:443": "http://kontor.example:443",
		"https://kontor.example:80": "https://kontor.example:80", "HTTPS://Kontor.Example:8443": "https://kontor.example:8443", "https://Bücher.example": "https://xn--bcher-kva.example",
		"https://bu\u0308cher.example": "https://xn--bcher-kva.example", "https://XN--BCHER-KVA.example": "https://xn--bcher-kva.example", "https://kontor.example.": "https://kontor.example",
		"https://kontor.example.:443": "https://kontor.example", "https://kontor.example:": "https://kontor.example", "https://kontor.example:0443": "https://kontor.example", "http://[::1]:3000": "http://[::1]:3000",
		"http://[::1]": "http://[::1]", "http://[2001:DB8:0::1]:80": "http://[2001:db8::1]", "http://10.0.0.7:80": "http://10.0.0.7", "http://localhost:3000": "http://localhost:3000", " https://kontor.example ": "https://kontor.example",
	} {
		got, err := baseURL(written)
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", written)
		again, err := baseURL(want)
		assert.NoError(t, err, "the second time")
		assert.Equal(t, want, again)
	}
	for _, written := range []string{
		"kontor.example", "ftp://kontor.example", "https://", "https:///", "https:kontor.example", "https://anna@kontor.example", "https://anna:secret@kontor.example", "https://kontor.example/app", "https://kontor.example?x", "https://kontor.example/?", "https://kontor.example#x",
		"https://kontor.example:99999", "https://kontor.example:0", "https://kontor.example:x", "https://.", "https://kontor..example", "https://kon tor.example", "http://[fe80::1%25eth0]", "http://[kontor]", "http://127.1", "http://0x7f000001", "http://kontor.08", "https://..", "https://.kontor.example", "https://k\xff.example",
	} {
		got, err := baseURL(written)
		assert.Error(t, err, "%q is %q", written, got)
	}
}

func FuzzBaseURL(f *testing.F) {
	f.Add("HTTPS://Bücher.example.:443/")
	f.Add("http://[::1]:80")
	f.Fuzz(func(t *testing.T, s string) {
		once, err := baseURL(s)
		if err != nil {
			return
		}
		again, err := baseURL(once)
		require.NoError(t, err)
		assert.Equal(t, once, again, "%q: read a second time it is another", s)
	})
}
