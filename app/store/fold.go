package store

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"kontor/app/entry"
)

// SortKey folds a name for sorting as German dictionaries do (DIN 5007-1): case and accents are ignored, ä sorts as a,
// ß as ss, and every run of other characters becomes one space. Databases fold only ASCII, so both sides of
// a comparison are folded here.
func SortKey(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	// Invalid UTF-8 becomes a space: after an invalid byte the next letter would not be decomposed.
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(s, " ")) {
		switch {
		case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Cf, r), r == '\'', r == '’':
			continue
		case unicode.IsLetter(r), unicode.IsDigit(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			if long, ok := letters[r]; ok {
				b.WriteString(long)
			} else {
				b.WriteRune(unicode.ToLower(r))
			}
		default:
			space = true
		}
	}
	return b.String()
}

// letters are those that decomposition leaves as they are.
var letters = map[rune]string{
	'ß': "ss", 'ẞ': "ss", 'Æ': "a", 'æ': "a", 'Œ': "o", 'œ': "o", 'Ø': "o", 'ø': "o", 'Ł': "l", 'ł': "l",
	'Đ': "d", 'đ': "d", 'ı': "i", 'Þ': "th", 'þ': "th", 'ð': "d", 'Ð': "d",
}

// FoldName folds the name of a thing. Names of one place with the same folded form count as the same: case, accents and punctuation
// don't matter, unless a name has nothing else.
func FoldName(name string) string {
	if folded := SortKey(name); folded != "" {
		return folded
	}
	return strings.ToLower(name)
}

// Fold folds text for searching: it does what SortKey does, and writes ae, oe, ue, which stand for ä, ö, ü on keyboards
// without these keys, as a, o, u. So Müller, Mueller and Muller find one another. It finds a little too much (Bauer is
// "baur" on both sides), never too little.
func Fold(s string) string { return umlauts.Replace(SortKey(s)) }

var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")

// compose writes text that looks the same in the same way: a letter and its marks become one character.
func compose(s string) string { return norm.NFKC.String(strings.ToValidUTF8(s, " ")) }

// FoldBefore is FoldEmail as it was before it unified the spellings of an address. A row still has this form if its new
// form belonged to somebody else already.
func FoldBefore(s string) string { return strings.ToLower(strings.TrimSpace(norm.NFKC.String(s))) }

// FoldEmail returns the form in which e-mail addresses and usernames are compared: cleaned (entry.Key), in lower case,
// and with the domain in ASCII (RFC 5891). So müller@bücher.example and müller@xn--bcher-kva.example are one address.
// If the text after the @ can't be a domain, it stays as it is. Invalid bytes become U+FFFD. Folding is idempotent.
func FoldEmail(s string) string {
	s = entry.Key(strings.ToValidUTF8(s, "\uFFFD"))
	s = entry.Key(strings.ToLower(s)) // the lower case of a few letters is a letter and a mark
	local, domain, ok := CutEmail(s)
	if ok {
		local += "@"
	}
	local = strings.ReplaceAll(local, "ς", "σ") // both are Σ in capitals; in a domain they are different letters
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	return local + domain
}

// CutEmail cuts an e-mail address at its last @, because a quoted local part may contain another (RFC 5321 §4.1.2).
// Without an @, ok is false and local is the whole text.
func CutEmail(email string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(email, '@')
	if at < 0 {
		return email, "", false
	}
	return email[:at], email[at+1:], true
}

// Spellings returns the domain of an e-mail address in its own script and in ASCII, if these differ.
func Spellings(email string) []string {
	_, domain, _ := CutEmail(email)
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return nil
	}
	own, err := idna.Lookup.ToUnicode(ascii)
	if err != nil || own == ascii {
		return nil
	}
	return []string{own, ascii}
}
