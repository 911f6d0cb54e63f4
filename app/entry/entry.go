// Package entry cleans what people type or paste before it is used. The rules are the same for forms, searches,
// settings and commands.
//
// It removes invisible characters: format characters (Unicode's Cf: zero width, soft hyphen, direction marks, byte
// order mark), variation selectors, fillers, accents without a letter, and the object replacement character that word
// processors leave. Unusual blanks become a normal blank, and letters are composed (NFC). Further rules depend on the
// kind of the field: see Line, Text and Key. Cleaning is idempotent.
//
// The zero width joiner and non-joiner stay between two letters of a script whose spelling needs them (Arabic, Syriac,
// the Indian scripts and similar ones), as in Unicode's UAX #31 §2.3 for identifiers. Everywhere else they are removed,
// also in emoji.
package entry

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Line cleans one line: a name, a street, a reason. Line breaks and tabs become blanks. There is one blank between two
// words and none at the ends. Hyphens that only control line breaks (U+2010, U+2011) become "-"; dashes stay.
func Line(s string) string { return strings.Join(strings.Fields(clean(s, true)), " ") }

// Text cleans several lines. Every line ends with LF; tabs and all blanks within the text stay; blanks and empty lines
// at both ends are removed.
func Text(s string) string { return strings.TrimSpace(clean(s, false)) }

// Field cleans a value of a form or a URL before its kind is known. It does the same as Text but keeps the ends.
func Field(s string) string { return clean(s, false) }

// Key cleans text that machines compare: e-mail addresses, logins, codes, phone numbers, VAT IDs, postal codes. It does
// the same as Line. In addition, compatibility characters become the characters they stand for (NFKC: full-width digits
// and letters), all digits become 0 to 9, and all hyphens and dashes become "-". The long vowel sign after a digit
// becomes "-" as well, because Japanese keyboards have it in place of the hyphen.
func Key(s string) string {
	if !utf8.ValidString(s) {
		return s
	}
	s = norm.NFKC.String(clean(s, true))
	s = strings.Map(func(r rune) rune {
		switch {
		case isHyphen(r):
			return '-'
		case r > unicode.MaxASCII && unicode.Is(unicode.Nd, r):
			return '0' + digit(r)
		}
		return r
	}, s)
	s = longVowel.ReplaceAllString(s, "$1-")
	return Line(s) // NFKC can produce blanks and marks
}

// longVowel matches the long vowel sign after a digit, where there is no vowel.
var longVowel = regexp.MustCompile(`([0-9])ー`)

// Says says whether a value contains a visible letter or digit. Blanks, punctuation, accents without a letter and
// fillers do not count.
func Says(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return (unicode.IsLetter(r) || unicode.IsNumber(r)) && !isFiller(r) && !isHidden(r)
	})
}

// IsText says whether s can be stored and displayed: it is UTF-8 without control characters. Line breaks and tabs are
// allowed if lines is set.
func IsText(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && (!lines || r != '\n' && r != '\t')
	})
}

// clean applies the rules that all fields have in common. Text that is not UTF-8 is returned unchanged; IsText reports
// it.
func clean(s string, line bool) string {
	if isPlain(s, line) {
		return s
	}
	if !utf8.ValidString(s) {
		return s
	}
	runes := []rune(strings.ReplaceAll(s, "\r\n", "\n"))
	out := make([]rune, 0, len(runes))
	marks := 0 // on the last letter
	for i, r := range runes {
		if unicode.IsMark(r) {
			if marks++; marks > maxMarks || !isBase(out) {
				continue
			}
		} else if !isHidden(r) {
			marks = 0
		}
		switch {
		case r == zwj || r == zwnj:
			if joins(lastLetter(out)) && joins(nextLetter(runes[i+1:])) {
				out = append(out, r)
			}
		case isHidden(r):
		case r == '\n', r == '\r', r == '\v', r == '\f', r == '\u0085', r == '\u2028', r == '\u2029':
			if line {
				r = ' '
			} else {
				r = '\n'
			}
			out = append(out, r)
		case r == '\t' && line, r != '\n' && r != '\t' && unicode.IsSpace(r), isFiller(r):
			out = append(out, ' ')
		case r == '\u2010', r == '\u2011':
			out = append(out, '-')
		default:
			out = append(out, r)
		}
	}
	return norm.NFC.String(string(out))
}

// lastLetter returns the last character that is no mark, 0 if there is none. Marks say nothing, because composing can still
// change their order.
func lastLetter(out []rune) rune {
	for i := len(out) - 1; i >= 0; i-- {
		if !unicode.IsMark(out[i]) {
			return out[i]
		}
	}
	return 0
}

// isPlain is the fast path for most input: it says whether there is nothing to clean.
func isPlain(s string, line bool) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c < ' ' && (line || c != '\n' && c != '\t') {
			return false
		}
	}
	return true
}

// maxMarks is the maximum number of marks on one letter. No language uses more, and more would overlap the lines above
// and below.
const maxMarks = 10

// isBase says whether out ends with a character that can have a mark.
func isBase(out []rune) bool { return len(out) > 0 && !unicode.IsSpace(out[len(out)-1]) }

const (
	zwnj = '\u200c'
	zwj  = '\u200d'
)

// isHidden says whether r is invisible. The signs before numbers that Unicode counts as format characters
// (Prepended_Concatenation_Mark, such as U+0600) are visible and stay.
func isHidden(r rune) bool {
	if r < 0xad {
		return false
	}
	switch {
	case r == '\ufffc', r == '\u17b4', r == '\u17b5', r == '\u115f', r == '\u1160':
		return true
	case isFiller(r):
		return false
	case r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef: // noncharacters
		return true
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) ||
		unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// isFiller says whether r looks like a blank although Unicode counts it as a letter or a symbol: characters of Braille,
// Hangul, hieroglyphs and musical notes.
func isFiller(r rune) bool {
	switch r {
	case '\u2800', '\u3164', '\uffa0', '\U00013441', '\U00013442', '\U0001d159':
		return true
	}
	return false
}

// isHyphen says whether r is a hyphen, a dash or a minus sign.
func isHyphen(r rune) bool { return unicode.In(r, unicode.Pd) || r == '\u2212' || r == '\u2043' }

// digit returns the value of a decimal digit. Unicode encodes the ten digits of a script consecutively, beginning with
// zero.
func digit(r rune) rune {
	value := rune(0)
	for first := r - 1; first > r-10 && unicode.Is(unicode.Nd, first); first-- {
		value++
	}
	return value
}

// joining are the scripts in which a joiner or non-joiner changes the meaning of a word.
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko, unicode.Mongolian, unicode.Phags_Pa, unicode.Adlam,
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
	unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese,
}

// joins says whether r is a letter of such a script.
func joins(r rune) bool { return unicode.IsLetter(r) && unicode.In(r, joining...) }

// nextLetter returns the next visible character that is no mark, 0 at the end. It also returns 0 before another joiner, so
// that only the last one of several joiners stays.
func nextLetter(rest []rune) rune {
	for _, r := range rest {
		if r == zwj || r == zwnj {
			return 0
		}
		if !isHidden(r) && !unicode.IsMark(r) {
			return r
		}
	}
	return 0
}
