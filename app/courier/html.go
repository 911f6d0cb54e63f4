package courier

import (
	htmltemplate "html/template"
	"regexp"
	"strings"

	"kontor/app/logo"
)

// How much room a mail has for the firm's mark, in CSS pixels.
const (
	logoWidth  = 200
	logoHeight = 56
)

// mailLogo is the firm's logo as the layout shows it.
type mailLogo struct {
	Source        htmltemplate.URL // cid: and the Content-ID of its part
	Width, Height int
}

// contentID names the logo's part inside a mail (RFC 2392).
func contentID(l *logo.Logo, host string) string { return "logo-" + l.Hash + "@" + host }

// sources finds what a mail shows out of its own parts.
var sources = regexp.MustCompile(`src="cid:[^"]*"`)

// Page is the HTML of a mail where its parts are not at hand: the firm's mark comes from an address of our own, "" for
// none.
func (m Mail) Page(markURL string) string {
	return sources.ReplaceAllLiteralString(m.HTML, `src="`+htmltemplate.HTMLEscapeString(markURL)+`"`)
}

// preheaderPadding fills the line that inboxes show after the subject, so that the greeting does not follow there: characters
// without a width, and spaces that do not melt into one.
var preheaderPadding = strings.Repeat("\u034f\u200c\u00a0", 100)

// unbreakable finds the words that must not be parted at their hyphen, and the tags, which must be left alone.
var unbreakable = regexp.MustCompile(`<[^>]*>|(?i:\be-mail\b)|\bK-[0-9]{5,}\b`)

// keepTogether keeps words such as E-Mail, and customer numbers, on one line. page is what html/template made: no < or > but
// those of tags.
func keepTogether(page string) string {
	head, body, found := strings.Cut(page, "<body>")
	if !found {
		return page
	}
	return head + "<body>" + unbreakable.ReplaceAllStringFunc(body, func(s string) string {
		if s[0] == '<' {
			return s
		}
		return `<span style="white-space:nowrap">` + s + `</span>`
	})
}
