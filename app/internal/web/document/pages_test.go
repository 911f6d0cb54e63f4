package document

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/document"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/internal/web/text"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at, id := time.Date(2026, 12, 1, 9, 12, 0, 0, time.UTC), uuid.Must(uuid.NewV7())
	options := []text.Option{{Value: "", Text: "-"}, {Value: "pdf", Text: "PDF"}}
	pdf := document.Version{ID: id, Number: 2, BlobID: id, File: "lohn.pdf", Size: 14_000, Type: "application/pdf", By: "Eva", At: at}
	var rows []Row
	for _, e := range []document.Element{
		{Type: document.Folder, Name: "Belege", Inside: document.Progress{Asked: 2, Answered: 1}},
		{Type: document.Slot, Name: "Lohn", Depth: 1, Required: true, State: document.Open, Due: "2026-11-01", Answer: document.AnswerDocument},
		{Type: document.Slot, Name: "Lohn", State: document.Rejected, Reason: "Seite 2 fehlt", Latest: &pdf, Comments: 2, Answer: document.AnswerDocument},
		{Type: document.Slot, Name: "Kinder", State: document.Answered, Answer: document.AnswerNumber, Latest: &document.Version{Text: "2", By: "Eva", At: at}},
		{Type: document.Slot, Name: "Tag", State: document.Answered, Answer: document.AnswerDate, Latest: &document.Version{Text: "2026-12-24", By: "Eva", At: at}},
		{Type: document.Slot, Name: "Ja?", State: document.Accepted, Answer: document.AnswerYesNo, Latest: &document.Version{Text: "yes", By: "Eva", At: at}},
		{Type: document.Slot, Name: "Miete", State: document.Answered, Answer: document.AnswerDocument, Latest: &document.Version{NotApplicable: true, By: "Eva", At: at}},
		{Type: document.Slot, Name: "Frei", State: document.Open, Answer: document.AnswerText, OwnInternal: true, Internal: true},
		{Type: document.File, Name: "lohn.pdf", Latest: &pdf},
	} {
		e.ID = uuid.Must(uuid.NewV7())
		rows = append(rows, Row{Element: e, Path: "/elements/x", Page: "/documents/x"}, Row{
			Element: e, Path: "/elements/x", Page: "/documents/x", MayGive: true, MayAnswer: true, MayReview: e.Latest != nil, MayRemove: true, MayEdit: true,
			MayContents: true, Late: e.Due != "", Place: Place{e.Type == document.Folder, e.Type == document.Folder},
		})
	}
	fresh, wrong := kittest.Fresh(), kittest.Wrong("name", "help", "answer", "due", "reason", "comment", "value", "position", "types")
	var shown []any
	for _, r := range rows {
		shown = append(shown, page{Row: r, Form: fresh, Of: "Steuer"}, page{
			Row: r, Form: wrong, Of: "Steuer", Preview: "/documents/x/content?version=2", Image: r.Type == document.Slot, All: []document.Version{pdf},
			Comments: []document.Comment{{Text: "Noch einmal", By: "Ben", At: at}, {Text: "Unter uns", Internal: true, At: at}}, MayComment: true, MayInternal: true, MayMove: true,
			MayDuplicate: true, Previous: "/p", Next: "/n", Answers: options, Types: options, Folders: options, Firm: r.MayGive,
		})
	}
	trashed := rows[0].Element
	trashed.Trashed = &at
	kittest.Render(t, "document", map[string][]any{
		"document/show":   shown,
		"document/add":    {addPage{Form: fresh, Type: document.Folder}, addPage{Form: wrong, Type: document.Slot, In: "Belege", Parent: "x", MayInternal: true, Answers: options, Types: options}},
		"document/trash":  {trashPage{Of: "Steuer", Days: 30}, trashPage{Of: "Steuer", Rows: []document.Element{trashed}}},
		"document/upload": {uploadPage{Form: wrong, Of: "Steuer"}, uploadPage{Form: fresh, Element: id, Name: "Lohn"}},
	})
}
