package firm

import (
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/firm"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/internal/web/text"
	"kontor/policies"
)

// TestPagesRender: each page, filled and empty, for who may change it and for who may not.
func TestPagesRender(t *testing.T) {
	tabs := []link{{"contact", "/firm", true}, {"sign_in", "/firm/sign-in", false}, {"defaults", "/firm/defaults", false}, {"holidays", "/firm/holidays", false}, {"phrases", "/firm/phrases", false}}
	form := kit.NewForm(map[string]string{"firm_name": "Kanzlei <Berg>", "version": "1"})
	form.Was = []kit.Field{{Name: "firm_name", Value: "Kanzlei"}}
	wrong := kit.NewForm(map[string]string{"mark": ""})
	wrong.Reject("mark", "Das ist kein Bild.")
	wrong.Reject("day", "Diesen Tag gibt es nicht.")
	reads, manages := page{Tabs: tabs, Path: "/firm", Form: form}, page{Tabs: tabs, Path: "/firm", Manage: true, Form: wrong}
	choice := map[string][]text.Option{"sign_in_brand": {{Value: "yes", Text: "Ja"}}, "new_locale": {{Value: "any", Text: "Keine"}}}
	roles := []roleField{{"summary_auditor", policies.Auditor}}
	id := uuid.Must(uuid.NewV7())
	days := []year{{"2026", []firm.Holiday{{Day: "2026-12-25", Name: "<b>"}}}, {"2027", []firm.Holiday{{Day: "2027-01-01", Name: "Neujahr"}}}}
	phrase := []firm.Phrase{{ID: id, German: "Ruft <zurück>", English: "Calls"}}
	section := []any{
		sectionPage{page: reads, Options: choice, Roles: roles},
		sectionPage{page: manages, Mark: &kit.Mark{Address: "/firm/mark/0.png", Width: 36, Height: 36}, Options: choice, Roles: roles},
	}
	kittest.Render(t, "firm", map[string][]any{
		"firm/contact":  section,
		"firm/sign_in":  section,
		"firm/defaults": section,
		"firm/holidays": {holidayPage{page: reads, Years: days}, holidayPage{page: manages, Years: days, This: 2026, Next: 2027}, holidayPage{page: manages}},
		"firm/phrases":  {phrasePage{reads, phrase}, phrasePage{manages, phrase}, phrasePage{manages, nil}},
		"firm/phrase":   {phraseForm{manages, id}},
	})
}
