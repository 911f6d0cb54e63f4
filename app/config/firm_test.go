package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFirmLinks: which values a firm may set, and which link belongs to its contact. Malicious values are refused.
func TestFirmLinks(t *testing.T) {
	for _, name := range []string{"IMPRINT_URL", "PRIVACY_URL"} {
		for v, ok := range map[string]bool{
			"": true, "https://kanzlei.example/impressum": true, "http://kanzlei.example": true, "https://kanzlei.example/ä?x=1#y": true,
			"javascript:alert(1)": false, "data:text/html,x": false, "kanzlei.example": false, "//kanzlei.example": false, "https://": false,
			"https://anna:geheim@kanzlei.example": false, "https://kanzlei.example/\nBcc: x": false, "https://kanzlei.example/ x": false,
			"ftp://kanzlei.example": false, "https://kanzlei.example/" + strings.Repeat("x", 500): false, "https://kanzlei.example/\u202e\u00a0": true,
			"https://kanzlei-müller.example/impressum": true, "https://kanzlei.example:8443/": true, "https://[2001:db8::1]:8443/x": true, "https://192.0.2.7/x": true,
			"https://kanzlei .example": false, "https://kanz\"lei.example": false, "https://<b>.example": false, "https://kanzlei.example/\xff": false, "https://kanzlei.example\\@evil.example": false,
			"JavaScript:alert(1)": false, " javascript:alert(1)": false, "vbscript:x": false, "/impressum": false, "https:kanzlei.example": false, "https://kanzlei.example:port/": false,
		} {
			_, _, err := Load(nil, func(n string) string { return map[string]string{name: v, "DATA_DIR": t.TempDir()}[n] }, Checks{})
			assert.Equal(t, ok, err == nil, "%s=%q", name, v)
		}
	}
	for v, href := range map[string]string{
		"":                                  "",
		"https://kanzlei-müller.example":    "https://xn--kanzlei-mller-4ob.example",
		"a@b@c.example":                     "",
		"data:text/html,x":                  "",
		"tel:0190123456":                    "",
		"hallo@kanzlei.example, x@y":        "",
		`"a b"@kanzlei.example`:             "",
		"0401234567;ext=1":                  "",
		"https://a:b@kanzlei.example":       "",
		"Frau Berg, Zimmer 3":               "",
		"hallo@kanzlei.example":             "mailto:hallo@kanzlei.example",
		"a+b?cc=x@kanzlei.example":          "mailto:a+b%3Fcc=x@kanzlei.example",
		"Anna <hallo@kanzlei.example>":      "",
		"+49 40 123456-0":                   "tel:+49401234560",
		"+49 (0)40 123456":                  "tel:+4940123456",
		"040/1234567":                       "tel:0401234567",
		"112":                               "",
		"\u202ehal\u200blo@kanzlei.example": "mailto:hallo@kanzlei.example",
		"https://kanzlei.example/fragen":    "https://kanzlei.example/fragen",
		"javascript:alert(1)":               "",
		`"><script>alert(1)</script>`:       "",
	} {
		c, _, err := Load(nil, func(n string) string { return map[string]string{"CONTACT": v, "DATA_DIR": t.TempDir()}[n] }, Checks{})
		require.NoError(t, err, "CONTACT=%q", v)
		assert.Equal(t, href, ContactHref(c.Contact), "CONTACT=%q", v)
	}
	for _, v := range []string{"a\r\nBcc: x@y.example", "a\x00b", strings.Repeat("ä", 201), "a\xffb", "a\nb"} {
		_, _, err := Load(nil, func(n string) string { return map[string]string{"CONTACT": v, "DATA_DIR": t.TempDir()}[n] }, Checks{})
		assert.Error(t, err, "CONTACT=%q is taken", v)
	}
}
