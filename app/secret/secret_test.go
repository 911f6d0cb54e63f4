package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/entry"
)

// TestCodes (S13): in a million codes every position is evenly distributed over the alphabet, by a χ² test with 19
// degrees of freedom. Chance exceeds 90 less than once in 10¹⁰ runs. Taking random bytes modulo 20 would result in some
// 980.
func TestCodes(t *testing.T) {
	const n = 1_000_000
	var seen [CodeLength][128]int
	for range n {
		code := NewCode()
		require.Len(t, code, CodeLength, "code")
		for i := range CodeLength {
			seen[i][code[i]]++
		}
	}
	expected := float64(n) / float64(len(Alphabet))
	for i := range CodeLength {
		chi, total := 0.0, 0
		for _, c := range Alphabet {
			d := float64(seen[i][c]) - expected
			chi += d * d / expected
			total += seen[i][c]
		}
		assert.Equal(t, n, total, "position %d: %d characters outside the alphabet", i, n-total)
		assert.True(t, chi <= 90, "position %d: χ² = %.1f", i, chi)
	}
}

func TestAlphabet(t *testing.T) {
	assert.Len(t, Alphabet, 20, "alphabet")
	assert.False(t, strings.ContainsAny(Alphabet, "01AEIOUBDKLNSTZY"))
	for i, c := range Alphabet {
		assert.False(t, strings.ContainsRune(Alphabet[i+1:], c), "%c twice", c)
	}
	assert.Equal(t, "2345-6789", ShowCode("23456789"), "shown as")
}

func TestParseCode(t *testing.T) {
	const code = "CFGH2345"
	for _, c := range []struct {
		typed string
		ok    bool
	}{
		{"CFGH2345", true},
		{"CFGH-2345", true},
		{"cfgh-2345", true},
		{"cFgH 2345", true},
		{"  CFGH - 2345\t", true},
		{"C F G H 2 3 4 5", true},
		{"CFGH\u00a02345", true},
		{"CFGH\u20102345", true},
		{"CFGH\u20112345", true},
		{"CFGH\u20132345", true},
		{"----CFGH2345----", true},
		{"", false},
		{"-", false},
		{"CFGH234", false},
		{"CFGH23456", false},
		{"CFGH-234O", false}, // not dropped, or the next character would take its place
		{"CFGH-2340", false},
		{"CFGHO2345", false},
		{"CFGH.2345", false},
		{"CFGH_2345", false},
		{"CFGH\n2345", true},
		{"\u2068CFGH\u200b\u20112345\u2069\ufeff", true},
		{"CFGH\u202f–\u00a02345", true},
		{"CFGH2345\x00", false},
		{"CFGH2345\xff", false},
		{"ＣＦＧＨ２３４５", true},
		{"СFGH2345", false}, // a Cyrillic С
		{"CFGH234٥", true},
		{"CFGHſ345", false},
		{strings.Repeat("C", 1<<16), false},
	} {
		got, err := ParseCode(c.typed)
		if c.ok && (err != nil || got != code) {
			t.Errorf("%q: %q, %v", c.typed, got, err)
		}
		if !c.ok && (!errors.Is(err, ErrCode) || got != "") {
			t.Errorf("%q: %q, %v; want to refuse it", c.typed, got, err)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"CFGH-2345", "cfgh 2345", "CFGH2340", "", "\xff", "ﬁ345678", "ı", "\v22222222"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code, err := ParseCode(s)
		if err != nil {
			return
		}
		require.Len(t, code, CodeLength, "%q is read as", s)
		require.Empty(t, strings.Trim(code, Alphabet))
		for _, again := range []string{code, ShowCode(code), strings.ToLower(code)} {
			got, err := ParseCode(again)
			assert.NoError(t, err, "%q", again)
			assert.Equal(t, code, got, "%q", again)
		}
		// Only separators were dropped from the cleaned text, and only the case changed.
		plain := strings.NewReplacer(" ", "", "-", "").Replace(entry.Key(s))
		assert.True(t, strings.EqualFold(plain, code), "%q is read as %q, want the letters of %q", s, code, plain)
		assert.Len(t, plain, CodeLength)
	})
}

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		token := NewToken()
		b, err := base64.RawURLEncoding.DecodeString(token)
		require.NoError(t, err)
		require.Len(t, b, TokenBytes)
		require.False(t, seen[token], "token %q", token)
		seen[token] = true
	}
	// The example is from FIPS 180-2, B.1.
	assert.Equal(t, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", HashToken("abc"), "SHA-256 of abc")
}

func TestKey(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 64} {
		_, err := NewKey(make([]byte, n))
		assert.Error(t, err, "a key of %d bytes passes", n)
	}
	raw := bytes.Repeat([]byte{7}, 32)
	key, err := NewKey(raw)
	require.NoError(t, err)
	raw[0]++ // changes of the caller's copy have no effect
	same, _ := NewKey(bytes.Repeat([]byte{7}, 32))
	other, _ := NewKey(bytes.Repeat([]byte{8}, 32))

	macs := map[string]string{}
	for name, mac := range map[string]string{
		"code a b":    key.MAC("code", "a", "b"),
		"code ab":     key.MAC("code", "ab"),
		"code ab ''":  key.MAC("code", "ab", ""),
		"code '' ab":  key.MAC("code", "", "ab"),
		"code b a":    key.MAC("code", "b", "a"),
		"address a b": key.MAC("address", "a", "b"),
		"nothing":     key.MAC("code"),
		"other key":   other.MAC("code", "a", "b"),
	} {
		was, twice := macs[mac]
		assert.False(t, twice, "%s and %s have one MAC", name, was)
		macs[mac] = name
	}
	assert.True(t, Equal(key.MAC("code", "a", "b"), same.MAC("code", "a", "b")), "Equal")
	assert.False(t, Equal("a", "b"), "Equal")
	assert.False(t, Equal("a", ""), "Equal")

	plain := []byte("Hallo, 1234")
	sealed, err := key.Seal("mailbox", plain)
	require.NoError(t, err)
	require.False(t, bytes.Contains(sealed, plain), "sealed %q", sealed)
	again, _ := key.Seal("mailbox", plain)
	assert.False(t, bytes.Equal(again, sealed), "sealing twice gives the same bytes")
	got, err := same.Open("mailbox", sealed)
	require.NoError(t, err)
	assert.Equal(t, plain, got, "opened")
	_, err = key.Open("csrf", sealed)
	assert.Error(t, err, "opened for another purpose")
	_, err = other.Open("mailbox", sealed)
	assert.Error(t, err, "opened with another key")
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		_, err := key.Open("mailbox", bad)
		require.Error(t, err, "opened with byte %d changed", i)
		_, err = key.Open("mailbox", sealed[:i])
		require.Error(t, err, "opened when cut to %d bytes", i)
	}
}

// TestRing: for every purpose, values made with the earlier key are accepted, values made with a foreign key are not,
// and new values are made with the selected key.
func TestRing(t *testing.T) {
	raw := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	key := func(current byte, previous ...byte) Key {
		var before [][]byte
		for _, p := range previous {
			before = append(before, raw(p))
		}
		k, err := NewKey(raw(current), before...)
		require.NoError(t, err)
		return k
	}
	old, oldest, strange := key(1), key(0), key(9)
	for _, purpose := range []string{"address", "code", "csrf", "session handle", "hooks", "fingerprint", "throttle"} {
		rotated := key(2, 1, 0)
		for name, c := range map[string]struct {
			by   Key
			want bool
		}{"itself": {rotated, true}, "current alone": {key(2), true}, "the one before": {old, true}, "the first": {oldest, true}, "a strange one": {strange, false}} {
			made := c.by.MAC(purpose, "a", "b")
			assert.Equal(t, c.want, rotated.Is(made, purpose, "a", "b"), "made by %s", name)
			assert.Equal(t, c.want, slices.Contains(rotated.MACs(purpose, "a", "b"), made), "made by %s", name)
			assert.False(t, rotated.Is(made, purpose+"x", "a", "b"), "%s, made by %s: of something else", purpose, name)
			assert.False(t, rotated.Is(made, purpose, "a", "c"), "made by %s: of something else", name)
			assert.False(t, rotated.Is(made, purpose, "ab"), "made by %s: of something else", name)
			sealed, err := c.by.Seal(purpose, []byte("plain"))
			require.NoError(t, err)
			plain, err := rotated.Open(purpose, sealed)
			assert.Equal(t, c.want, err == nil && string(plain) == "plain", "%s, sealed by %s", purpose, name)
			_, err = rotated.Open(purpose+"x", sealed)
			assert.Error(t, err, "%s, sealed by %s: opened for something else", purpose, name)
		}
		assert.Equal(t, key(2).MAC(purpose), rotated.MAC(purpose), "not made under the current key")
		assert.Equal(t, oldest.MAC(purpose), rotated.Lasting(purpose), "not made under the current key")
		assert.False(t, old.Is(rotated.MAC(purpose), purpose), "not made under the current key")
		again := rotated // a copy is the same key
		again.MintWith(1)
		assert.Equal(t, old.MAC(purpose), rotated.MAC(purpose), "not made under the key that was said")
		assert.True(t, rotated.Is(key(2).MAC(purpose), purpose), "not made under the key that was said")
	}
	_, err := NewKey(raw(1), []byte("short"))
	assert.Error(t, err, "a short previous key was taken")
}
