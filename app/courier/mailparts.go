package courier

import (
	"encoding/base64"
	"html"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The limits for parsing a mail: how deep its parts may be nested, and how many parts are read.
const (
	partsDepth = 8
	partsMost  = 100
)

// part is a mail or a part of one, parsed as far as possible. Nothing counts as an error, because the programs that
// report failures often write malformed mails.
type part struct {
	kind   string // media type, in lower case
	fields fields
	text   string // content, decoded, lines end with LF
	parts  []part // the parts of a multipart, or the mail in a message/rfc822
}

// field is a header field, unfolded; name is in lower case.
type field struct{ name, value string }

type fields []field

func (f fields) get(name string) string {
	for _, one := range f {
		if one.name == name {
			return one.value
		}
	}
	return ""
}

// readMail parses a mail. ok is false if the text has no header fields.
func readMail(raw []byte) (p part, ok bool) {
	text := unixLines(strings.TrimPrefix(string(raw), "\ufeff"))
	left := partsMost
	p = readMessage(text, 0, &left)
	return p, len(p.fields) > 0
}

// readMessage reads a whole mail. Blanks and the line "From …" of a mailbox file may stand before it.
func readMessage(text string, depth int, left *int) part {
	return readPart(strings.TrimLeft(text, " \t\n"), "text/plain", depth, left)
}

func readPart(text, kind string, depth int, left *int) part {
	*left--
	var p part
	var body string
	p.fields, body = readHeader(text)
	p.kind = kind
	said := p.fields.get("content-type")
	if name, _, _ := strings.Cut(said, ";"); strings.Contains(name, "/") {
		p.kind = strings.ToLower(strings.TrimSpace(name))
	}
	if depth >= partsDepth || *left <= 0 {
		p.text = body
		return p
	}
	if strings.HasPrefix(p.kind, "multipart/") {
		inside := "text/plain"
		if p.kind == "multipart/digest" {
			inside = "message/rfc822"
		}
		pieces := splitParts(body, boundaryOf(said))
		for _, piece := range pieces {
			if *left <= 0 {
				break
			}
			p.parts = append(p.parts, readPart(piece, inside, depth+1, left))
		}
		if len(pieces) == 0 {
			p.kind, p.text = "text/plain", readable(body)
		}
		return p
	}
	p.text = readable(decodeBody(body, p.fields.get("content-transfer-encoding")))
	if p.kind == "application/octet-stream" {
		p.kind = unnamedKind(p)
	}
	switch p.kind {
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers":
		p.parts = []part{readMessage(p.text, depth+1, left)}
	case "text/html":
		p.text = withoutMarkup(p.text)
	}
	return p
}

// statusField matches the beginning of a delivery status.
var statusField = regexp.MustCompile(`(?im)^(reporting-mta|final-recipient)\s*:`)

// unnamedKind returns the likely media type of a part that is declared only as application/octet-stream.
func unnamedKind(p part) string {
	name := strings.ToLower(p.fields.get("content-type") + p.fields.get("content-disposition"))
	switch {
	case strings.Contains(name, ".eml"):
		return "message/rfc822"
	case statusField.MatchString(p.text[:min(len(p.text), wordsMost)]):
		return "message/delivery-status"
	}
	return p.kind
}

var (
	unseen   = regexp.MustCompile(`(?is)<!--.*?-->|<(?:style|script)\b.*?</(?:style|script)\s*>`)
	newLines = regexp.MustCompile(`(?i)<(?:br|/p|/div|/tr|/li|/h[1-6])\b[^>]*>`)
	markup   = regexp.MustCompile(`<[^>]*>`)
)

// withoutMarkup returns the text of HTML, as far as possible without parsing it.
func withoutMarkup(s string) string {
	s = newLines.ReplaceAllString(unseen.ReplaceAllString(s, " "), "\n")
	return html.UnescapeString(markup.ReplaceAllString(s, " "))
}

// readHeader reads fields up to an empty line. It skips lines that are no fields, such as the line "From …" of a
// mailbox file.
func readHeader(text string) (f fields, body string) {
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "":
			return f, text
		case line[0] == ' ' || line[0] == '\t':
			if len(f) > 0 {
				f[len(f)-1].value = strings.TrimSpace(f[len(f)-1].value + " " + trimmed)
			}
			continue
		}
		name, value, found := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if found && isFieldName(name) {
			f = append(f, field{strings.ToLower(name), strings.TrimSpace(value)})
		}
	}
	return f, ""
}

func isFieldName(s string) bool {
	return s != "" && len(s) < 80 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// boundaries finds the boundary in a Content-Type, with or without quotes: some programs leave out the quotes even if
// the boundary needs them.
var boundaries = regexp.MustCompile(`(?i);\s*boundary\s*=\s*(?:"([^"]*)"|([^;\s]+))`)

func boundaryOf(contentType string) string {
	m := boundaries.FindStringSubmatch(contentType)
	if m == nil {
		return ""
	}
	return strings.TrimRight(m[1]+m[2], " ")
}

// splitParts splits a multipart's body. If the declared boundary does not occur, the first line that looks like a
// boundary is used.
func splitParts(body, boundary string) []string {
	lines := strings.Split(body, "\n")
	if boundary == "" || !strings.Contains("\n"+body, "\n--"+boundary) {
		boundary = ""
		for i, line := range lines {
			line = strings.TrimRight(line, " \t")
			begins := len(line) > 4 || len(line) > 2 && i+1 < len(lines) && strings.HasPrefix(strings.ToLower(lines[i+1]), "content-")
			if begins && strings.HasPrefix(line, "--") && !strings.Contains(line, " ") {
				boundary = line[2:]
				break
			}
		}
		if boundary == "" {
			return nil
		}
	}
	var pieces []string
	begin := -1
	for i, line := range lines {
		line = strings.TrimRight(line, " \t")
		if line != "--"+boundary && line != "--"+boundary+"--" {
			continue
		}
		if begin >= 0 {
			pieces = append(pieces, strings.Join(lines[begin:i], "\n"))
		}
		begin = i + 1
		if strings.HasSuffix(line, "--") && line != "--"+boundary {
			return pieces
		}
	}
	if begin >= 0 { // the last boundary is missing
		pieces = append(pieces, strings.Join(lines[begin:], "\n"))
	}
	return pieces
}

func decodeBody(body, coding string) string {
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "base64":
		return decodeBase64(body)
	case "quoted-printable":
		return decodeQuoted(body)
	}
	return body
}

// decodeBase64 decodes up to the first character that is not base64.
func decodeBase64(body string) string {
	packed := strings.Join(strings.Fields(body), "")
	if i := strings.IndexFunc(packed, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' && r != '/'
	}); i >= 0 {
		packed = packed[:i]
	}
	if len(packed)%4 == 1 {
		packed = packed[:len(packed)-1]
	}
	plain, err := base64.RawStdEncoding.DecodeString(packed)
	if err != nil { // surplus bits at the end
		plain, _ = base64.RawStdEncoding.DecodeString(packed[:len(packed)/4*4])
	}
	return unixLines(string(plain))
}

// decodeQuoted decodes quoted-printable (RFC 2045 §6.7) and keeps invalid sequences as they are.
func decodeQuoted(body string) string {
	var b strings.Builder
	b.Grow(len(body))
	for i := 0; i < len(body); i++ {
		if body[i] != '=' {
			b.WriteByte(body[i])
			continue
		}
		rest := body[i+1:]
		if trimmed := strings.TrimLeft(rest, " \t"); trimmed == "" || trimmed[0] == '\n' {
			i = len(body) - len(trimmed)
			continue
		}
		if len(rest) >= 2 && hexValue(rest[0]) >= 0 && hexValue(rest[1]) >= 0 {
			b.WriteByte(byte(hexValue(rest[0])<<4 | hexValue(rest[1])))
			i += 2
			continue
		}
		b.WriteByte('=')
	}
	return unixLines(b.String())
}

// hexValue returns the value of a hexadecimal digit, -1 for any other character.
func hexValue(c byte) int {
	if c >= 'a' {
		c -= 'a' - 'A'
	}
	return strings.IndexByte("0123456789ABCDEF", c)
}

// lineEnds replaces CR LF and CR by LF, and also CR CR LF, which results if a program adds a CR to each line.
var lineEnds = strings.NewReplacer("\r\r\n", "\n", "\r\n", "\n", "\r", "\n")

func unixLines(s string) string { return lineEnds.Replace(s) }

// readable returns s as UTF-8. If s is not valid UTF-8, it is read as Latin-1.
func readable(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// spoken returns a field's value with its encoded words (RFC 2047) decoded, if possible.
func spoken(value string) string {
	if plain, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
		value = plain
	}
	return readable(value)
}
