package courier

import (
	htmltemplate "html/template"
	"net/mail"
	"slices"
	"strings"

	"kontor/app/logo"
)

// FirmLink is a link to the firm's imprint, to its privacy notice, or to its contact.
type FirmLink struct {
	Key  string // imprint, privacy or contact
	Text string // of the contact, as the firm wrote it; "" for the others: Key names them
	Href string // http, https, mailto or tel; "" when the contact is plain text
}

// mailLink is a FirmLink with its word in the language of a mail.
type mailLink struct {
	Word string
	Text string
	Href htmltemplate.URL // checked when the settings were read; html/template does not allow tel
}

func (r *renderer) mailLinks(locale string) []mailLink {
	all := make([]mailLink, len(r.links))
	for i, l := range r.links {
		all[i] = mailLink{r.words[locale][l.Key], oneLine(l.Text), htmltemplate.URL(oneLine(l.Href))}
	}
	return all
}

// foot returns the lines about the firm below the text of a mail; "" if there are none.
func (r *renderer) foot(kind Kind, locale string) string {
	var b strings.Builder
	if reply := r.replyLine(kind, locale); reply != "" {
		b.WriteString(reply + "\n")
	}
	for _, l := range r.mailLinks(locale) {
		said := l.Text
		if said == "" {
			said = string(l.Href)
		}
		b.WriteString(l.Word + ": " + said + "\n")
	}
	return b.String()
}

// replyLine returns the line that says that people can reply to the mail; "" if they can't.
func (r *renderer) replyLine(kind Kind, locale string) string {
	if k, _ := kindOf(kind); !r.reply || !k.answerable {
		return ""
	}
	return r.words[locale]["reply"]
}

// firmed holds the firm's settings for mails.
type firmed struct {
	from  *mail.Address
	links []FirmLink
	reply bool // REPLY_TO is set
	logo  *logo.Logo
	host  string // right side of the logo's Content-ID
}

// with applies the firm's settings.
func (r *renderer) with(f firmed) *renderer {
	r.unsigned = f.from != nil && !strings.Contains(strings.ToLower(f.from.Name), strings.ToLower(r.firm))
	r.links, r.reply = slices.Clone(f.links), f.reply
	r.logo = nil
	if f.logo != nil {
		w, h := f.logo.Fit(logoWidth, logoHeight)
		r.logo = &mailLogo{Source: htmltemplate.URL("cid:" + contentID(f.logo, f.host)), Width: w, Height: h} //nolint:gosec // a hash and a host
	}
	return r
}

// subject returns the subject line. The firm's name appears once: in the sender's name, else before the subject.
func (r *renderer) subject(said string) string {
	said = oneLine(said)
	if r.unsigned && r.firm != "" {
		return r.firm + ": " + said
	}
	return said
}
