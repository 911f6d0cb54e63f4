package web

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const yaml = "format: kontor-template-1\nname: Einfuhr\nkind: contract\nelements:\n  - type: slot\n    name: Zollbescheid\n    answer: document\n"

// names are the names in the tree of the editor, in their order.
func (a answer) names(t testing.TB) (list []string) {
	t.Helper()
	for _, n := range a.doc(t).Find(".tree .name").EachIter() {
		list = append(list, n.Text())
	}
	return list
}

// added is a template that was added in the browser.
func (b *browser) added(name string) string {
	b.Helper()
	a := b.send("/templates", "name", name, "kind", "contract", "audience", "firm")
	require.Equal(b.TB, http.StatusSeeOther, a.StatusCode, a.text())
	return a.Header.Get("Location")
}

// TestTemplatePages: a template is added, built without script, published, changed, compared, previewed, copied and retired.
func TestTemplatePages(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	b.get("/templates").want(t, http.StatusOK, "No templates yet", "See ready templates")
	tpl := b.added("Steuer <2026>")
	b.get(tpl).want(t, http.StatusOK, "Now build its structure", "Still empty", "Not published yet")
	b.send(tpl+"/elements", "name", "Ausgaben", "what", "folder", "into", "0").goesTo(t, tpl+"#add-0")
	b.send(tpl+"/elements", "name", "Quittung <b>", "what", "document", "into", "1").goesTo(t, tpl+"#add-1")
	b.send(tpl+"/elements", "name", "Wann?", "what", "date", "into", "0").goesTo(t, tpl+"#add-0")
	assert.Equal(t, []string{"Ausgaben", "Quittung <b>", "Wann?"}, b.get(tpl).names(t))
	b.send(tpl+"/elements/3/move", "direction", "up").goesTo(t, tpl+"#e-3")
	assert.Equal(t, []string{"Wann?", "Ausgaben", "Quittung <b>"}, b.get(tpl).names(t))
	page := b.get(tpl)
	assert.Equal(t, 0, page.doc(t).Find("#toast").Length(), "the toast is there once")

	b.send(tpl+"/elements/2/remove").goesTo(t, tpl)
	toast := b.get(tpl)
	toast.want(t, http.StatusOK, "“Quittung <b>” removed")
	undo := attr(toast.doc(t), "#toast form", "action")
	b.send(undo).goesTo(t, tpl)
	b.send(undo).want(t, http.StatusConflict, "can't be undone any more")
	b.get(tpl+"/elements/2").want(t, http.StatusOK, "Allowed file types")
	b.send(tpl+"/elements/2", b.formOf(tpl+"/elements/2", "help", "Ein Foto\ngenügt", "due_days", "14", "types_pdf", "on", "internal", "on")...).goesTo(t, tpl+"#e-2")
	b.send(tpl+"/elements/1", b.formOf(tpl+"/elements/1", "duplicable", "on")...).goesTo(t, tpl+"#e-1")
	b.send(tpl+"/options", "optional", "on").goesTo(t, tpl)
	b.get(tpl).want(t, http.StatusOK, "due after 14 days", "PDF", "Internal", "Duplicable")
	sides := b.get(tpl + "/preview").doc(t).Find(".sides section")
	assert.Contains(t, sides.Eq(0).Text(), "Quittung <b>")
	assert.NotContains(t, sides.Eq(1).Text(), "Quittung", "end users see what is internal")

	b.send(tpl+"/publish", b.formOf(tpl, "comment", "die erste")...).goesTo(t, tpl)
	b.send(tpl+"/elements/1/duplicate").goesTo(t, tpl+"#e-4")
	b.get(tpl).want(t, http.StatusOK, "New transactions still begin with version 1", "Ausgaben (2) › Quittung <b>")
	b.send(tpl+"/publish", b.formOf(tpl, "comment", "")...).goesTo(t, tpl)
	b.get(tpl+"/versions").want(t, http.StatusOK, "Version 2", "Version 1", "die erste", "Anna Berg")
	b.get(tpl+"/versions/2").want(t, http.StatusOK, "Ausgaben (2) › Quittung <b>")
	b.get(tpl+"/versions/2?against=1").want(t, http.StatusOK, "Ausgaben (2)")
	b.get(tpl+"/versions/9").want(t, http.StatusNotFound)

	copied := b.send(tpl + "/duplicate").Header.Get("Location")
	b.get(copied).want(t, http.StatusOK, "The copy is called “Steuer <2026> (2)”")
	b.send(tpl+"/retire").goesTo(t, tpl+"/settings")
	assert.Equal(t, 1, b.get("/templates?state=retired").doc(t).Find(".rows tbody tr").Length())
	assert.Equal(t, 1, b.get("/templates?q=steuer&state=draft&kind=contract").doc(t).Find(".rows tbody tr").Length())
	b.get("/templates?q=nirgends").want(t, http.StatusOK, "No template matches")
	b.send(tpl+"/reactivate").goesTo(t, tpl+"/settings")
	log := b.get("/audit?what=templates")
	log.want(t, http.StatusOK, "Template published", "Template retired")
	assert.Positive(t, log.doc(t).Find(`td a[href="`+tpl+`"]`).Length(), "a link to the template")
}

// formOf is what the form of a page that was filled in would send: of the page with a template, the one that publishes.
func (b *browser) formOf(path string, change ...string) (pairs []string) {
	b.Helper()
	doc := b.get(path).doc(b.TB)
	form := doc.Find("#publish")
	if form.Length() == 0 {
		form = doc.Find(`form[action="` + path + `"]`)
	}
	require.Equal(b.TB, 1, form.Length(), "forms of %s", path)
	sent := sentBy(form)
	for i := 0; i < len(change); i += 2 {
		sent.Set(change[i], change[i+1])
	}
	for name, values := range sent {
		pairs = append(pairs, name, values[0])
	}
	return pairs
}

// TestTemplateMistakes: what is wrong is said at its field, and nothing that was typed is lost.
func TestTemplateMistakes(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	a := b.send("/templates", "name", "", "kind", "nonsense", "description", "bleibt <da>")
	a.want(t, http.StatusUnprocessableEntity, "Enter a name")
	assert.Equal(t, "bleibt <da>", a.doc(t).Find("#f-description").Text())
	tpl := b.added("Steuer")
	b.send("/templates", "name", "STEUER", "kind", "contract").want(t, http.StatusUnprocessableEntity, "already has this name")
	b.send(tpl+"/elements", "name", "Ordner", "what", "folder", "into", "0")
	b.send(tpl+"/elements", "name", "Pass", "what", "document", "into", "1")
	a = b.send(tpl+"/elements", "name", "pass", "what", "text", "into", "1")
	a.want(t, http.StatusUnprocessableEntity, "This folder already has “pass”")
	assert.Equal(t, "pass", a.doc(t).Find("#add-1[open] #f-name").AttrOr("value", ""), "what was typed is not there again")
	assert.Equal(t, "text", a.doc(t).Find("#add-1-what option[selected]").AttrOr("value", ""))
	a = b.send(tpl+"/elements/2", b.formOf(tpl+"/elements/2", "due_days", "bald", "help", "bleibt")...)
	a.want(t, http.StatusUnprocessableEntity, "Enter a whole number from 0")
	assert.Equal(t, "bald", a.doc(t).Find("#f-due_days").AttrOr("value", ""))
	b.send(tpl+"/put", "element", "1", "into", "1").want(t, http.StatusUnprocessableEntity, "can't lie in itself")
	b.send(tpl+"/elements/77/move", "direction", "up").want(t, http.StatusNotFound)
	b.get(tpl+"/elements/x").want(t, http.StatusNotFound)
	a = b.send(tpl+"/publish", b.formOf(tpl, "comment", strings.Repeat("x", 301))...)
	a.want(t, http.StatusUnprocessableEntity, "no more than 300 characters")
	assert.Len(t, a.doc(t).Find("#f-comment").AttrOr("value", ""), 301)
}

// TestTemplateConflicts: of two who change one element, the second keeps what only they have changed and is asked about the
// rest; nobody publishes what they have not seen. The script gets the editor alone, with the way back.
func TestTemplateConflicts(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	tpl := b.added("Steuer")
	b.send(tpl+"/elements", "name", "Pass", "what", "document", "into", "0")
	at := tpl + "/elements/1"
	first, second, third := b.formOf(at, "name", "Reisepass"), b.formOf(at, "help", "Vorne und hinten"), b.formOf(at, "name", "Ausweis")
	seen := b.formOf(tpl)
	b.send(at, first...).goesTo(t, tpl+"#e-1")
	b.send(at, second...).goesTo(t, tpl+"#e-1")
	b.get(tpl).want(t, http.StatusOK, "Reisepass", "Vorne und hinten")
	a := b.send(at, third...)
	a.want(t, http.StatusConflict)
	assert.Equal(t, 1, a.doc(t).Find("#keep-name").Length())
	b.send(tpl+"/publish", seen...).want(t, http.StatusConflict, "changed this in the meantime")
	b.send(tpl+"/discard", "version", "1").want(t, http.StatusConflict)

	part := b.do(http.MethodPost, tpl+"/elements/1/duplicate", b.tokenForm(), "HX-Request", "true")
	part.want(t, http.StatusOK)
	assert.Equal(t, 0, part.doc(t).Find("#nav").Length(), "the script gets a whole page")
	assert.Equal(t, []string{"Reisepass", "Reisepass (2)"}, part.names(t))
	b.send(attr(part.doc(t), "#acted form", "action")).goesTo(t, tpl)
	assert.Equal(t, []string{"Reisepass"}, b.get(tpl).names(t))
}

func (b *browser) tokenForm() url.Values { return url.Values{"_csrf": {b.token()}} }

// TestTemplateFiles: a file is judged before it is imported; what is exported comes back; a ready template is copied.
func TestTemplateFiles(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	a := b.sendFile("/templates/import", []byte(strings.Replace(yaml, "answer: document", "answer: photo", 1)+"foo: 1\n"))
	a.want(t, http.StatusUnprocessableEntity, "There is no field “foo”", "Line 8")
	a = b.sendFile("/templates/import", []byte(strings.Replace(yaml, "answer: document", "answer: photo", 1)))
	a.want(t, http.StatusUnprocessableEntity, "Zollbescheid", "Choose what is asked for", "Line 7")
	b.sendFile("/templates/import", nil).want(t, http.StatusUnprocessableEntity, "Choose a file")
	a = b.sendFile("/templates/import", []byte(strings.Replace(yaml, "contract", "nonsense", 1)))
	a.want(t, http.StatusOK, "Choose a kind that is active", "Zollbescheid")
	sent := sentBy(a.doc(t).Find("form[aria-labelledby=would]"))
	sent.Set("name", "Ausfuhr")
	sent.Set("kind", "nonsense")
	b.do(http.MethodPost, "/templates/import", sent, ourSite...).want(t, http.StatusUnprocessableEntity, "Choose a kind that is active", "Zollbescheid")
	sent.Set("kind", "contract")
	made := b.do(http.MethodPost, "/templates/import", sent, ourSite...)
	require.Equal(t, http.StatusSeeOther, made.StatusCode, made.text())
	tpl := made.Header.Get("Location")
	again := b.do(http.MethodPost, "/templates/import", sent, ourSite...)
	assert.Equal(t, tpl, again.Header.Get("Location"), "a double click")
	b.get(tpl).want(t, http.StatusOK, "Ausfuhr", "Zollbescheid")

	file := b.get(tpl + "/export")
	file.want(t, http.StatusOK)
	assert.Equal(t, `attachment; filename="Ausfuhr.zip"`, file.Header.Get("Content-Disposition"))
	z, err := zip.NewReader(strings.NewReader(file.body), int64(len(file.body)))
	must(t, err)
	r, err := z.Open("template.yaml")
	must(t, err)
	text, err := io.ReadAll(r)
	must(t, err)
	assert.True(t, bytes.Contains(text, []byte("Zollbescheid")), "%s", text)
	a = b.sendFile("/templates/import", []byte(file.body))
	a.want(t, http.StatusOK, "An active template already has this name")

	b.get("/templates/gallery?language=de").want(t, http.StatusOK, "Einkommensteuererklärung", "Kfz-Schaden")
	b.get("/templates/gallery").want(t, http.StatusOK, "Income tax return", "Motor claim")
	b.get("/templates/gallery/fr/tax_income_return").want(t, http.StatusNotFound)
	used := b.send("/templates/gallery/en/bank_mortgage").Header.Get("Location")
	b.get(used).want(t, http.StatusOK, "Mortgage application", "is your own copy")
}
