package web

import "kontor/app/logo"

// How much room the frame has for the firm's mark, in CSS pixels.
const (
	logoWidth  = 184
	logoHeight = 36
)

// brandLogo is the firm's mark as the frame shows it.
type brandLogo struct {
	Address       string
	Width, Height int
	Wide          bool // it shows the firm's name, which does not stand beside it
}

// logoFile is what the logo is called among the static files.
func logoFile(l *logo.Logo) string { return "firm/" + l.Name }

// brandOf returns nil for no logo.
func brandOf(l *logo.Logo, files *static) *brandLogo {
	if l == nil {
		return nil
	}
	w, h := l.Fit(logoWidth, logoHeight)
	return &brandLogo{Address: files.url(logoFile(l)), Width: w, Height: h, Wide: l.Wide()}
}
