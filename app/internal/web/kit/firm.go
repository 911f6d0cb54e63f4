package kit

import (
	"html/template"
	"path"

	"kontor/app/config"
	"kontor/app/firm"
	"kontor/app/logo"
)

// FirmLink is one of the firm's links, for a template. Href was checked when it was set. It is a template.URL because
// html/template does not allow tel otherwise.
type FirmLink struct {
	Key  string // imprint, privacy, contact, address, phone, email, website
	Text string // as the firm wrote it; "" for the first two: Key names them
	Href template.URL
}

// Mark is the firm's mark as the frame shows it.
type Mark struct {
	Address       string
	Width, Height int
	Wide          bool // it shows the firm's name, so the frame does not repeat it
}

// The largest size of the firm's mark in the frame, in CSS pixels.
const (
	markWidth  = 184
	markHeight = 36
)

// MarkPath is the beginning of the address of the firm's mark. The rest changes with the image, so browsers keep it.
const MarkPath = "/firm/mark/"

// MarkOf is a mark as the frame shows it, nil for none.
func MarkOf(l *logo.Logo) *Mark {
	if l == nil {
		return nil
	}
	w, h := l.Fit(markWidth, markHeight)
	return &Mark{Address: MarkPath + l.Hash + path.Ext(l.Name), Width: w, Height: h, Wide: l.Wide()}
}

// letterhead sets what the frame shows of the firm.
func (f *Frame) letterhead(p *firm.Profile, v View) {
	f.Firm, f.Logo = p.Name(), MarkOf(p.Mark)
	if v.Strangers && p.Settings[firm.SignInBrand] == firm.No {
		f.Firm, f.Logo = config.Nameless, nil
	}
	if v.Strangers {
		f.Hint = p.Hint(f.Locale)
	}
	if !v.SingleColumn {
		return
	}
	for _, l := range p.Links {
		if firm.Lawful(l) || !v.Strangers || p.Settings[firm.SignInContact] != firm.No {
			f.Links = append(f.Links, FirmLink{Key: l.Key, Text: l.Text, Href: template.URL(l.Href)}) //nolint:gosec // checked when it was set
		}
	}
}
