package courier

import (
	htmltemplate "html/template"
	"slices"
	"strings"
)

// FirmLink is one of the firm's own: its imprint, its privacy notice, or how to reach it.
type FirmLink struct {
	Key  string // imprint, privacy or contact
	Text string // of the contact, as the firm wrote it; "" for the others, which are named by their key
	Href string // http, https, mailto or tel; "" when the contact is plain text
}

// mailLink is a FirmLink in the language of a mail.
type mailLink struct {
	Word string
	Text string
	Href htmltemplate.URL // checked when the settings were read: html/template knows no tel
}

func (r *renderer) mailLinks(locale string) []mailLink {
	all := make([]mailLink, len(r.links))
	for i, l := range r.links {
		all[i] = mailLink{r.words[locale][l.Key], oneLine(l.Text), htmltemplate.URL(oneLine(l.Href))}
	}
	return all
}

// footer are the firm's links below the text of a mail, a line each, "" for none.
func (r *renderer) footer(locale string) string {
	var b strings.Builder
	for _, l := range r.mailLinks(locale) {
		said := l.Text
		if said == "" {
			said = string(l.Href)
		}
		b.WriteString(l.Word + ": " + said + "\n")
	}
	return b.String()
}

// withLinks keeps what a firm has set.
func (r *renderer) withLinks(links []FirmLink) *renderer {
	r.links = slices.Clone(links)
	return r
}
