package store

import (
	"strings"
	"unicode"
)

// unspaced are the scripts that do not separate words, and those whose names are very short. In them two characters are
// enough to search for.
var unspaced = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo}

// Unspaced says whether a character belongs to such a script (Chinese, Japanese, Korean).
func Unspaced(r rune) bool { return unicode.In(r, unspaced...) || r == 'ー' || r == '々' }

// Pairs returns the words by which one or two characters inside a text in such a script are found: every two
// neighbours, and the last character alone, folded. Of "张伟明" they are "张伟", "伟明" and "明". Text in other scripts has
// none.
func Pairs(s string) (words []string) {
	var run []rune
	end := func() {
		for i := range run {
			words = append(words, Fold(string(run[i:min(i+2, len(run))])))
		}
		run = run[:0]
	}
	for _, r := range compose(s) {
		if Unspaced(r) {
			run = append(run, r)
		} else {
			end()
		}
	}
	end()
	return words
}

// Squeeze folds text that people write with or without signs and blanks in it: "DE 123.456" becomes "de123456".
func Squeeze(s string) string { return umlauts.Replace(strings.ReplaceAll(SortKey(s), " ", "")) }

// Digits returns the digits 0 to 9 of a text, in whatever form they are written.
func Digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, compose(s))
}
