package static

import (
	"kontor/app/logo"
)

// How much room the frame has for the firm's mark, in CSS pixels.
const (
	logoWidth  = 184
	logoHeight = 36
)

// Logo is the firm's mark as the frame shows it.
type Logo struct {
	Address       string
	Width, Height int
	Wide          bool // it shows the firm's name, which does not stand beside it
}

// logoFile is what the logo is called among the static files.
func logoFile(l *logo.Logo) string { return "firm/" + l.Name }

// LogoOf returns nil for no logo.
func LogoOf(l *logo.Logo, files *Files) *Logo {
	if l == nil {
		return nil
	}
	w, h := l.Fit(logoWidth, logoHeight)
	return &Logo{Address: files.URL(logoFile(l)), Width: w, Height: h, Wide: l.Wide()}
}
