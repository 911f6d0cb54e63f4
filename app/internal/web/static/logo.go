package static

import (
	"kontor/app/logo"
)

// The largest size of the firm's logo in the frame, in CSS pixels.
const (
	logoWidth  = 184
	logoHeight = 36
)

// Logo is the firm's logo as the frame shows it.
type Logo struct {
	Address       string
	Width, Height int
	Wide          bool // the logo shows the firm's name, so the frame does not repeat it
}

// logoFile is the name of the logo among the static files.
func logoFile(l *logo.Logo) string { return "firm/" + l.Name }

// LogoOf returns the logo for the frame, nil if there is none.
func LogoOf(l *logo.Logo, files *Files) *Logo {
	if l == nil {
		return nil
	}
	w, h := l.Fit(logoWidth, logoHeight)
	return &Logo{Address: files.URL(logoFile(l)), Width: w, Height: h, Wide: l.Wide()}
}
