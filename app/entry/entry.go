// Package entry cleans what people type or paste, before anything is made of it: one rule for forms, searches, settings
// and commands.
//
// Out go the characters that nobody sees: format characters (Unicode's Cf: zero width, soft hyphen, marks of direction,
// byte order mark), variation selectors, fillers, accents without a letter, and the object replacement character that word
// processors leave. Odd blanks become a blank, and letters are composed (NFC). What else a field does depends on what it holds: see Line, Text
// and Key. Cleaning is idempotent.
//
// The zero width joiner and non-joiner stay between two letters of a script that is spelt with them (Arabic, Syriac, the
// Indian scripts and those like them), as Unicode's UAX #31 §2.3 does for identifiers; everywhere else, emoji included,
// they go.
package entry

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Line cleans one line: a name, a street, a reason. Line breaks and tabs are blanks, there is one between two words and
// none at the ends. Hyphens that only keep a line together or apart (U+2010, U+2011) become "-"; dashes stay.
func Line(s string) string { return strings.Join(strings.Fields(clean(s, true)), " ") }

// Text cleans several lines: a line ends with LF, tabs stay, blanks stay as many as they are, and there are no blanks and
// empty lines at either end.
func Text(s string) string { return strings.TrimSpace(clean(s, false)) }

// Field cleans a value of a form or an address of which nobody says yet what it holds: as Text, and the ends stay.
func Field(s string) string { return clean(s, false) }

// Key cleans what machines compare: e-mail addresses, logins, codes, phone numbers, VAT IDs, postal codes. As Line, and
// characters that are a form of another one become that one (NFKC: full-width digits and letters), all digits become
// 0 to 9, and all hyphens and dashes become "-"; so does the sign for a long vowel behind a digit,
// which Japanese keyboards have in their place.
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
	return Line(s) // NFKC makes blanks and marks of its own
}

// longVowel is that sign behind a digit, where there is no vowel.
var longVowel = regexp.MustCompile(`([0-9])ー`)

// Says is whether a value holds anything: a letter or a digit that can be seen. Blanks, punctuation, lone accents and
// fillers say nothing.
func Says(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return (unicode.IsLetter(r) || unicode.IsNumber(r)) && !isFiller(r) && !isHidden(r)
	})
}

// IsText says whether s can be stored and shown: it is UTF-8 and has no control characters. Line breaks and tabs are
// fine when lines is set.
func IsText(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && (!lines || r != '\n' && r != '\t')
	})
}

// clean does what all fields have in common. What is no UTF-8 stays as it is, for IsText to find.
func clean(s string, line bool) string {
	if isPlain(s, line) {
		return s
	}
	if !utf8.ValidString(s) {
		return s
	}
	runes := []rune(strings.ReplaceAll(s, "\r\n", "\n"))
	out := make([]rune, 0, len(runes))
	marks := 0 // upon the last letter
	for i, r := range runes {
		if !unicode.IsMark(r) {
			marks = 0
		} else if marks++; marks > maxMarks || !isBase(out) {
			continue
		}
		switch {
		case r == zwj || r == zwnj:
			if len(out) > 0 && joins(out[len(out)-1]) && joins(nextSeen(runes[i+1:])) {
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

// isPlain is the quick way for what most people type: nothing in it is cleaned.
func isPlain(s string, line bool) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c < ' ' && (line || c != '\n' && c != '\t') {
			return false
		}
	}
	return true
}

// maxMarks is how many marks stay upon one letter. No language has as many; more of them are a tower through the lines
// above and below.
const maxMarks = 10

// isBase says whether something is written that a mark can stand upon.
func isBase(out []rune) bool { return len(out) > 0 && !unicode.IsSpace(out[len(out)-1]) }

const (
	zwnj = '\u200c'
	zwj  = '\u200d'
)

// isHidden are characters without a look of their own. The signs before numbers that Unicode counts as format characters
// (Prepended_Concatenation_Mark, as U+0600) are seen and stay.
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

// isFiller are characters that look like a blank and are a letter or a symbol to Unicode: of Braille, Hangul, hieroglyphs
// and notes.
func isFiller(r rune) bool {
	switch r {
	case '\u2800', '\u3164', '\uffa0', '\U00013441', '\U00013442', '\U0001d159':
		return true
	}
	return false
}

// isHyphen: hyphens, dashes and minus signs.
func isHyphen(r rune) bool { return unicode.In(r, unicode.Pd) || r == '\u2212' || r == '\u2043' }

// digit is the value of a decimal digit: in Unicode ten of a kind stand together, from the digit zero on.
func digit(r rune) rune {
	value := rune(0)
	for first := r - 1; first > r-10 && unicode.Is(unicode.Nd, first); first-- {
		value++
	}
	return value
}

// joining are the scripts in which a joiner or non-joiner changes what a word says.
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mandaic, unicode.Nko, unicode.Mongolian, unicode.Phags_Pa, unicode.Adlam,
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
	unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese,
}

// joins says whether r is a letter, or a mark upon one, of such a script.
func joins(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsMark(r)) && unicode.In(r, joining...)
}

// nextSeen is the first character that is seen, 0 at the end. Of a row of joiners the last one has a neighbour.
func nextSeen(rest []rune) rune {
	for _, r := range rest {
		if r == zwj || r == zwnj {
			return 0
		}
		if !isHidden(r) {
			return r
		}
	}
	return 0
}
