package web

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/firm"
	"kontor/policies"
)

// firmForm is what the page's form for a section would send, with changes.
func (b *browser) firmForm(path string, change ...string) []string {
	b.Helper()
	values := sentBy(b.get(path).doc(b.TB).Find(`form[action="` + path + `"]`))
	for i := 0; i < len(change); i += 2 {
		values[change[i]] = []string{change[i+1]}
	}
	var pairs []string
	for name, list := range values {
		for _, v := range list {
			pairs = append(pairs, name, v)
		}
	}
	return pairs
}

// TestFirmName: what the firm sets stands on every page, in titles and mails, at once; another process has it a moment later.
func TestFirmName(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	other := firm.New(firm.Options{DB: w.DB, Now: w.Firm.Now, Decider: w.Decider, Audit: w.Audit, Log: slog.New(slog.DiscardHandler), Start: firm.Start{Name: "Kanzlei Berg"}})
	must(t, other.Load(context.Background()))
	b.send("/firm", b.firmForm("/firm", "firm_name", "Kanzlei <Tal>", "firm_phone", "040 1234567", "firm_address", "Kai 1\n20457 Hamburg", "firm_website", "www.tal.example")...).goesTo(t, "/firm")
	for what, page := range map[string]answer{
		"sign-in": w.browser().get("/login"), "registration": w.browser().get("/register/" + w.inviteIn("de", "live@kunde.example")), "portal": w.endUser().get("/portal"), "customers": b.get("/customers"),
	} {
		doc := page.doc(t)
		assert.True(t, strings.HasSuffix(doc.Find("title").Text(), " · Kanzlei <Tal>"), what)
		assert.Equal(t, "Kanzlei <Tal>", strings.TrimSpace(doc.Find(".brand").Text()), what)
		assert.NotContains(t, page.text(), "Kanzlei Berg", what)
		if what == "customers" {
			continue
		}
		foot := strings.Join(strings.Fields(doc.Find("footer p").Text()), " ")
		assert.Contains(t, foot, "+49 40 1234567", what)
		assert.Contains(t, foot, "Kai 1, 20457 Hamburg", what)
		assert.Contains(t, foot, "www.tal.example", what)
		assert.Equal(t, "tel:+49401234567", doc.Find(`footer a[href^="tel:"]`).AttrOr("href", ""), what)
	}
	assert.Equal(t, "Kanzlei Berg", other.FirmName())
	_, err := other.Fresh(context.Background(), w.admin)
	must(t, err)
	assert.Equal(t, "Kanzlei <Tal>", other.FirmName(), "another process")
	log := b.get("/audit?what=firm")
	log.want(t, http.StatusOK, "Firm changed", "Name of the firm", "Kanzlei Berg", "Kanzlei <Tal>")
	assert.Equal(t, 1, log.doc(t).Find(`td a[href="/firm"]`).Length(), "a link to the page")
}

// TestFirmMistakes: what is wrong is said at its field, and nothing that was typed is lost.
func TestFirmMistakes(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	a := b.send("/firm", b.firmForm("/firm", "firm_name", "a\u0007b", "firm_email", "nobody", "firm_imprint", "javascript:alert(1)", "firm_contact", "Frau Öhl")...)
	a.want(t, http.StatusUnprocessableEntity, "invisible control characters", "name@example.org", "https://firm.example")
	doc := a.doc(t)
	assert.True(t, strings.HasPrefix(doc.Find("title").Text(), "Error: "))
	assert.Equal(t, "Frau Öhl", doc.Find("#f-firm_contact").AttrOr("value", ""))
	assert.Equal(t, "javascript:alert(1)", doc.Find("#f-firm_imprint").AttrOr("value", ""))
	for _, field := range []string{"firm_name", "firm_email", "firm_imprint"} {
		assert.Equal(t, "true", doc.Find("#f-"+field).AttrOr("aria-invalid", ""), field)
		assert.Equal(t, 1, doc.Find(`#summary a[href="#f-`+field+`"]`).Length(), field)
	}
	a = b.send("/firm/holidays", "day", "2026-02-30", "holiday_name", "Faschings<dienstag>")
	a.want(t, http.StatusUnprocessableEntity, "There is no such day")
	assert.Equal(t, "Faschings<dienstag>", a.doc(t).Find("#f-holiday_name").AttrOr("value", ""))
	b.send("/firm/holidays/public", "state", "").want(t, http.StatusUnprocessableEntity, "Choose a federal state")
	b.send("/firm/phrases", "german", "Ruft an", "english", "").want(t, http.StatusUnprocessableEntity, "Enter the sentence in English")
	b.send("/firm/sign-in", b.firmForm("/firm/sign-in", "last_sign_in", "perhaps")...).want(t, http.StatusUnprocessableEntity, "Choose one of the values")
	assert.Equal(t, "Kanzlei Berg", w.firm.FirmName())
}

// TestFirmConflict: of two who change the page at once, the second keeps what only they have changed, and is asked about
// what both have.
func TestFirmConflict(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	first, second := b.firmForm("/firm", "firm_name", "Kanzlei Eins"), b.firmForm("/firm", "firm_name", "Kanzlei Zwei", "firm_contact", "Frau Öhl")
	third := b.firmForm("/firm", "firm_email", "drei@kanzlei.example")
	b.send("/firm", first...).goesTo(t, "/firm")
	a := b.send("/firm", second...)
	a.want(t, http.StatusConflict, "Kanzlei Eins", "Kanzlei Zwei")
	assert.Equal(t, "Frau Öhl", a.doc(t).Find("#f-firm_contact").AttrOr("value", ""))
	assert.Equal(t, 1, a.doc(t).Find("#keep-firm_name").Length())
	assert.Equal(t, "Kanzlei Eins", w.firm.FirmName())
	b.send("/firm", third...).goesTo(t, "/firm")
	assert.Equal(t, "Kanzlei Eins", w.firm.FirmName(), "what only somebody else has changed")
	assert.Equal(t, "drei@kanzlei.example", w.firm.Profile().Settings[firm.ContactEmail])
	b.send("/firm/sign-in", b.firmForm("/firm/sign-in", "sign_in_brand", "no")...).goesTo(t, "/firm/sign-in")
}

// TestFirmMark: a mark is uploaded, shown and removed; any other file is refused with words at its field.
func TestFirmMark(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	var drawn bytes.Buffer
	must(t, png.Encode(&drawn, image.NewNRGBA(image.Rect(0, 0, 100, 100))))
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"none": {nil, "Choose an image file"}, "a photo": {bytes.Repeat([]byte("x"), 900_000), "larger than 64 KB"},
		"a text": {[]byte("<svg onload=alert(1)>"), "neither PNG nor JPEG"}, "half": {drawn.Bytes()[:60], "damaged"},
	} {
		a := b.sendFile("/firm/mark", c.file)
		a.want(t, http.StatusUnprocessableEntity, c.says)
		assert.Equal(t, "true", a.doc(t).Find("#f-mark").AttrOr("aria-invalid", ""), name)
	}
	assert.Equal(t, 0, b.get("/firm").doc(t).Find(`.brand img`).Length())
	b.sendFile("/firm/mark", drawn.Bytes()).goesTo(t, "/firm")
	src := w.browser().get("/login").doc(t).Find(".brand img").AttrOr("src", "")
	require.True(t, strings.HasPrefix(src, "/firm/mark/"), src)
	got := w.browser().get(src)
	got.want(t, http.StatusOK)
	assert.Equal(t, drawn.String(), got.body)
	w.browser().get(strings.TrimSuffix(src, ".png")+".jpg").want(t, http.StatusNotFound)
	w.browser().get("/firm/mark/0123456789abcdef.png").want(t, http.StatusNotFound)
	b.send("/firm/mark/remove").goesTo(t, "/firm")
	assert.Equal(t, 0, w.browser().get("/login").doc(t).Find(".brand img").Length())
	w.browser().get(src).want(t, http.StatusNotFound)
}

// TestSignInPageOfFirm: what strangers see of the firm is what it wants; imprint and privacy notice stay. Who has a link of
// the firm sees whose it is.
func TestSignInPageOfFirm(t *testing.T) {
	w := newWorld(t, beginning(firm.Start{Imprint: "https://a.example/i", Privacy: "https://a.example/p", Contact: "Frau Öhl", Mark: testLogo(t, 40, 40)}))
	b := w.signedIn()
	b.send("/firm/sign-in", b.firmForm("/firm/sign-in", "sign_in_brand", "no", "sign_in_contact", "no", "sign_in_hint_de", "Rufen Sie an:\nhttps://a.example/hilfe <b>")...).goesTo(t, "/firm/sign-in")
	for _, path := range []string{"/login", "/password/forgotten"} {
		page := w.browser().get(path)
		for _, gone := range []string{"Kanzlei Berg", "Frau Öhl", "/firm/mark/"} {
			assert.NotContains(t, page.body, gone, path)
		}
		assert.Equal(t, 2, page.doc(t).Find("footer p a").Length(), "%s: what the law wants", path)
	}
	doc := w.browser().get("/login").doc(t)
	assert.Equal(t, "Rufen Sie an: https://a.example/hilfe <b>", strings.Join(strings.Fields(doc.Find(".note").Text()), " "), "the other language, as plain text")
	invited := w.browser().get("/register/" + w.inviteIn("en", "live@kunde.example"))
	invited.want(t, http.StatusOK, "Kanzlei Berg", "Frau Öhl")
}

// TestLastSignInShown: who may not see when colleagues have signed in last does not find it on any page.
func TestLastSignInShown(t *testing.T) {
	w := newWorld(t)
	admin := w.signedIn()
	w.specialist("rita@kanzlei.example", policies.Auditor)
	rita := w.browser().signIn("rita@kanzlei.example", strong)
	columns := func(b *browser) int {
		return b.get("/specialists").doc(t).Find("th").FilterFunction(func(_ int, s *goquery.Selection) bool {
			return strings.TrimSpace(s.Text()) == "Last sign-in"
		}).Length()
	}
	for value, want := range map[string][2]int{"everyone": {1, 1}, "managers": {0, 1}, "nobody": {0, 0}} {
		admin.send("/firm/sign-in", admin.firmForm("/firm/sign-in", "last_sign_in", value)...).goesTo(t, "/firm/sign-in")
		assert.Equal(t, want, [2]int{columns(rita), columns(admin)}, value)
		if want[0] == 0 {
			assert.NotContains(t, rita.get("/specialists").doc(t).Find("table").Text(), "2026", value)
		}
	}
}

// TestFirmDefaults: who has chosen nothing has what the firm has chosen; who has, keeps it. Forms for new people begin with the
// firm's language.
func TestFirmDefaults(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	for _, page := range []string{"/customers/new", "/specialists/new"} { // in the language of whoever adds somebody
		for _, language := range []string{"de", "en"} {
			b.language = language
			assert.Equal(t, language, b.get(page).doc(t).Find("#f-locale option[selected]").AttrOr("value", ""), page)
		}
	}
	theme := func(b *browser) string { return b.get("/account").doc(t).Find("html").AttrOr("data-bs-theme", "") }
	w.specialist("ben@kanzlei.example")
	ben := w.browser().signIn("ben@kanzlei.example", strong)
	ben.send("/account/appearance", "theme", "light").goesTo(t, "/account")
	b.send("/firm/defaults", b.firmForm("/firm/defaults", "default_theme", "dark", "default_density", "compact", "summary_specialist", "workdays", "new_locale", "de", "own_locale", "de")...).goesTo(t, "/firm/defaults")
	assert.Equal(t, "dark", theme(b))
	assert.Equal(t, "light", theme(ben))
	assert.Equal(t, "workdays", ben.get("/account").doc(t).Find(`input[name=daily_summary][checked]`).AttrOr("value", ""))
	assert.Equal(t, "de", b.get("/customers/new").doc(t).Find("#f-locale option[selected]").AttrOr("value", ""))
	assert.Equal(t, "de", b.get("/specialists/new").doc(t).Find("#f-locale option[selected]").AttrOr("value", ""))
	ben.send("/account/appearance", "theme", "light", "density", "compact").goesTo(t, "/account")
	b.send("/firm/defaults", b.firmForm("/firm/defaults", "default_density", "comfortable")...).goesTo(t, "/firm/defaults")
	assert.Empty(t, ben.get("/account").doc(t).Find("html").AttrOr("data-density", ""), "who has left it as it was follows the firm")
	nobody := w.browser()
	nobody.language = ""
	assert.Equal(t, "de", nobody.get("/login").language())
}

// TestPhrasesInNotes: without script, a ready sentence is put into the note, and nothing is written yet.
func TestPhrasesInNotes(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	history := w.path() + "/history"
	assert.Equal(t, 0, b.get(history).doc(t).Find("#f-phrase").Length(), "there are no sentences")
	b.send("/firm/phrases", "german", "Um Rückruf gebeten.", "english", "Asked to call back.").goesTo(t, "/firm/phrases")
	b.send("/firm/phrases", "german", "Termin <b>", "english", "Date <b>").goesTo(t, "/firm/phrases")
	options := b.get(history).doc(t).Find("#f-phrase option").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
	assert.Equal(t, []string{"Choose a phrase", "Asked to call back.", "Date <b>"}, options)
	a := b.send(w.path()+"/notes", "note", "Um zehn.", "phrase", "Asked to call back.", "insert", "1")
	a.want(t, http.StatusOK)
	assert.Equal(t, "Um zehn. Asked to call back.", a.doc(t).Find("#f-note").Text())
	a = b.send(w.path()+"/notes", "note", "", "phrase", "", "insert", "1")
	assert.Empty(t, a.doc(t).Find("#f-note").Text())
	assert.Zero(t, w.Number(`SELECT count(*) FROM note`))
	b.send(w.path()+"/notes", "note", "Um zehn. Asked to call back.", "phrase", "").goesTo(t, history)
	assert.Equal(t, 1, w.Number(`SELECT count(*) FROM note`))
	auditor := w.asker("auditor")
	assert.Equal(t, 0, auditor.get(history).doc(t).Find("#f-phrase").Length(), "who writes no notes")
	assert.Equal(t, 0, auditor.get("/firm/phrases").doc(t).Find(`form[action^="/firm"]`).Length(), "who only reads")
}

// TestHolidaysOnScreen: the public holidays of a state with one click, a day of one's own, and back again.
func TestHolidaysOnScreen(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	days := func() int { return b.get("/firm/holidays").doc(t).Find("tbody tr").Length() }
	b.send("/firm/holidays/public", "state", "by").goesTo(t, "/firm/holidays")
	assert.Equal(t, 24, days())
	b.get("/firm/holidays").want(t, http.StatusOK, "Epiphany")
	b.send("/firm/holidays", "day", "2026-12-24", "holiday_name", "Christmas Eve").goesTo(t, "/firm/holidays")
	assert.Equal(t, 25, days())
	b.send("/firm/holidays/remove", "day", "2026-12-24").goesTo(t, "/firm/holidays")
	b.send("/firm/holidays/remove", "year", "2027").goesTo(t, "/firm/holidays")
	assert.Equal(t, 12, days())
	b.send("/firm/holidays/remove", "day", "2026-12-24").goesTo(t, "/firm/holidays")
	b.get("/firm/holidays").want(t, http.StatusOK, "already been removed")
}
