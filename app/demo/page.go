package demo

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	ownfirm "kontor/app/firm"
)

// page fills the firm's own page: everything on it is set.
func (f *firm) page(ctx context.Context) error {
	mark, err := drawn()
	if err != nil {
		return err
	}
	year := f.now.Year()
	return ownfirm.Fill(ctx, f.tx, ownfirm.Content{
		Settings: ownfirm.Settings{
			ownfirm.ContactLine: "Sekretariat, montags bis freitags von 8 bis 16 Uhr", ownfirm.ContactAddress: "Am Kaiserkai 12\n20457 Hamburg",
			ownfirm.ContactPhone: "+494066969123", ownfirm.ContactEmail: "kanzlei@" + domain, ownfirm.ContactWebsite: "https://lindner.example",
			ownfirm.ImprintURL: "https://lindner.example/impressum", ownfirm.PrivacyURL: "https://lindner.example/datenschutz",
			ownfirm.SignInGerman:  "Sie können sich nicht anmelden? Rufen Sie uns an.",
			ownfirm.SignInEnglish: "You can't sign in? Give us a call.",
			ownfirm.LastSignIn:    ownfirm.Everyone,
		},
		Mark:     mark,
		Holidays: append(ownfirm.PublicHolidays("hh", year, "de"), ownfirm.PublicHolidays("hh", year+1, "de")...),
		Phrases: []ownfirm.Phrase{
			{German: "Um Rückruf gebeten.", English: "Asked to call back."},
			{German: "Unterlagen telefonisch angemahnt.", English: "Reminded of the documents by phone."},
			{German: "Termin vereinbart, Einladung folgt.", English: "Appointment made, invitation to follow."},
		},
	})
}

// drawn draws the firm's mark: an L on a green ground.
func drawn() ([]byte, error) {
	const side = 96
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	fill := func(r image.Rectangle, c color.NRGBA) { draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src) }
	white := color.NRGBA{R: 255, G: 255, B: 255, A: 255}
	fill(m.Bounds(), color.NRGBA{R: 0x1d, G: 0x5b, B: 0x45, A: 255})
	fill(image.Rect(32, 20, 46, 76), white)
	fill(image.Rect(32, 62, 68, 76), white)
	var b bytes.Buffer
	err := png.Encode(&b, m)
	return b.Bytes(), err
}
