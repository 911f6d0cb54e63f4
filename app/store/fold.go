package store

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"kontor/app/entry"
)

// SortKey folds a name for sorting as German dictionaries do (DIN 5007-1): case and accents do not count, ä sorts as
// a, ß as ss; whatever is neither letter nor digit is one space. Databases fold only ASCII, so both sides of a
// comparison are folded here.
func SortKey(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	// What is no text is a space: after such a byte, the next letter would not be taken apart.
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

// letters that decomposition does not take apart.
var letters = map[rune]string{
	'ß': "ss", 'ẞ': "ss", 'Æ': "a", 'æ': "a", 'Œ': "o", 'œ': "o", 'Ø': "o", 'ø': "o", 'Ł': "l", 'ł': "l",
	'Đ': "d", 'đ': "d", 'ı': "i", 'Þ': "th", 'þ': "th", 'ð': "d", 'Ð': "d",
}

// Fold folds text for searching: as SortKey, and ae, oe, ue, which stand for ä, ö, ü where there is no such key,
// become a, o, u. So Müller, Mueller and Muller find one another. It finds a little too much (Bauer is "baur" on
// both sides), never too little.
func Fold(s string) string { return umlauts.Replace(SortKey(s)) }

var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")

// compose writes what looks the same the same way, a letter and its marks as one character.
func compose(s string) string { return norm.NFKC.String(strings.ToValidUTF8(s, " ")) }

// FoldBefore is FoldEmail as it was before two spellings of one address were one. A row whose other spelling was somebody
// else's by then has still this form.
func FoldBefore(s string) string { return strings.ToLower(strings.TrimSpace(norm.NFKC.String(s))) }

// FoldEmail is the form in which e-mail addresses and usernames are compared: cleaned (entry.Key), in lower case, and the
// domain as servers know it (RFC 5891): müller@bücher.example and müller@xn--bcher-kva.example are one address. What is
// behind the @ and can't be a domain stays as it is. Bytes that are no text become U+FFFD. Folding is idempotent.
func FoldEmail(s string) string {
	s = entry.Key(strings.ToValidUTF8(s, "\uFFFD"))
	s = entry.Key(strings.ToLower(s)) // a few letters in lower case are a letter and a mark
	at := strings.LastIndexByte(s, '@')
	local, domain := s[:at+1], s[at+1:]
	if at < 0 {
		local, domain = s, ""
	}
	local = strings.ReplaceAll(local, "ς", "σ") // both are Σ in capitals; to a domain they are two letters
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	return local + domain
}

// Spellings are the domain of an e-mail address in its own script and as servers know it, where these are two.
func Spellings(email string) []string {
	_, domain, _ := strings.Cut(email, "@")
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
