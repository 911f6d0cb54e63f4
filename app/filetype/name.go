package filetype

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The most that a name may have. File systems take 255 bytes, and a name gets a number in a ZIP with several of one name.
const (
	maxRunes     = 200
	maxBytes     = 240
	maxExtension = 20 // bytes of an end that is kept when a name is too long
)

// nameless is what a file is called whose name says nothing.
const nameless = "document"

// CleanName makes the name of a file that came from outside harmless: what every system takes as the name of one file, and what
// does not deceive who reads it. Folders, control characters and those that change the direction of reading are left out; what
// Windows does not take becomes an underscore. A name of which nothing is left is "document".
func CleanName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = norm.NFC.String(strings.ToValidUTF8(name, "_"))
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) && !unicode.IsControl(r), r == '\t':
			return ' '
		case r == zeroWidthJoiner || r == zeroWidthNonJoiner: // parts of emoji, and of words in some scripts
			return r
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, name)
	name = strings.TrimRight(strings.TrimLeft(norm.NFC.String(name), invisible), ending)
	if strings.HasPrefix(name, ".") {
		rest := strings.TrimLeft(name, ending)
		if strings.Contains(rest, ".") || rest == "" {
			name = rest
		} else {
			name = nameless + "." + rest // .pdf alone is hidden by many systems
		}
	}
	if name == "" {
		return nameless
	}
	if isDevice(name) {
		name = "_" + name
	}
	return shorten(name)
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
	invisible          = " \u200c\u200d"
	ending             = "." + invisible
)

// isDevice says whether Windows takes a name for a device, whatever follows the first dot.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	base = strings.TrimRight(base, invisible)
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, isPort := strings.CutPrefix(base, "COM")
	if !isPort {
		port, isPort = strings.CutPrefix(base, "LPT")
	}
	number, size := utf8.DecodeRuneInString(port)
	return isPort && size == len(port) && strings.ContainsRune("0123456789¹²³", number)
}

// shorten cuts a name that is too long, and keeps its end.
func shorten(name string) string {
	if len(name) <= maxBytes && utf8.RuneCountInString(name) <= maxRunes {
		return name
	}
	extension := path.Ext(name)
	if len(extension) > maxExtension || len(extension) == len(name) {
		extension = ""
	}
	base := strings.TrimSuffix(name, extension)
	end, runes := 0, utf8.RuneCountInString(extension)
	for i, r := range base {
		if runes++; runes > maxRunes || i+utf8.RuneLen(r)+len(extension) > maxBytes {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	base = base[:end]
	return strings.TrimRight(base, ending) + extension
}

// Disposition returns the header Content-Disposition for a file: whether a browser shows it, and its name, in ASCII for old
// programs and as it is for the others (RFC 6266, RFC 8187).
func Disposition(inline bool, name string) string {
	kind := "attachment"
	if inline {
		kind = "inline"
	}
	var ascii, encoded strings.Builder
	exact := true
	for _, r := range name {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) { // some programs decode a percent sign
			exact = false
			r = '_'
		}
		ascii.WriteRune(r)
	}
	header := kind + `; filename="` + ascii.String() + `"`
	if exact {
		return header
	}
	const hex = "0123456789ABCDEF"
	for _, b := range []byte(name) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("!#$&+-.^_`|~", b) >= 0 {
			encoded.WriteByte(b)
			continue
		}
		encoded.Write([]byte{'%', hex[b>>4], hex[b&15]})
	}
	return header + "; filename*=UTF-8''" + encoded.String()
}
