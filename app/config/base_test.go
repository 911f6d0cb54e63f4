package config

import "testing"

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
		if err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", written, got, err, want)
		}
		if again, err := baseURL(want); again != want || err != nil {
			t.Errorf("%q is %q, %v the second time", want, again, err)
		}
	}
	for _, written := range []string{
		"kontor.example", "ftp://kontor.example", "https://", "https:///", "https:kontor.example", "https://anna@kontor.example", "https://anna:secret@kontor.example", "https://kontor.example/app", "https://kontor.example?x", "https://kontor.example/?", "https://kontor.example#x",
		"https://kontor.example:99999", "https://kontor.example:0", "https://kontor.example:x", "https://.", "https://kontor..example", "https://kon tor.example", "http://[fe80::1%25eth0]", "http://[kontor]", "http://127.1", "http://0x7f000001", "http://kontor.08", "https://..", "https://.kontor.example", "https://k\xff.example",
	} {
		if got, err := baseURL(written); err == nil {
			t.Errorf("%q is %q; want it refused", written, got)
		}
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
		if again, err := baseURL(once); err != nil || again != once {
			t.Errorf("%q is %q, and that %q, %v", s, once, again, err)
		}
	})
}
