package courier

import (
	htmltemplate "html/template"
	"regexp"
	"strings"

	"kontor/app/logo"
)

// The largest size of the firm's logo in a mail, in CSS pixels.
const (
	logoWidth  = 200
	logoHeight = 56
)

// mailLogo is the firm's logo as the layout shows it.
type mailLogo struct {
	Source        htmltemplate.URL // "cid:" and the Content-ID of the image's part
	Width, Height int
}

// contentID returns the Content-ID of the logo's part in a mail (RFC 2392).
func contentID(l *logo.Logo, host string) string { return "logo-" + l.Hash + "@" + host }

// sources finds the images that a mail shows from its own parts.
var sources = regexp.MustCompile(`src="cid:[^"]*"`)

// Page returns the HTML of a mail for display in a browser, where the mail's parts are not available. The firm's logo
// is loaded from markURL instead; "" for no logo.
func (m Mail) Page(markURL string) string {
	return sources.ReplaceAllLiteralString(m.HTML, `src="`+htmltemplate.HTMLEscapeString(markURL)+`"`)
}

// preheaderPadding fills the line that inboxes show after the subject, so that the greeting does not appear there. It
// consists of characters without a width, and of spaces that are not merged into one.
var preheaderPadding = strings.Repeat("\u034f\u200c\u00a0", 100)

// unbreakable finds the words that must not be broken at their hyphen.
var unbreakable = regexp.MustCompile(`(?i:\be-mail\b)|\bK-[0-9]{5,}\b`)

// keepTogether keeps words such as E-Mail, and customer numbers, on one line. page is output of html/template, so < and
// > occur only in tags, which must not be changed.
func keepTogether(page string) string {
	head, body, found := strings.Cut(page, "<body>")
	if !found {
		return page
	}
	var b strings.Builder
	b.Grow(len(page) + len(page)/8)
	b.WriteString(head + "<body>")
	for body != "" {
		text, tag := body, ""
		if i := strings.IndexByte(body, '<'); i >= 0 {
			text, tag = body[:i], body[i:]
			if end := strings.IndexByte(tag, '>'); end >= 0 {
				tag = tag[:end+1]
			}
		}
		body = body[len(text)+len(tag):]
		if strings.Contains(text, "-") {
			text = unbreakable.ReplaceAllString(text, `<span style="white-space:nowrap">$0</span>`)
		}
		b.WriteString(text + tag)
	}
	return b.String()
}
