package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"kontor/app/entry"
)

const (
	maxEmail  = 254 // RFC 5321 §4.5.3.1.3, without the angle brackets
	maxLocal  = 64  // RFC 5321 §4.5.3.1.1
	maxDomain = 253 // RFC 1035 §2.3.4, written out
)

// ValidEmail checks an e-mail address that a person typed. It accepts the addr-specs of RFC 5321 that are used in
// practice: a dot-atom, "@" and a domain of at least two labels. The part before the @ may also contain letters and
// digits of other scripts (RFC 6531). Quoted local parts, address literals, comments and local host names (localhost)
// are refused.
//
// The normalised address is cleaned as entry.Key does, with its domain in lower case; the local part stays as typed. An
// international domain may be typed in its own script, which is kept, or in Punycode: store.FoldEmail maps both to the
// same form. On failure message is "required", "too_long" (without a placeholder; the limit is 254 octets),
// "control_characters" or "email.malformed".
func ValidEmail(typed string) (normalised, message string) {
	typed = entry.Key(typed)
	switch {
	case !entry.IsText(typed, false):
		return "", "control_characters"
	case typed == "":
		return "", "required"
	case len(typed) > maxEmail:
		return "", "too_long"
	}
	local, domain, ok := strings.Cut(typed, "@")
	if !ok || !validLocal(local) {
		return "", "email.malformed"
	}
	if domain, ok = validDomain(domain); !ok {
		return "", "email.malformed"
	}
	return local + "@" + domain, ""
}

// atext are the characters of atext in RFC 5322 §3.2.3, without letters and digits.
const atext = "!#$%&'*+-/=?^_`{|}~"

func validLocal(local string) bool {
	if len(local) > maxLocal {
		return false
	}
	for _, atom := range strings.Split(local, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			if !isAlnum(r) && !strings.ContainsRune(atext, r) && !isForeign(r) {
				return false
			}
		}
	}
	return true
}

// isForeign says whether r is a letter, a combining mark or a digit beyond ASCII.
func isForeign(r rune) bool {
	return r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r))
}

func validDomain(typed string) (domain string, ok bool) {
	domain = strings.ToLower(typed)
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || len(ascii) > maxDomain {
		return "", false
	}
	// The IDNA profile maps some letters to others. A person who typed such a letter did not type the domain they
	// meant.
	own, err := idna.Lookup.ToUnicode(ascii)
	if err != nil || domain != ascii && domain != own {
		return "", false
	}
	labels := strings.Split(ascii, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.ContainsFunc(l, notLDH) {
			return "", false
		}
	}
	top := labels[len(labels)-1]
	if len(labels) < 2 || len(top) < 2 || top == "localhost" || strings.Trim(top, "0123456789") == "" {
		return "", false
	}
	return domain, true
}

func isAlnum(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// notLDH says whether r may not occur in a domain, which consists of letters, digits and hyphens (RFC 1034 §3.5).
func notLDH(r rune) bool { return !isAlnum(r) && r != '-' }
