package entry

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestLine(t *testing.T) {
	for typed, want := range map[string]string{
		"Anna Berg":                         "Anna Berg",
		"  Anna \t  Berg\r\n":               "Anna Berg",
		"Anna\nBerg":                        "Anna Berg",
		"Mu\u0308ller":                      "Müller",
		"Mu\u200b\u0308ller":                "Müller", // the character between two that compose
		"Mül\u00adler":                      "Müller",
		"\ufeffMüller\u200e":                "Müller",
		"\u202eMüller\u202c":                "Müller",
		"\u2066Müller\u2069":                "Müller",
		"Müller\u00a0GmbH":                  "Müller GmbH",
		"Müller\u202fGmbH":                  "Müller GmbH",
		"山田\u3000太郎":                        "山田 太郎",
		"葛\U000e0100城":                      "葛城",
		"Müller\ufe0f":                      "Müller",
		"Müller\u2011Meier":                 "Müller-Meier",
		"Müller\u2010Meier":                 "Müller-Meier",
		"Müller – Meier":                    "Müller – Meier",
		"O’Brien":                           "O’Brien",
		"a\u3164b\u2800c\uffa0d":            "a b c d",
		"a\U00013441b\U00013442c\U0001d159": "a b c",
		"a\u115f\u1160\u034f\u17b4b":        "ab",
		"a\u2028b\u2029c\u0085d\ve\ff":      "a b c d e f",
		"a\ufffcb\ufdd0\U0001ffffc":         "abc",
		"\u0301":                            "",
		"\u0301a \u0308\u0323b":             "a b",
		"a\u180eb\u2060c\u2064d":            "abcd",
		"A\U000e0041B":                      "AB",
		"می\u200cخواهم":                     "می\u200cخواهم", // Persian
		"ශ\u0dca\u200dර\u0dd3":              "ශ\u0dca\u200dර\u0dd3",
		"क\u094d\u200dष":                    "क\u094d\u200dष",
		"র\u200d\u09cdযাব":                  "র\u200d\u09cdযাব",   // Bengali: the joiner stands before a mark
		"\u06cc\u200c\u0611\u064b":          "\u06cc\u064b\u0611", // no letter follows
		"می\u200c\u200dخواهم":               "می\u200dخواهم",      // one is enough
		"\u200cمی\u200c":                    "می",
		"An\u200dna":                        "Anna",
		"An\u200cna":                        "Anna",
		"ا\u200dn":                          "اn",
		"👩\u200d👩\u200d👧":                   "👩👩👧",
		"\u0600\u0661":                      "\u0600\u0661", // a sign before a number that is seen
		"bytes that are no text \xff\xfe":   "bytes that are no text \xff\xfe",
		"a\x00b\x1b":                        "a\x00b\x1b", // refused and not corrected
	} {
		assert.Equal(t, want, Line(typed), "Line(%+q)", typed)
	}
}

func TestTowersOfMarksAreCut(t *testing.T) {
	got, want := Line("q"+strings.Repeat("\u0301", 100)+"w"), "q"+strings.Repeat("\u0301", maxMarks)+"w"
	assert.Equal(t, want, got)
}

func TestText(t *testing.T) {
	for typed, want := range map[string]string{
		"one\r\ntwo\rthree\n":       "one\ntwo\nthree",
		"a\tb   c":                  "a\tb   c",
		"\n\n  one\u00a0two \n":     "one two",
		"one\u2028two\u2029three":   "one\ntwo\nthree",
		"so\u00adft\u200b\u202e":    "soft",
		"list\n\n\u2022 a\n– b":     "list\n\n\u2022 a\n– b",
		"Müller\u2011Meier\u00a0& ": "Müller-Meier &",
	} {
		assert.Equal(t, want, Text(typed), "Text(%+q)", typed)
	}
	assert.Equal(t, " a\n b ", Field(" a\r\n b\u200b "), "Field")
}

func TestKey(t *testing.T) {
	for typed, want := range map[string]string{
		"anna@berg\u2011mann.example":   "anna@berg-mann.example",
		"\u202aanna@berg.example\u202c": "anna@berg.example",
		"ＡＢ１２":                          "AB12",
		"DE\u202f123\u00a0456\u2009789": "DE 123 456 789",
		"7K4\u2013M9Q\u2212R":           "7K4-M9Q-R",
		"٣٤٥":                           "345",
		"০১২৩৪৫৬৭৮৯":                    "0123456789",
		"𝟎𝟗":                            "09",
		"a\xff２":                        "a\xff２",
		"03ー1234ー5678":                  "03-1234-5678",
		"０３ー１２３４":                       "03-1234",
		"サーバー@x.jp":                     "サーバー@x.jp",
		"²":                             "2",
		"²\u0301\u00a8x":                "2\u0301 x",
	} {
		assert.Equal(t, want, Key(typed), "Key(%+q)", typed)
	}
}

func TestKeyReadsEveryDigit(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.Is(unicode.Nd, r) {
			got := Key(string(r))
			require.Len(t, got, 1, "%U", r)
			assert.True(t, got[0] >= '0')
			assert.True(t, got[0] <= '9')
		}
	}
	for zero, want := range map[rune]string{'0': "0123456789", '٠': "0123456789", '𞥐': "0123456789", '𝟬': "0123456789", '𑁦': "0123456789"} {
		var ten strings.Builder
		for i := range rune(10) {
			ten.WriteRune(zero + i)
		}
		assert.Equal(t, want, Key(ten.String()), "%U on", zero)
	}
}

func TestSays(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "7": true, "李": true, "ä": true, "Ⅳ": true, " - x": true, "ا": true,
		"": false, " ": false, "\u00a0": false, "\u200b": false, "\u00ad": false, "\u0301": false, "\u3164": false,
		"\u2800": false, "\U00013441": false, "\U00013442": false, "\U0001d159": false, "\uffa0": false, "\u115f\u1160": false, "\ufe0f": false, "\u034f": false, "\u180e": false,
		"-": false, "…": false, "🦊": false, "\ue000": false, "\U000e0041": false, "\u20dd": false, "\u1cbb": false,
	} {
		assert.Equal(t, want, Says(s), "Says(%+q)", s)
		assert.Equal(t, want, Says(Line(s)), "Says(Line(%+q))", s)
	}
}

func TestIsText(t *testing.T) {
	for s, want := range map[string][2]bool{ // one line, lines
		"Müller": {true, true}, "a\nb\tc": {false, true}, "a\rb": {false, false}, "\x00": {false, false},
		"\x1b[31m": {false, false}, "\u0085": {false, false}, "\xff": {false, false},
	} {
		got := [2]bool{IsText(s, false), IsText(s, true)}
		assert.Equal(t, want, got, "IsText(%+q)", s)
	}
}

// FuzzClean: cleaning twice has the same result as cleaning once, and the result contains no invisible characters.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"Mu\u200b\u0308ller", "a\u3164b", "می\u200cخواهم", "ＡＢ", "\u202e", "²\u0301", "\r\n\u2028", "\xff", "\u06cc\u200c\u0611\u064b", "\u06cc\u0301\u0656\u200c\u06cc",
		"a" + strings.Repeat("\u0301", maxMarks) + "\u200b\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, rule := range map[string]func(string) string{"Line": Line, "Text": Text, "Field": Field, "Key": Key} {
			once := rule(s)
			require.Equal(t, once, rule(once), "%s(%+q) and again", name, s)
			if !IsText(s, true) {
				continue
			}
			require.True(t, norm.NFC.IsNormalString(once), "%s(%+q) = %+q is not NFC", name, s, once)
			for _, r := range once {
				require.False(t, isHidden(r) && r != zwj && r != zwnj, "%s(%+q) = %+q has %U", name, s, once, r)
				require.False(t, isFiller(r))
				require.False(t, r != ' ' && r != '\n' && r != '\t' && unicode.IsSpace(r))
			}
			if (name == "Line" || name == "Key") && strings.ContainsAny(once, "\n\t\r") {
				t.Fatalf("%s(%+q) = %+q", name, s, once)
			}
		}
	})
}
