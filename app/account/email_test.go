package account

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
)

func TestValidEmail(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, c := range []struct{ typed, want, message string }{
		{"anna.berg@example.com", "anna.berg@example.com", ""},
		{"  Anna.Berg@Example.COM ", "Anna.Berg@example.com", ""},
		{"admin@kontor.local", "admin@kontor.local", ""},
		{"a+b_c-d%e'f@x.de", "a+b_c-d%e'f@x.de", ""},
		{"o'brien@sub.domain.example.co.uk", "o'brien@sub.domain.example.co.uk", ""},
		{"info@MÜLLER-söhne.de", "info@müller-söhne.de", ""},
		{"info@mu\u0308ller.de", "info@müller.de", ""},
		{"info@straße.de", "info@straße.de", ""},
		{"info@xn--mller-kva.de", "info@xn--mller-kva.de", ""},
		{"почта@пример.рф", "почта@пример.рф", ""},
		{"müller@bücher.example", "müller@bücher.example", ""},
		{"mu\u0308ller@bu\u0308cher.example", "müller@bücher.example", ""},
		{"anna☎@x.de", "", "email.malformed"},
		{"x@пример.рф", "x@пример.рф", ""},
		{"1@2.de", "1@2.de", ""},
		{strings.Repeat("l", 64) + "@x.de", strings.Repeat("l", 64) + "@x.de", ""},
		{"x@" + label + ".de", "x@" + label + ".de", ""},
		{"", "", "required"},
		{"   ", "", "required"},
		{"anna", "", "email.malformed"},
		{"@x.de", "", "email.malformed"},
		{"anna@", "", "email.malformed"},
		{"anna@@x.de", "", "email.malformed"},
		{"a@b@x.de", "", "email.malformed"},
		{"anna@localhost", "", "email.malformed"},
		{"anna@mail.localhost", "", "email.malformed"},
		{"anna@kontor", "", "email.malformed"},
		{"anna@x.d", "", "email.malformed"},
		{"anna@127.0.0.1", "", "email.malformed"},
		{"anna@[127.0.0.1]", "", "email.malformed"},
		{"anna@x..de", "", "email.malformed"},
		{"anna@.x.de", "", "email.malformed"},
		{"anna@x.de.", "", "email.malformed"},
		{"anna@-x.de", "", "email.malformed"},
		{"anna@x-.de", "", "email.malformed"},
		{"anna@x_y.de", "", "email.malformed"},
		{"anna@x y.de", "", "email.malformed"},
		{"ａnna＠ｅxample.de", "anna@example.de", ""},
		{"anna@example。de", "", "email.malformed"},
		{"anna@example．de", "anna@example.de", ""},
		{"anna@berg\u2011hof\u2013x.de", "anna@berg-hof-x.de", ""},
		{"\u2068anna@x.de\u2069\ufeff", "anna@x.de", ""},
		{"an\u200bna@x\u00ad.de", "anna@x.de", ""},
		{"anna@xn--a.de", "", "email.malformed"},
		{"an na@x.de", "", "email.malformed"},
		{"an\u00a0na@x.de", "", "email.malformed"},
		{".anna@x.de", "", "email.malformed"},
		{"anna.@x.de", "", "email.malformed"},
		{"an..na@x.de", "", "email.malformed"},
		{`"anna berg"@x.de`, "", "email.malformed"},
		{"Anna <anna@x.de>", "", "email.malformed"},
		{"anna@x.de, otto@x.de", "", "email.malformed"},
		{"anna@x.de;otto@x.de", "", "email.malformed"},
		{"anna(comment)@x.de", "", "email.malformed"},
		{"änna@x.de", "änna@x.de", ""},
		{"anna@x.de\r\nBcc: otto@x.de", "", "email.malformed"},
		{"anna@x.de\n", "anna@x.de", ""},
		{"an\x00na@x.de", "", "control_characters"},
		{"anna\u202e@x.de", "anna@x.de", ""},
		{"anna@x\u2028.de", "", "email.malformed"},
		{"anna\xff@x.de", "", "control_characters"},
		{strings.Repeat("l", 65) + "@x.de", "", "email.malformed"},
		{"x@" + label + "a.de", "", "email.malformed"},
		{"x@" + strings.Repeat(label+".", 4) + "de", "", "too_long"},
	} {
		got, message := ValidEmail(c.typed)
		assert.Equal(t, c.want, got, "%q", c.typed)
		assert.Equal(t, c.message, message, "%q", c.typed)
	}
}

func FuzzValidEmail(f *testing.F) {
	for _, s := range []string{"anna.berg@example.com", "info@müller.de", "a@b@c.de", "x@xn--mller-kva.de", "a\r\n@b.de", `"q"@x.de`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, message := ValidEmail(s)
		require.NotEqual(t, message == "", got == "", "%q", s)
		if message != "" {
			return
		}
		again, m := ValidEmail(got)
		assert.Equal(t, got, again, "%q: normalised a second time it is another", s)
		assert.Empty(t, m)
		assert.LessOrEqual(t, len(got), maxEmail, "%q passed as", s)
		assert.Equal(t, 1, strings.Count(got, "@"))
		assert.True(t, utf8.ValidString(got))
		assert.False(t, strings.ContainsAny(got, "<>()[],;:\\\" \r\n\t\x00"))
		assert.False(t, strings.ContainsFunc(got, unicode.IsControl))
	})
}

func FuzzLogin(f *testing.F) {
	for _, s := range []string{"anna.berg@example.com", " ANNA ", "\x00", "\xff", "ﬁ", "'; DROP TABLE account; --"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded, ok := foldLogin(s)
		if !ok {
			return
		}
		assert.True(t, utf8.ValidString(folded), "%q is folded to %q", s, folded)
		assert.False(t, strings.ContainsRune(folded, 0))
		assert.Equal(t, folded, store.FoldEmail(folded))
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(cursor{name: "berg anna"}.String())
	f.Fuzz(func(t *testing.T, s string) {
		c := readCursor(s)
		assert.True(t, utf8.ValidString(c.name), "%q: %+v", s, c)
		assert.False(t, c != (cursor{}) && readCursor(c.String()) != c, "%q", s)
	})
}
