package template

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/document"
	"kontor/app/filetype"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/internal/web/text"
	"kontor/app/template"
)

// TestPagesRender: each page, filled and empty, for who may change it and for who may not.
func TestPagesRender(t *testing.T) {
	now, days := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), 14
	one := template.Template{ID: uuid.Must(uuid.NewV7()), Name: "Steuer <2026>", Kind: "contract", Version: 2, Changed: true, Revision: 7, ChangedAt: now}
	public, fresh, retired, whole := one, one, one, one
	public.Public, fresh.Version, retired.RetiredAt, whole.Changed = true, 0, &now, false
	at := func(x template.Template, manage bool) page {
		return page{Template: x, Path: pathOf(x.ID), Manage: manage, Tab: "structure", Form: none(), Kind: "Vertrag"}
	}
	slot := document.Planned{Type: document.Slot, Name: "Pass <b>", Help: "Vorne\nund hinten", Answer: document.AnswerDocument, Required: true, DueDays: &days, Types: []string{"pdf"}, Internal: true}
	text1 := document.Planned{Type: document.Slot, Name: "Wann?", Answer: document.AnswerDate}
	folder := document.Planned{Type: document.Folder, Name: "Ordner", Options: document.Options{Extensible: true, Optional: true, Duplicable: true}, Elements: []document.Planned{slot, text1}}
	outline := document.Outline{Elements: []document.Planned{folder, slot}}
	whats := []text.Option{{Value: "document", Text: "Dokument"}, {Value: "folder", Text: "Ordner"}}
	add := addForm{Path: Path, Form: none(), Whats: whats}
	wrong := kit.NewForm(map[string]string{"name": "Pass", "what": "folder", "into": "1", "comment": "x"})
	wrong.Reject("name", "Den gibt es schon.")
	wrong.Reject("comment", "Zu lang.")
	wrong.Reject("types", "Die gibt es nicht.")
	failed := addForm{Into: 1, Name: "Ordner", Path: Path, Form: wrong, Whats: whats, Open: true}
	nodes := func(manage bool) []node {
		inside := []node{{Element: template.Element{Key: 2, Planned: slot}, Path: Path + "/2", Parent: 1, Manage: manage}, {Element: template.Element{Key: 3, Planned: text1}, Parent: 1}}
		return []node{{Element: template.Element{Key: 1, Planned: folder}, Path: Path + "/1", Manage: manage, Nodes: inside, Add: failed}}
	}
	changes := []change{
		{template.Added, "Ordner › Pass", nil}, {template.Removed, "Ordner", nil}, {template.Moved, "Pass", nil},
		{template.Altered, "Pass", []fieldChange{{"Name", "Pas", "Pass"}}},
	}
	kindGone := at(one, true)
	kindGone.Retired = true
	asElement := func(p document.Planned, f *kit.Form) elementPage {
		if f == nil {
			f = kit.NewForm(kit.ValuesOf(elementFields(p)))
			f.Was = elementFields(p)
		}
		x := at(one, true)
		x.Form = f
		return elementPage{page: x, Element: template.Element{Key: 2, Planned: p}, At: "/x", Answers: whats, Groups: filetype.Groups}
	}
	settings := settingsPage{page: at(one, true), Kinds: whats, Audiences: whats}
	adding := settings
	adding.New = true
	reading, old := settings, settings
	reading.Manage, old.Template = false, retired
	sides := outlinesOf(outline)
	ready1 := ready(template.Ready{Key: "tax_x", Branch: "tax", Settings: one.Settings(), Outline: outline}, "de", true)
	read := ready1
	read.Manage = false
	version := template.Version{Number: 2, Comment: "neu <b>", Author: "Tina", At: now}
	list := []row{{one, "/x", "Vertrag"}, {public, "/x", "Vertrag"}, {fresh, "/x", "Vertrag"}, {retired, "/x", "Vertrag"}, {whole, "/x", "Vertrag"}}
	contents := template.Read([]byte("x"))
	editors := []any{
		editPage{page: at(one, true), Nodes: nodes(true), Count: 3, Add: add, Changes: changes, Done: &kit.Toast{Text: "toast.element_moved", Args: map[string]any{"name": "Pass"}, Undo: "/u"}},
		editPage{page: at(fresh, true), Add: add}, editPage{page: at(whole, false), Nodes: nodes(false), Count: 3, Options: folder.Options},
		editPage{page: at(retired, true), Add: add}, editPage{page: kindGone, Add: failed},
	}
	kittest.Render(t, "template", map[string][]any{
		"template/index": {listPage{Rows: list, Kinds: whats, States: whats, Manage: true}, listPage{}, listPage{Filtered: true}},
		"template/show":  editors, "template/element": {asElement(slot, nil), asElement(folder, nil), asElement(text1, wrong)},
		"template/settings": {settings, adding, reading, old},
		"template/preview":  {previewPage{at(one, true), sides}, previewPage{at(fresh, false), outlinesOf(document.Outline{})}},
		"template/versions": {versionsPage{at(one, true), []template.Version{version}}, versionsPage{at(fresh, true), nil}},
		"template/version": {
			versionPage{page: at(one, true), Version: version, Against: 1, Others: whats, Changes: changes, Outline: outline},
			versionPage{page: at(one, true), Version: version, Others: whats}, versionPage{page: at(one, true), Version: version, Against: 1, Others: whats}, versionPage{page: at(one, true)},
		},
		"template/import": {
			importPage{Form: none()}, importPage{Form: wrong, Problems: []problem{{3, "Ordner", "Falsch <b>"}, {0, "", "Falsch"}}},
			importPage{Form: none(), Contents: &contents, Chunks: []string{"a", "b"}, Kinds: whats, outlines: sides},
		},
		"template/gallery": {galleryPage{Branches: []branch{{"tax", []readyPage{ready1, read}}}, Language: "de", Languages: []string{"de", "en"}, Form: none()}},
		"template/ready":   {ready1, read},
	})
}

// TestChunks: a file comes back as it was, and what is no file is none.
func TestChunks(t *testing.T) {
	for _, n := range []int{0, 1, chunk - 1, chunk, 3 * chunk} {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i)
		}
		pieces := chunked(data)
		for _, p := range pieces {
			if len(p) > kit.MaxField {
				t.Errorf("a piece has %d bytes", len(p))
			}
		}
		if string(unchunked(pieces)) != string(data) {
			t.Errorf("%d bytes come back otherwise", n)
		}
	}
	if unchunked([]string{"!"}) != nil {
		t.Error("no base64 is a file")
	}
}
