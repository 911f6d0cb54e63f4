package courier

import (
	"strings"
	"unicode"

	"github.com/linxGnu/gosmpp/data"
	"golang.org/x/text/unicode/norm"
)

// onePart is how many septets an SMS of one part holds (3GPP TS 23.040).
const onePart = 160

// septets counts the septets of a text in GSM 7-bit (3GPP TS 23.038 §6.2.1); characters of the extension table take
// two. ok is false if a character is not in the alphabet. A text of at most 160 septets is one part.
func septets(text string) (n int, ok bool) {
	septets, err := data.GSM7BIT.Encode(text)
	return len(septets), err == nil
}

// toGSM writes text with the characters of GSM 7-bit: quotation marks and dashes become plain ones, letters lose the
// accents that the alphabet lacks, and any other character becomes "?".
func toGSM(text string) string {
	var b strings.Builder
	for _, r := range text {
		if _, ok := septets(string(r)); ok {
			b.WriteRune(r)
			continue
		}
		if s, ok := gsmInstead[r]; ok {
			b.WriteString(s)
			continue
		}
		b.WriteString(withoutAccents(r))
	}
	return b.String()
}

func withoutAccents(r rune) string {
	var b strings.Builder
	for _, d := range norm.NFKD.String(string(r)) {
		if unicode.Is(unicode.Mn, d) {
			continue
		}
		if _, ok := septets(string(d)); !ok {
			d = '?'
		}
		b.WriteRune(d)
	}
	return b.String()
}

var gsmInstead = map[rune]string{
	'„': `"`, '“': `"`, '”': `"`, '«': `"`, '»': `"`, '‚': "'", '‘': "'", '’': "'", '`': "'", '´': "'",
	'–': "-", '—': "-", '‐': "-", '‑': "-", '−': "-", '·': ".", '•': "-", '…': "...", '\u00a0': " ", '\u202f': " ",
	'\t': " ", 'ẞ': "SS", 'Ł': "L", 'ł': "l", 'Đ': "D", 'đ': "d", 'Œ': "OE", 'œ': "oe", 'ı': "i", 'Þ': "Th", 'þ': "th",
	'ð': "d", 'Ð': "D", '×': "x", '°': "o", '®': "(R)", '©': "(C)",
}
