package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

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
		if len(code) != CodeLength {
			t.Fatalf("code %q", code)
		}
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
		if total != n {
			t.Errorf("position %d: %d characters outside the alphabet", i, n-total)
		}
		if chi > 90 {
			t.Errorf("position %d: χ² = %.1f", i, chi)
		}
	}
}

func TestAlphabet(t *testing.T) {
	if len(Alphabet) != 20 || strings.ContainsAny(Alphabet, "01AEIOUBDKLNSTZY") {
		t.Errorf("alphabet %q", Alphabet)
	}
	for i, c := range Alphabet {
		if strings.ContainsRune(Alphabet[i+1:], c) {
			t.Errorf("%c twice", c)
		}
	}
	if got := ShowCode("23456789"); got != "2345-6789" {
		t.Errorf("shown as %q", got)
	}
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
		{"CFGH-234O", false}, // not dropped, or the next character would slip in
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
		if len(code) != CodeLength || strings.Trim(code, Alphabet) != "" {
			t.Fatalf("%q is read as %q", s, code)
		}
		for _, again := range []string{code, ShowCode(code), strings.ToLower(code)} {
			if got, err := ParseCode(again); got != code || err != nil {
				t.Errorf("%q: %q, %v", again, got, err)
			}
		}
		// of the cleaned text, nothing but separators was dropped and nothing but the case changed
		if plain := strings.NewReplacer(" ", "", "-", "").Replace(entry.Key(s)); !strings.EqualFold(plain, code) || len(plain) != CodeLength {
			t.Errorf("%q is read as %q, want the letters of %q", s, code, plain)
		}
	})
}

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		token := NewToken()
		b, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(b) != TokenBytes || seen[token] {
			t.Fatalf("token %q", token)
		}
		seen[token] = true
	}
	if got := HashToken("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" { // FIPS 180-2 B.1
		t.Errorf("SHA-256 of abc = %s", got)
	}
}

func TestKey(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 64} {
		if _, err := NewKey(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes passes", n)
		}
	}
	raw := bytes.Repeat([]byte{7}, 32)
	key, err := NewKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	raw[0]++ // the caller's copy is the caller's
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
		if was, twice := macs[mac]; twice {
			t.Errorf("%s and %s have one MAC", name, was)
		}
		macs[mac] = name
	}
	if !Equal(key.MAC("code", "a", "b"), same.MAC("code", "a", "b")) || Equal("a", "b") || Equal("a", "") {
		t.Error("Equal")
	}

	plain := []byte("Hallo, 1234")
	sealed, err := key.Seal("mailbox", plain)
	if err != nil || bytes.Contains(sealed, plain) {
		t.Fatalf("sealed %q, %v", sealed, err)
	}
	if again, _ := key.Seal("mailbox", plain); bytes.Equal(again, sealed) {
		t.Error("sealing twice gives the same bytes")
	}
	if got, err := same.Open("mailbox", sealed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := key.Open("csrf", sealed); err == nil {
		t.Error("opened for another purpose")
	}
	if _, err := other.Open("mailbox", sealed); err == nil {
		t.Error("opened with another key")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := key.Open("mailbox", bad); err == nil {
			t.Fatalf("opened with byte %d changed", i)
		}
		if _, err := key.Open("mailbox", sealed[:i]); err == nil {
			t.Fatalf("opened when cut to %d bytes", i)
		}
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
		if err != nil {
			t.Fatal(err)
		}
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
			if rotated.Is(made, purpose, "a", "b") != c.want || slices.Contains(rotated.MACs(purpose, "a", "b"), made) != c.want {
				t.Errorf("%s, made by %s", purpose, name)
			}
			if rotated.Is(made, purpose+"x", "a", "b") || rotated.Is(made, purpose, "a", "c") || rotated.Is(made, purpose, "ab") {
				t.Errorf("%s, made by %s: of something else", purpose, name)
			}
			sealed, err := c.by.Seal(purpose, []byte("plain"))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := rotated.Open(purpose, sealed)
			if (err == nil && string(plain) == "plain") != c.want {
				t.Errorf("%s, sealed by %s: %q, %v", purpose, name, plain, err)
			}
			if _, err := rotated.Open(purpose+"x", sealed); err == nil {
				t.Errorf("%s, sealed by %s: opened for something else", purpose, name)
			}
		}
		if rotated.MAC(purpose) != key(2).MAC(purpose) || rotated.Lasting(purpose) != oldest.MAC(purpose) || old.Is(rotated.MAC(purpose), purpose) {
			t.Errorf("%s: not made under the current key", purpose)
		}
		again := rotated // a copy is the same key
		again.MintWith(1)
		if rotated.MAC(purpose) != old.MAC(purpose) || !rotated.Is(key(2).MAC(purpose), purpose) {
			t.Errorf("%s: not made under the key that was said", purpose)
		}
	}
	if _, err := NewKey(raw(1), []byte("short")); err == nil {
		t.Error("a short previous key was taken")
	}
}
